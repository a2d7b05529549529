"""Train, evaluate and time from the command line: what is written, what is printed, what is refused."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from netspace.cli import app
from netspace.errors import DataError, MissingExtraError, TrainingError, UnknownNameError, WeightsError
from netspace.training import evaluate
from netspace.training.result import Epoch
from netspace.training.trackers import TRACKERS, Tracker, Trackers

NETWORK = """
stem: {kind: simple, width: 8}
stages: {depths: [1, 1], widths: [8, 16], strides: [2, 2], bottleneck_ratios: [1, 1], group_widths: [2, 4]}
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a network and images of two colours, 12 of each class to train on and 6 to test on."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "net.yaml").write_text(NETWORK)
    for split, count in (("train", 12), ("test", 6)):
        for label, name in enumerate(("dark", "light")):
            (folder / "images" / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.random.default_rng(i).integers(150 * label, 150 * label + 90, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / "images" / split / name / f"{i}.png")
    return folder


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def train(work, folder, *more: object) -> str:
    data = () if "--data" in more else ("--data", work / "images")
    common = (*data, "--batch-size", 8, "--device", "cpu", "-o", folder)
    return invoke("train", work / "net.yaml", *common, *more)


@pytest.fixture(scope="module")
def trained(work):
    output = train(work, work / "out", "--epochs", 6, "--track", "tensorboard")
    assert "epoch 6/6 · loss" in output
    assert "images/s · 0:00:00 left" in output
    return work / "out"


def test_a_training_leaves_all_that_is_needed_to_repeat_and_to_use_it(trained):
    assert {
        "config.json",
        "model.safetensors",
        "training.json",
        "result.json",
        "curve.csv",
        "curve.png",
        "curve.svg",
    } <= {file.name for file in trained.iterdir()}
    settings = json.loads((trained / "training.json").read_text())
    assert settings["recipe"]["epochs"] == 6
    assert settings["peak_lr"] == pytest.approx(0.1 * 8 / 128)
    result = json.loads((trained / "result.json").read_text())
    curve = pd.read_csv(trained / "curve.csv")
    assert curve["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert result["error"] == curve["val_error"].iloc[-1]
    assert len(result["split_digest"]) == 16
    assert any((trained / "tensorboard").iterdir())


def test_the_same_command_again_finds_it_finished_and_another_recipe_is_refused(work, trained):
    assert "resumed" in train(work, trained, "--epochs", 6)
    with pytest.raises(TrainingError, match=r"another training: recipe\.epochs = 6 \(now 7\)"):
        train(work, trained, "--epochs", 7)


def test_evaluation_counts_the_test_split(trained):
    result = json.loads(invoke("evaluate", trained, "--device", "cpu", "--json"))
    confusion = np.array(result["confusion"])
    assert confusion.sum(axis=1).tolist() == [6, 6]
    assert result["top1_error"] == pytest.approx(100 * (1 - np.trace(confusion) / 12))
    assert [row["class"] for row in result["classes"]] == ["dark", "light"]
    assert result["top5_error"] == 0
    assert (trained / "confusion.png").stat().st_size > 1000
    assert json.loads((trained / "evaluation.json").read_text()) == result


def test_any_folder_of_class_folders_is_evaluated_but_not_by_what_is_no_package(trained, work):
    result = json.loads(invoke("evaluate", trained, "--data", work / "images" / "train", "--device", "cpu", "--json"))
    assert (result["split"], result["images"]) == ("all", 24)
    with pytest.raises(WeightsError, match=r"not a package .*; `netspace train` writes one"):
        invoke("evaluate", work / "images")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("dark", "pale"), "class 'pale' is not one of the network's: dark, light"),
        (("light", "night"), "class 'night' is not one of the network's: dark, light"),
        (("dark", "light", "night"), "class 'night' is not one of the network's: dark, light"),
    ],
)
def test_images_of_other_classes_are_refused(trained, work, tmp_path, names, message):
    for split in ("train", "test"):
        for name in names:
            shutil.copytree(work / "images" / split / "dark", tmp_path / "other" / split / name)
    with pytest.raises(DataError, match=f"other: {message}"):
        invoke("evaluate", trained, "--data", tmp_path / "other", "--device", "cpu")


def test_other_images_of_the_same_classes_are_judged(trained, work, tmp_path):
    shutil.copytree(work / "images", tmp_path / "other")
    (tmp_path / "other" / "test" / "dark" / "0.png").unlink()
    (tmp_path / "other.json").write_text(json.dumps({"source": str(tmp_path / "other")}))
    result = json.loads(invoke("evaluate", trained, "--data", tmp_path / "other.json", "--device", "cpu", "--json"))
    assert [row["images"] for row in result["classes"]] == [5, 6]
    invoke("evaluate", trained, "--device", "cpu")


