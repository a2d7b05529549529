"""Classify images from the command line: what is found, printed and written, and what is skipped."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from netspace.models.hub import from_pretrained


@pytest.fixture
def predict(netspace, package):
    return lambda *arguments: netspace("predict", package, *arguments, "--device", "cpu")


def test_the_probabilities_are_the_calibrated_ones_of_each_image(predict, package, photos):
    folder = photos / "test" / "sky blue"
    done = predict(folder, "--json", "--batch-size", 5)
    assert done.code == 0
    records = json.loads(done.out)
    files = sorted(map(str, folder.iterdir()))
    assert [record["image"] for record in records] == files
    model = from_pretrained(package).eval()
    with torch.inference_mode():
        logits = model(torch.stack([model.transform(file) for file in files])).double()
    expected = (logits / model.package.calibration.temperature).softmax(dim=1).numpy()
    got = np.array([list(record["probabilities"].values()) for record in records])
    np.testing.assert_allclose(got, expected, atol=1e-5)
    for record, row in zip(records, expected, strict=True):
        assert record["class"] == model.classes[row.argmax()]
        assert list(record["probabilities"]) == list(model.classes)


def test_files_folders_and_patterns_are_found_each_once_and_in_order(predict, photos):
    red = photos / "test" / "brick red"
    (photos / "test" / ".hidden").mkdir(exist_ok=True)
    done = predict(red / "photo 3.png", photos / "test", str(photos / "test" / "*" / "photo 1*.png"), "--json")
    names = [record["image"] for record in json.loads(done.out)]
    assert names[0] == str(red / "photo 3.png")
    assert len(names) == len(set(names)) == 36


def test_a_table_is_printed_and_csv_is_written(predict, photos, tmp_path):
    file = photos / "test" / "sky blue" / "photo 0.png"
    printed = predict(file, "--top", 2)
    assert "photo 0.png" in printed.out
    assert "probability (%)" in printed.out
    assert predict(file, "-o", tmp_path / "classes.csv").code == 0
    row = pd.read_csv(tmp_path / "classes.csv").iloc[0]
    assert row.index.tolist() == ["image", "class", "probability", "p(brick red)", "p(leaf green)", "p(sky blue)"]
    assert sum(float(row[f"p({name})"]) for name in ("brick red", "leaf green", "sky blue")) == pytest.approx(1)
    assert predict(file, "--json", "--top", 2).code == 2


def test_an_unreadable_image_is_named_and_skipped_and_told_by_the_exit_code(predict, photos, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not an image")
    done = predict(
        tmp_path / "broken.png", tmp_path / "gone.png", photos / "test" / "sky blue" / "photo 0.png", "--json"
    )
    assert done.code == 1
    assert len(json.loads(done.out)) == 1
    first, second = done.err.splitlines()
    assert first.startswith(f"skipped {tmp_path}/broken.png: ")
    assert second == f"skipped {tmp_path}/gone.png: no such file"


@pytest.mark.parametrize(("name", "message"), [("", "holds no image files"), ("*.jpg", "matches no file")])
def test_a_folder_or_pattern_of_nothing_is_refused(predict, tmp_path, name, message):
    done = predict(f"{tmp_path}/{name}")
    assert (done.code, done.err) == (2, f"error: {tmp_path}/{name}: {message}\n")


def test_a_folder_that_is_no_package_is_refused(netspace, tmp_path):
    done = netspace("predict", tmp_path, "photo.png")
    assert done.code == 2
    assert "not a package (there is no" in done.err


def test_the_folder_of_a_training_by_an_earlier_version_is_used_too(netspace, package, photos, tmp_path):
    old = shutil.copytree(package, tmp_path / "old")
    network = json.loads((old / "config.json").read_text())["network"]
    (old / "config.json").write_text(json.dumps({"library_name": "netspace", "network": network}))
    file = photos / "test" / "sky blue" / "photo 0.png"
    found, expected = (
        json.loads(netspace("predict", folder, file, "--device", "cpu", "--json").out) for folder in (old, package)
    )
    assert found[0]["class"] == expected[0]["class"]
    assert list(found[0]["probabilities"]) == list(expected[0]["probabilities"])
