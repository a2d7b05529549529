"""Training that starts from weights: what is loaded, what rests, and how fast each layer learns."""

import json

import pytest
import torch

from netspace.arch import AnyNetConfig
from netspace.errors import ConfigError, WeightsError
from netspace.models import build
from netspace.models.hub import from_pretrained
from netspace.training import Augment, DataSpec, Recipe, load_data, train
from netspace.training.fine_tuning import Start, start_from_published, start_from_weights
from netspace.training.optim import make_optimizer, set_rate

STILL = Augment(flip=False)


def changed(model, before):
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_frozen_body_keeps_weights_and_statistics_until_it_is_let_go(package, photos, optimizer):
    data = load_data(DataSpec(source=str(photos), validation=30))
    recipe = Recipe(epochs=2, frozen_epochs=1, batch_size=14, lr=0.01, augment=STILL, optimizer=optimizer)
    model = from_pretrained(package)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    after = []
    train(model, data, recipe, on_epoch=lambda _: after.append(changed(model, before)))
    assert after[0] == {"head.fc.weight", "head.fc.bias"}
    assert "stem.norm.running_mean" in after[1]
    assert "stem.conv.weight" in after[1]
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_each_layer_learns_at_its_own_rate(package):
    model = from_pretrained(package)
    optimizer = make_optimizer(model, Recipe(layer_decay=0.5, weight_decay=0.1, decay_norm=False))
    set_rate(optimizer, 1.0)
    found = {id(parameter): group for group in optimizer.param_groups for parameter in group["params"]}
    groups = {name: found[id(parameter)] for name, parameter in model.named_parameters()}
    assert groups["head.fc.weight"]["lr"] == 1
    assert groups["stages.1.blocks.0.branch.a.conv.weight"]["lr"] == 0.5
    assert groups["stages.0.blocks.0.branch.a.norm.weight"]["lr"] == 0.25
    assert groups["stem.conv.weight"]["lr"] == 0.125
    assert groups["stem.norm.weight"]["weight_decay"] == 0
    assert groups["stem.conv.weight"]["weight_decay"] == 0.1
    with pytest.raises(ConfigError, match="layer_decay needs a network that says what its layers are"):
        make_optimizer(torch.nn.Linear(2, 2), Recipe(layer_decay=0.5))


@pytest.mark.parametrize(("key", "value"), [("layer_decay", 0), ("layer_decay", 1.1), ("frozen_epochs", 5)])
def test_settings_out_of_range_are_refused(key, value):
    with pytest.raises(ConfigError, match=key):
        Recipe(**{key: value})


def test_a_package_with_the_same_classes_keeps_its_classifier_and_says_how_it_is_shown_images(package):
    original = from_pretrained(package)
    for classes, kept in ((original.classes, True), (("a", "b", "c"), False)):
        model = from_pretrained(package)
        model.reset_classifier(3)
        start = start_from_weights(model, str(package), classes)
        assert torch.equal(model.head.fc.weight, original.head.fc.weight) is kept
        assert start.mean == pytest.approx([255 * mean for mean in original.preparation.mean])


def test_images_are_normalised_as_the_weights_expect_unless_the_user_says_otherwise():
    start = Start(name="published", mean=(1.0,), std=(2.0,))
    computed, asked = DataSpec(train=20, validation=20), DataSpec(train=20, validation=20, normalise="mnist")
    images = load_data(computed)
    assert start.prepared(images, computed).mean == (1.0,)
    assert start.prepared(images, asked) is images
    assert Start(name="unknown").prepared(images, computed) is images


def test_a_file_of_weights_gets_a_new_classifier_and_another_networks_is_refused(package):
    model = from_pretrained(package)
    model.reset_classifier(4)
    start = start_from_weights(model, str(package / "model.safetensors"), ("a", "b", "c", "d"))
    assert start.name == "the file model.safetensors"
    assert torch.equal(model.stem.conv.weight, from_pretrained(package).stem.conv.weight)
    with pytest.raises(WeightsError, match="no such file"):
        start_from_weights(model, "gone.pth", ())
    with pytest.raises(ConfigError, match=r"published weights .* of the zoo, got the file 'net\.yaml'"):
        start_from_published(model, "net.yaml")


def test_the_command_fine_tunes_a_package_on_other_images(package, photos, tmp_path):
    from typer.testing import CliRunner

    from netspace.cli import app

    network = json.loads((package / "config.json").read_text())["network"]
    (tmp_path / "net.json").write_text(json.dumps(network))
    arguments = [
        "train",
        tmp_path / "net.json",
        "--data",
        photos,
        "--weights",
        package,
        "--epochs",
        1,
        "--device",
        "cpu",
    ]
    done = CliRunner().invoke(app, [*map(str, arguments), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert "from the package 'tiny'" in done.output
    tuned = from_pretrained(tmp_path / "out")
    assert tuned.package.started_from == "the package 'tiny'"
    assert tuned.preparation.mean == pytest.approx(from_pretrained(package).preparation.mean)


def test_of_several_weights_in_a_file_the_key_chooses(tmp_path):
    network = AnyNetConfig(stem={"kind": "cifar", "width": 8}, stages={"depths": [1], "widths": [8]}, num_classes=3)
    raw, average = (build(network, seed=seed).state_dict() for seed in (1, 2))
    torch.save({"state_dict": raw, "state_dict_ema": average}, tmp_path / "w.pth")
    for key, expected in ((None, average), ("state_dict", raw)):
        model = build(network, seed=0)
        start_from_weights(model, str(tmp_path / "w.pth"), (), key)
        assert torch.equal(model.stem.conv.weight, expected["stem.conv.weight"])
