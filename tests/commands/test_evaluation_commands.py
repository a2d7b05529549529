"""Evaluate packages from the command line: which images, per class with intervals, two side by side."""

import json
import shutil

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from netspace.models.hub import from_pretrained, save_pretrained


@pytest.fixture
def own(package, tmp_path):
    return shutil.copytree(package, tmp_path / "own")


@pytest.fixture
def evaluate(netspace):
    return lambda *arguments: netspace("evaluate", *arguments, "--device", "cpu")


def test_the_own_test_split_is_evaluated_and_its_error_noted_in_the_package(evaluate, own):
    done = evaluate(own, "--json")
    result = json.loads(done.out)
    assert (done.code, result["split"], result["images"]) == (0, "test", 36)
    assert not result["ece_after_cross_fitted"]
    confusion = np.array(result["confusion"])
    wrong = 36 - np.trace(confusion)
    assert result["top1_error"] == pytest.approx(100 * wrong / 36)
    assert [result["low"], result["high"]] == pytest.approx(
        [100 * end for end in proportion_confint(wrong, 36, method="wilson")]
    )
    for row, counts, label in zip(result["classes"], confusion, range(3), strict=True):
        ends = proportion_confint(counts.sum() - counts[label], counts.sum(), method="wilson")
        assert [row["low"], row["high"]] == pytest.approx([100 * end for end in ends])
    errors = {error.split: error for error in from_pretrained(own).package.errors}
    assert errors["test"].error == pytest.approx(result["top1_error"])
    assert "| test | 36 |" in (own / "README.md").read_text()
    text = evaluate(own).out
    assert "on 36 images: the test split" in text
    assert "expected calibration error" in text


def test_without_a_test_split_the_validation_split_is_evaluated_and_that_is_said(netspace, evaluate, photos, tmp_path):
    shutil.copytree(photos / "train", tmp_path / "plain")
    (tmp_path / "net.yaml").write_text("stem: {width: 8}\nstages: {depths: [1], widths: [8], group_widths: [8]}\n")
    trained = netspace(
        "train",
        tmp_path / "net.yaml",
        "--data",
        tmp_path / "plain",
        "--epochs",
        1,
        "--device",
        "cpu",
        "-o",
        tmp_path / "o",
    )
    assert trained.code == 0, trained.err
    text = evaluate(tmp_path / "o").out
    assert "the validation split (there is no test split)" in text
    assert "(each half of the images by a temperature of the other)" in text
    # the temperature was fitted on these images: what it leaves on others is what the training wrote down
    result = json.loads(evaluate(tmp_path / "o", "--json").out)
    known = from_pretrained(tmp_path / "o").package.calibration
    assert result["ece_after_cross_fitted"]
    assert result["ece_after"] == pytest.approx(known.ece_after, abs=1e-3)
    assert (
        "if each half of the images is judged by the temperature of the other half"
        in (tmp_path / "o" / "README.md").read_text()
    )


def test_a_folder_with_some_of_the_classes_in_another_order_is_evaluated_by_their_names(
    evaluate, own, photos, tmp_path
):
    for name in ("sky blue", "leaf green"):
        shutil.copytree(photos / "test" / name, tmp_path / "some" / name)
    whole = json.loads(evaluate(own, "--json").out)
    part = json.loads(evaluate(own, "--data", tmp_path / "some", "--json").out)
    assert (part["split"], part["images"]) == ("all", 24)
    assert part["confusion"] == [[0, 0, 0], *whole["confusion"][1:]]
    assert part["classes"][0]["error"] is None
    assert from_pretrained(own).package.errors[-1].images == 36


def test_two_packages_are_compared_on_the_same_images_by_an_exact_test(evaluate, own, tmp_path):
    model = from_pretrained(own)
    model.head.fc.weight.data.mul_(-1)
    worse = save_pretrained(model, tmp_path / "worse")
    result = json.loads(evaluate(own, worse, "--json").out)
    first, second = (result["packages"][str(name)] for name in (own, worse))
    b, c = result["only_first_right"], result["only_second_right"]
    assert result["difference"] == pytest.approx(first["top1_error"] - second["top1_error"])
    assert result["p_value"] == pytest.approx(binomtest(b, b + c).pvalue)
    assert "McNemar p = " in evaluate(own, worse).out
    assert [error.split for error in from_pretrained(worse).package.errors] == ["validation"]


def test_packages_of_other_classes_and_images_of_other_channels_are_refused(evaluate, own, tmp_path):
    model = from_pretrained(own)
    other = save_pretrained(
        model, tmp_path / "other", model.package.model_copy(update={"classes": ("a", "leaf green", "sky blue")})
    )
    done = evaluate(own, other)
    assert (done.code, done.err) == (2, f"error: class 0 is 'brick red' in {own}, but 'a' in {other}\n")


def test_where_the_images_are_must_be_known(evaluate, package, tmp_path):
    model = from_pretrained(package)
    done = evaluate(save_pretrained(model, tmp_path / "away"))
    assert done.code == 2
    assert "give --data" in done.err
