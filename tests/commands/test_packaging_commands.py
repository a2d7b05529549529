"""Write packages for other run-times: what the files hold, compute and say of themselves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from netspace.models import export
from netspace.models.hub import from_pretrained

CLASSES = ["brick red", "leaf green", "sky blue"]


@pytest.fixture(scope="module")
def own(package, tmp_path_factory):
    return shutil.copytree(package, tmp_path_factory.mktemp("packaging") / "own")


@pytest.fixture
def ship(netspace, own):
    return lambda *arguments: netspace("package", own, *arguments)


def pictures(photos, model):
    files = sorted((photos / "test" / "sky blue").iterdir())
    pixels = np.stack([model.transform.pixels(file) for file in files])
    with torch.inference_mode():
        logits = model.eval()(model.transform.normalised(torch.from_numpy(pixels)))
    return pixels, logits


def names_no_place(file, own):
    content = file.read_bytes()
    here = str(Path(export.__file__).parents[3])
    return not any(told.encode() in content for told in (str(own.parent), here, "site-packages"))


@pytest.mark.slow
def test_an_onnx_file_is_used_by_its_metadata_alone(ship, own, photos, tmp_path):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    done = ship("--to", "onnx", "--with-preparation", "--dynamic-size", "--int8", "-o", tmp_path / "n.onnx", "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["images"] == "test"
    pytorch, exact, coarse = report["files"]
    assert exact["difference"] < 1e-5 < coarse["difference"] < 0.3
    kinds = {node.op_type for node in onnx.load(tmp_path / "n.int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= kinds
    assert all(row["milliseconds"] > 0 for row in report["files"])
    assert pytorch["error"] == exact["error"]
    assert abs(coarse["error"] - exact["error"]) <= 20
    model = from_pretrained(own)
    pixels, logits = pictures(photos, model)
    expected = (logits / model.package.temperature).softmax(dim=1).numpy()
    for name in ("n.onnx", "n.int8.onnx"):
        session = onnxruntime.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"])
        about = session.get_modelmeta().custom_metadata_map
        assert json.loads(about["classes"]) == CLASSES
        assert (about["resolution"], about["license"]) == ("16", "MIT")
        images, output = session.get_inputs()[0], session.get_outputs()[0]
        assert (images.type, images.shape) == ("tensor(uint8)", ["batch", "height", "width", 3])
        assert (output.name, output.shape) == ("probabilities", ["batch", 3])
        got = session.run(None, {"images": pixels})[0]
        np.testing.assert_allclose(got, expected, atol=1e-5 if name == "n.onnx" else 0.3)
        assert session.run(None, {"images": np.zeros((1, 24, 20, 3), np.uint8)})[0].shape == (1, 3)
        assert names_no_place(tmp_path / name, own)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["torchscript", "torch-export"])
def test_files_of_torch_compute_the_same_and_say_what_they_are(ship, own, photos, tmp_path, to):
    path = tmp_path / "network"
    done = ship("--to", to, "-o", path)
    assert done.code == 0, done.err
    assert "real images (test)" in done.out
    model = from_pretrained(own)
    pixels, logits = pictures(photos, model)
    inputs = model.transform.normalised(torch.from_numpy(pixels))
    extra = {export.METADATA: ""}
    with pytest.warns() if to == "torchscript" else torch.no_grad():
        if to == "torchscript":
            found = torch.jit.load(path, _extra_files=extra)(inputs)
        else:
            found = torch.export.load(path, extra_files=extra).module()(inputs)
    torch.testing.assert_close(found.detach(), logits, rtol=1e-4, atol=1e-4)
    about = json.loads(extra[export.METADATA])
    assert json.loads(about["classes"]) == CLASSES
    assert json.loads(about["mean"]) == pytest.approx(model.preparation.mean)
    assert names_no_place(path, own)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "tflite"), "unknown format 'tflite'"),
        (("--to", "torchscript", "--int8"), "--int8 has no effect with --to torchscript"),
        (("--to", "torchscript", "--dynamic-size"), "--dynamic-size has no effect with --to torchscript"),
        (("--calibration", 5), "--calibration has no effect without --int8"),
    ],
)
def test_what_cannot_be_is_refused(ship, arguments, message):
    done = ship(*arguments)
    assert done.code == 2
    assert message in done.err


def test_a_missing_onnxruntime_names_the_extra(ship, monkeypatch):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda _: None)
    done = ship("--to", "onnx")
    assert (done.code, "extra 'onnx'" in done.err) == (2, True)
