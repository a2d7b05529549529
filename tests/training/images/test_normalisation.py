"""The mean and standard deviation that images are normalised by: computed, or named, and never changed under way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import RegNet_X_400MF_Weights

from netspace.documents import parse
from netspace.errors import ConfigError, DataError, StudyError, TrainingError, UnknownNameError
from netspace.store import Store
from netspace.study import Study, StudySpec
from netspace.training import DataSpec, Recipe, load_data, train
from netspace.training.cache import cache_folder
from netspace.training.images.normalisation import NAMED, ChannelCounts

GREY = {"train": 100, "validation": 50}


@pytest.fixture
def colours(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    for i in range(12):
        path = tmp_path / "images" / "train" / f"class {i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return str(tmp_path / "images")


def test_counts_give_the_mean_and_deviation_of_all_the_pixels_however_they_are_divided():
    images = np.random.default_rng(0).integers(0, 200, (57, 5, 5, 3), dtype=np.uint8)
    images[..., 2] = 7
    found = []
    for size in (1, 10, 57):
        counts = ChannelCounts(3)
        for start in range(0, 57, size):
            counts.add(images[start : start + size])
        found.append(counts.mean_and_std())
    assert found[0] == found[1] == found[2]
    pixels = images.reshape(-1, 3).astype(np.float64)
    assert found[0][0] == pytest.approx(pixels.mean(axis=0), rel=1e-14)
    assert found[0][1] == pytest.approx([*pixels.std(axis=0)[:2], 1.0], rel=1e-13)


def test_named_statistics_are_those_that_published_weights_expect(colours):
    published = RegNet_X_400MF_Weights.IMAGENET1K_V1.transforms()
    data = load_data(DataSpec(source=colours, normalise="imagenet"))
    assert np.array(data.mean) / 255 == pytest.approx(published.mean)
    assert np.array(data.std) / 255 == pytest.approx(published.std)


@pytest.mark.slow
def test_the_named_statistics_of_cifar10_are_near_those_of_its_images(cifar10):
    data = load_data(DataSpec(source=str(cifar10), train=5000, validation=100))
    assert data.mean == pytest.approx([255 * value for value in NAMED["cifar10"].mean], rel=0.01)
    # pycls took the deviation of each image, then its mean
    assert data.std == pytest.approx([255 * value for value in NAMED["cifar10"].std], rel=0.05)


def test_a_mean_and_a_deviation_of_ones_own_are_in_shares_of_white():
    spec = parse(DataSpec, {**GREY, "normalise": {"mean": [0.5], "std": [0.25]}}, "study.yaml")
    data = load_data(spec)
    assert (data.mean, data.std) == ((127.5,), (63.75,))


def test_other_statistics_decode_nothing_again():
    load_data(DataSpec(**GREY))
    before = set((cache_folder() / "images").iterdir())
    load_data(DataSpec(**GREY, normalise="mnist"))
    assert set((cache_folder() / "images").iterdir()) == before


def test_statistics_of_colours_are_refused_for_grey_images_and_the_other_way_round(colours):
    with pytest.raises(
        DataError,
        match=r"mnist-5k: normalise: 'imagenet' are of 3 channels, the images have 1; valid: computed, mnist, or a",
    ):
        load_data(DataSpec(**GREY, normalise="imagenet"))
    with pytest.raises(DataError, match="normalise: mean and std are of 1 channels, the images have 3"):
        load_data(DataSpec(source=colours, normalise={"mean": [0.5], "std": [0.5]}))
    assert load_data(DataSpec(**GREY, channels=3, normalise="imagenet")).channels == 3


@pytest.mark.parametrize(
    ("normalise", "error", "message"),
    [
        ("imgnet", UnknownNameError, "unknown statistics 'imgnet' .did you mean 'imagenet'.*; valid: .*computed"),
        ({"mean": [0.5]}, ConfigError, "normalise: mean and std: the key 'std' is missing"),
        ({"mean": [0.5, 0.5], "std": [1, 1]}, ConfigError, "need 1 value each, or 3, got 2 and 2"),
        ({"mean": [0.5] * 3, "std": [1]}, ConfigError, "need 1 value each, or 3, got 3 and 1"),
        ({"mean": [125], "std": [60]}, ConfigError, "mean.0: input should be less than or equal to 1, got 125"),
        ({"mean": [0.5], "std": [0]}, ConfigError, "std.0: input should be greater than 0, got 0"),
        ([0.5], ConfigError, "mean and std: must be a mapping with the keys mean, std"),
    ],
)
def test_statistics_that_break_a_rule_are_refused_in_one_line(normalise, error, message):
    with pytest.raises(error, match=message) as caught:
        parse(DataSpec, {"normalise": normalise}, "study.yaml, data")
    assert "\n" not in str(caught.value)


def test_a_training_does_not_go_on_with_other_statistics(tmp_path):
    def trained(normalise: str) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        data = load_data(DataSpec(**GREY, normalise=normalise))
        train(model, data, Recipe(epochs=1), resume_from=tmp_path / "checkpoint.pt")

    trained("mnist")
    trained("mnist")
    with pytest.raises(TrainingError, match=r"the checkpoint belongs to another training: data\.statistics"):
        trained("computed")


def study(**data: object) -> Study:
    spec = StudySpec(name="s", spaces=("RegNetX",), n=1, flops="20K:150K", data=DataSpec(**GREY, **data))
    return Study(spec=spec.model_copy(update={"resolution": 20}))


def test_a_study_does_not_go_on_with_other_statistics_but_does_with_another_storage(tmp_path):
    store = Store.open(tmp_path / "s.db")
    first = study().open(store)
    with pytest.raises(StudyError, match=r"data\.normalise = 'computed' \(now 'mnist'\)"):
        study(normalise="mnist").open(store)
    assert study(storage="prepared").open(store).id == first.id


def test_a_study_of_before_statistics_could_be_named_goes_on(tmp_path):
    store = Store.open(tmp_path / "s.db")
    planned = study()
    record = planned.record()
    for key in ("normalise", "channels"):
        del record["data"][key]
    assert "storage" not in record["data"]
    stored = store.insert_study("s", record, "0123456789abcdef", planned.planned_runs())
    assert planned.open(store).id == stored.id
    assert planned.record()["data"]["normalise"] == "computed"
