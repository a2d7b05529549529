"""Packages: what they say of their network, what others read in them, what is refused."""

import json
import platform
import shutil

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from scipy.special import softmax
from statsmodels.stats.proportion import proportion_confint

from netspace.errors import ConfigError, DataError, WeightsError
from netspace.models import build
from netspace.models.hub import from_pretrained, save_pretrained
from netspace.models.package import Preparation, error_interval
from netspace.models.timm_names import register
from netspace.training import DataSpec, load_data
from netspace.training.images.augmentation import normalise, statistics

CLASSES = ("brick red", "leaf green", "sky blue")


@pytest.fixture
def own(package, tmp_path):
    return shutil.copytree(package, tmp_path / "own")


def change(folder, **entries):
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(content | entries))


def test_a_package_gives_a_network_that_knows_its_classes_and_prepares_images_as_in_training(package, photos):
    model = from_pretrained(package)
    assert model.classes == CLASSES
    data = load_data(DataSpec(source=str(photos), validation=30))
    files = sorted((photos / "test" / "leaf green").iterdir(), key=lambda file: file.name)
    expected = normalise(torch.from_numpy(np.array(data.test_images[12:24])), *statistics(data, torch.device("cpu")))
    got = torch.stack([model.transform(file) for file in files])
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)
    with Image.open(files[0]) as image:
        assert torch.equal(model.transform(image), got[0])
        assert torch.equal(model.transform(np.asarray(image)), got[0])


def test_images_of_other_sizes_and_channels_are_brought_to_the_networks(package):
    transform = from_pretrained(package).transform
    for mode, size in (("L", (40, 20)), ("RGBA", (16, 33)), ("P", (7, 5))):
        assert transform(Image.new(mode, size)).shape == (3, 16, 16)


def test_a_grey_network_refuses_colour_unless_it_was_trained_on_colour_turned_to_grey(package, tmp_path):
    about = from_pretrained(package).package
    grey = Preparation(resolution=8, channels=1, mean=(0.5,), std=(0.5,), background=7)
    model = build(from_pretrained(package).config.changed(in_channels=1), seed=0)
    Image.new("RGB", (8, 8), (200, 10, 10)).save(tmp_path / "red.png")
    for to_grey in (False, True):
        shown = grey.model_copy(update={"to_grey": to_grey})
        again = from_pretrained(
            save_pretrained(model, tmp_path / "grey", about.model_copy(update={"preparation": shown}))
        )
        assert again.preparation == shown
        assert again.transform(Image.new("LA", (8, 8), (0, 0))).unique().tolist() == [
            pytest.approx((7 / 255 - 0.5) / 0.5)
        ]
        if to_grey:
            assert again.transform(tmp_path / "red.png").shape == (1, 8, 8)
        else:
            with pytest.raises(DataError, match=r"red\.png: the image is in colour \(RGB\), but the network"):
                again.transform(tmp_path / "red.png")


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), (b"no image", "could not be read")])
def test_what_is_no_image_is_refused_by_name(package, tmp_path, content, reason):
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.png: {reason}"):
        from_pretrained(package).transform(tmp_path / "x.png")


