"""Networks for other run-times: `torch.export` programs and ONNX files, each checked against the network."""

import importlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from netspace.errors import MissingExtraError, WeightsError
from netspace.models.anynet import AnyNet

TOLERANCE = 1e-4
"""Largest difference of float32 logits from the network's, relative to the largest logit, that an export may have."""


def export_program(model: AnyNet, resolution: int = 224) -> torch.export.ExportedProgram:
    """Return the network in evaluation mode as a `torch.export` program for any batch size.

    Args:
        model: the network; left as it was.
        resolution: height and width of the images, pixels.
    """
    was_training = model.training
    try:
        # a traced batch of 1 would be taken for a constant
        images = _images(model, resolution, batch=2)
        return torch.export.export(model.eval(), (images,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    finally:
        model.train(was_training)


def export_onnx(model: AnyNet, path: Path | str, resolution: int = 224) -> float:
    """Write the network as an ONNX file with input `images` and output `logits`, and check it in onnxruntime.

    Args:
        model: the network; left as it was.
        path: the file to write.
        resolution: height and width of the images, pixels; the batch may have any size.

    Returns:
        The largest difference of onnxruntime's logits from the network's, relative to the largest logit.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        WeightsError: onnxruntime computes something else (by more than `TOLERANCE`).
    """
    if any(importlib.util.find_spec(package) is None for package in ("onnx", "onnxscript", "onnxruntime")):
        raise MissingExtraError("onnx", "exporting to ONNX")
    program = torch.onnx.export(
        export_program(model, resolution), input_names=["images"], output_names=["logits"], verbose=False
    )
    assert program is not None
    program.save(str(path))
    difference = _onnx_difference(model, Path(path), resolution)
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"{path}: the ONNX network's logits differ from PyTorch's by {difference:.1g} of the largest"
        )
    return difference


def _onnx_difference(model: AnyNet, path: Path, resolution: int) -> float:
    onnxruntime = importlib.import_module("onnxruntime")  # an extra, and without type information
    images = _images(model, resolution, batch=3)
    was_training = model.training
    try:
        with torch.inference_mode():
            expected = model.eval()(images).cpu()
    finally:
        model.train(was_training)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = torch.from_numpy(session.run(None, {"images": images.cpu().numpy()})[0])
    return float((got - expected).abs().max() / expected.abs().max())


def _images(model: AnyNet, resolution: int, *, batch: int) -> Tensor:
    weight = next(model.parameters())
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, model.config.in_channels, resolution, resolution, generator=generator)
    return images.to(weight)