def test_a_training_is_used_from_anywhere_and_without_its_own_images(work, tmp_path, monkeypatch):
    shutil.copytree(work / "images", tmp_path / "own")
    shutil.copytree(work / "images", tmp_path / "other")
    # images that are nowhere else: where the same ones are would be remembered
    shutil.copy(work / "images" / "train" / "dark" / "0.png", tmp_path / "own" / "train" / "dark" / "more.png")
    with monkeypatch.context() as there:
        there.chdir(tmp_path)
        train(work, tmp_path / "out", "--data", "own", "--epochs", 1)
    arguments = ("evaluate", tmp_path / "out", "--device", "cpu", "--json")
    own = json.loads(invoke(*arguments))
    for name in ("dark", "light"):
        # another mean, were it taken from what is evaluated
        shutil.copy(work / "images" / "train" / "light" / "0.png", tmp_path / "other" / "train" / name / "more.png")
    shutil.rmtree(tmp_path / "own")
    with pytest.raises(DataError, match="own: no such file or folder"):
        invoke(*arguments)
    other = json.loads(invoke(*arguments, "--data", tmp_path / "other"))
    assert other["confusion"] == own["confusion"]
    trained_on = json.loads((tmp_path / "out" / "training.json").read_text())["trained_on"]
    assert trained_on["class_names"] == ["dark", "light"]
    means = []
    monkeypatch.setattr(
        "netspace.training.assessment.evaluate", lambda *args: means.append(args[3].mean) or evaluate(*args)
    )
    invoke(*arguments, "--data", tmp_path / "other")
    assert means == [pytest.approx(trained_on["mean"])]


def test_a_folder_of_an_earlier_version_is_evaluated_with_the_images_it_names(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "out")
    settings = json.loads((trained / "training.json").read_text())
    del settings["trained_on"]
    (tmp_path / "out" / "training.json").write_text(json.dumps(settings))
    found = [json.loads(invoke("evaluate", f, "--device", "cpu", "--json")) for f in (trained, tmp_path / "out")]
    assert found[0]["confusion"] == found[1]["confusion"]


def test_times_are_printed_and_kept(work):
    arguments = ("bench", work / "net.yaml", "--resolution", 16, "--batch-size", 4, "--repeats", 3, "--device", "cpu")
    (timing,) = json.loads(invoke(*arguments, "--json"))
    for what in ("inference", "training_step"):
        times = timing[what]
        assert 0 < times["least"] <= times["low"] <= times["median"] <= times["high"]
        assert times["images_per_second"] == pytest.approx(4 / times["median"])
    from netspace.arch import read_network
    from netspace.training.timing import Conditions, kept_timing

    conditions = Conditions(batch_size=4, resolution=16, repeats=3)
    assert kept_timing(read_network(work / "net.yaml"), conditions) == timing
    assert "training step" in invoke(*arguments)


def test_one_image_of_one_pixel_at_the_end_is_timed_in_inference_alone(work):
    arguments = ("bench", work / "net.yaml", "--resolution", 1, "--batch-size", 1, "--repeats", 2, "--device", "cpu")
    (timing,) = json.loads(invoke(*arguments, "--json"))
    assert "inference" in timing
    assert "training_step" not in timing
    assert "training step" not in invoke(*arguments)


class Failing(Tracker):
    """Works for one epoch."""

    def __init__(self, _folder, _about, _name) -> None:
        self.epochs = 0

    def log(self, _epoch: Epoch) -> None:
        self.epochs += 1
        if self.epochs == 2:
            raise ConnectionError("no such host")

    def close(self) -> None:
        raise AssertionError("it was dropped")


EPOCH = Epoch(epoch=1, train_loss=1.0, val_error=50.0, lr=0.1, seconds=1.0)


def test_a_tracker_that_fails_is_dropped_with_a_warning(monkeypatch, tmp_path):
    monkeypatch.setitem(TRACKERS, "failing", ("nothing", Failing))
    trackers = Trackers(["failing"], tmp_path, {})
    trackers.log(EPOCH)
    with pytest.warns(UserWarning, match=r"tracker 'failing' failed and is no longer used \(no such host\)"):
        trackers.log(EPOCH)
    trackers.log(EPOCH)
    trackers.close()


def test_an_unknown_tracker_and_one_without_its_library_are_refused(monkeypatch, tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown tracker 'wand' .*did you mean 'wandb'"):
        Trackers(["wand"], tmp_path, {})

    def missing(_folder, _about, _name):
        raise ModuleNotFoundError("wandb")

    monkeypatch.setitem(TRACKERS, "wandb", ("wandb", missing))
    with pytest.raises(MissingExtraError, match="the tracker 'wandb' needs the extra 'wandb'"):
        Trackers(["wandb"], tmp_path, {})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the libraries, at import
@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_trackers_write_without_a_network(name, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    trackers = Trackers([name], tmp_path, {"seed": 0})
    assert list(trackers._open) == [name]
    trackers.log(EPOCH)
    assert list(trackers._open) == [name]
    trackers.close()
    assert any(tmp_path.iterdir())