def test_the_description_follows_the_conventions_of_the_hub_and_of_timm(package):
    config = json.loads((package / "config.json").read_text())
    assert config["id2label"] == dict(zip("012", CLASSES, strict=True))
    assert config["label2id"] == {name: label for label, name in enumerate(CLASSES)}
    assert config["pretrained_cfg"]["input_size"] == [3, 16, 16]
    processor = json.loads((package / "preprocessor_config.json").read_text())
    assert processor["image_mean"] == config["pretrained_cfg"]["mean"]
    assert all(0.2 < mean < 0.5 for mean in processor["image_mean"])
    assert processor["crop_size"] == {"height": 16, "width": 16}
    (error,) = config["errors"]
    result = json.loads((package / "result.json").read_text())
    assert (error["split"], error["images"], error["error"]) == ("validation", 30, result["error"])
    assert error["low"] < error["error"] < error["high"]
    assert config["recipe"]["epochs"] == 3
    assert config["license"] == "MIT"
    assert config["data"]["split_digest"] == result["split_digest"]
    _, front, body = (package / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(front)
    assert (card["license"], card["pipeline_tag"]) == ("MIT", "image-classification")
    assert card["model-index"][0]["results"][0]["metrics"][0]["value"] == pytest.approx(1 - error["error"] / 100)
    assert f"| validation | 30 | {error['error']:.2f} |" in body


def test_timm_opens_a_package(package):
    import timm

    register()
    model = timm.create_model(f"local-dir:{package}", pretrained=True).eval()
    images = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(model(images), from_pretrained(package).eval()(images))
    fresh = timm.create_model(f"local-dir:{package}")
    assert fresh.config == model.config
    assert not torch.equal(fresh.stem.conv.weight, model.stem.conv.weight)


def test_timm_opens_a_package_of_the_hub(package, tmp_path, monkeypatch):
    import shutil

    import timm

    # as the hub's client keeps what it downloaded; offline it takes that
    home = tmp_path / "hub" / "models--someone--photos"
    shutil.copytree(package, home / "snapshots" / "0123abc")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0123abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    register()
    images = torch.randn(2, 3, 16, 16)
    expected = from_pretrained(package).eval()
    for model in (timm.create_model("hf-hub:someone/photos", pretrained=True), from_pretrained("someone/photos")):
        with torch.inference_mode():
            assert torch.equal(model.eval()(images), expected(images))


def test_no_file_names_a_place_of_this_machine(package, photos):
    for file in package.rglob("*"):
        content = file.read_bytes()
        for told in (str(photos.parent), str(package.parent)):
            assert told.encode() not in content, file
        # a short name turns up among weights by chance
        assert file.suffix not in {".json", ".md", ".csv"} or platform.node() not in content.decode()


def test_saving_again_keeps_what_is_known(package, tmp_path):
    model = from_pretrained(package)
    again = from_pretrained(save_pretrained(model, tmp_path / "again"))
    assert again.package == model.package
    assert (tmp_path / "again" / "README.md").read_text() == (package / "README.md").read_text()


def test_a_folder_of_an_earlier_version_loads(package, own):
    content = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps({"library_name": "netspace", "network": content["network"]}))
    (own / "README.md").unlink()
    model = from_pretrained(own)
    assert (model.package, model.classes, model.transform) == (None, None, None)
    assert torch.equal(model.head.fc.weight, from_pretrained(package).head.fc.weight)


def test_a_package_of_a_newer_version_is_refused_in_one_line(own):
    change(own, package_format=2, netspace_version="9.0")
    with pytest.raises(WeightsError, match=r"is a package of format 2 \(netspace 9\.0\).*update netspace$"):
        from_pretrained(own)


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({"id2label": {"0": "a", "1": "b"}}, WeightsError, "id2label names 2 classes, the network has 3 outputs"),
        ({"id2label": {"0": "a", "1": "b", "7": "c"}}, ConfigError, r"config\.json: classes\.2: .*got None"),
        ({"errors": [{"split": "best"}]}, ConfigError, r"config\.json: .*errors\.0"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(own, entries, error, message):
    change(own, **entries)
    with pytest.raises(error, match=message):
        from_pretrained(own)


def test_a_folder_that_is_no_package_or_not_there_is_told(tmp_path):
    with pytest.raises(WeightsError, match=r"^gone: no such folder, and not a repository's name"):
        from_pretrained("gone")
    with pytest.raises(WeightsError, match=r"not a package \(there is no config\.json\); `netspace train` writes one"):
        from_pretrained(tmp_path)


@pytest.mark.parametrize(("wrong", "images"), [(0, 10), (3, 30), (10, 10), (123, 1000)])
def test_intervals_are_those_of_statsmodels(wrong, images):
    expected = proportion_confint(wrong, images, method="wilson")
    assert error_interval(wrong, images) == pytest.approx([100 * end for end in expected])


def test_the_temperature_is_what_makes_the_validation_labels_likeliest(package, photos):
    model = from_pretrained(package).eval()
    data = load_data(DataSpec(source=str(photos), validation=30))
    with torch.inference_mode():
        logits = model(model.transform.normalised(torch.from_numpy(np.array(data.validation_images)))).numpy()

    def loss(temperature):
        return -np.log(softmax(logits / temperature, axis=1)[np.arange(30), data.validation_labels]).mean()

    fitted = model.package.temperature
    assert loss(fitted) <= min(loss(fitted * factor) for factor in (0.9, 0.99, 1.01, 1.1))


def test_a_fresh_network_knows_nothing_of_images(package):
    assert build(from_pretrained(package).config, seed=0).transform is None
