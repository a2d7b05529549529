"""ONNX networks in 8-bit integers: the ranges of activations taken from calibration images (static quantisation)."""

import importlib
import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.models.export import check_onnx

_BATCH = 50  # calibration images at a time
_QUANTISED = ["Conv", "Gemm", "MatMul"]  # what takes the time; the normalisation of images stays exact


def quantise_onnx(source: Path | str, target: Path | str, images: NDArray[Any], about: Mapping[str, str]) -> None:
    """Write an ONNX network with weights and activations of convolutions and products in 8 bits.

    Weights are scaled for each output channel by itself, activations by their least and largest value on `images`.

    Args:
        source: an ONNX file in float32.
        target: the file to write.
        images: to calibrate on, as the network takes them; a hundred of all classes will do.
        about: what the file says of itself, see `netspace.models.export.metadata`.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    check_onnx()
    import onnx

    quantization = importlib.import_module("onnxruntime.quantization")
    shape_inference = importlib.import_module("onnxruntime.quantization.shape_inference")
    name = onnx.load(str(source)).graph.input[0].name
    batches = [{name: images[start : start + _BATCH]} for start in range(0, len(images), _BATCH)]
    logging.getLogger().addFilter(_nothing)  # onnxruntime advises through the root logger
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared = Path(folder) / "prepared.onnx"
            shape_inference.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantization.quantize_static(
                str(prepared),
                str(target),
                _reader(quantization.CalibrationDataReader, iter(batches)),
                per_channel=True,
                op_types_to_quantize=_QUANTISED,
            )
    finally:
        logging.getLogger().removeFilter(_nothing)
    proto = onnx.load(str(target))
    del proto.metadata_props[:]
    for key, value in about.items():
        proto.metadata_props.add(key=key, value=value)
    onnx.save(proto, str(target))


def _reader(base: Any, batches: Iterator[dict[str, NDArray[Any]]]) -> Any:
    """Return the batches as onnxruntime takes them: by an object that it asks for the next one."""

    class Batches(base):  # type: ignore[misc]
        def get_next(self) -> dict[str, NDArray[Any]] | None:
            return next(batches, None)

    return Batches()


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def spread(n: int, wanted: int) -> NDArray[np.int64]:
    """Return `wanted` indices, or all there are, spread evenly over 0 .. n - 1."""
    return np.unique(np.linspace(0, n - 1, min(n, wanted)).astype(np.int64))
