"""Networks for other run-times: `torch.export` programs, ONNX and TorchScript files, each checked against the network.

What is written names no path of the machine that it was written on.
"""

import importlib
import importlib.util
import json
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netspace.errors import MissingExtraError, WeightsError
from netspace.models.backbone import Described
from netspace.models.package import Package

TOLERANCE = 1e-4
"""Largest difference of float32 outputs from the network's, relative to the largest, that an export may have."""

METADATA = "netspace.json"
"""What the metadata of a TorchScript file or an exported program is called inside of it."""

Format = Literal["onnx", "torchscript", "torch-export"]
ENDINGS: dict[Format, str] = dict(zip(get_args(Format), (".onnx", ".torchscript", ".pt2"), strict=True))
"""The formats, and how their files end."""

_TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node")  # where in whose code a node was made


class WithPreparation(nn.Module):
    """A package's network that normalises by itself and gives probabilities.

    Args:
        model: of a package.

    Raises:
        WeightsError: nothing says how it is shown images.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: Described) -> None:
        super().__init__()
        if model.preparation is None:
            raise WeightsError("the network did not come from a package, so the normalisation of its images is unknown")
        self.model = model
        self.temperature: float = 1.0 if model.package is None else model.package.temperature
        for name in ("mean", "std"):
            values = [255 * value for value in getattr(model.preparation, name)]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Map uint8 (n, height, width, channels) to calibrated probabilities, float32 (n, classes)."""
        logits: Tensor = self.model(((x.float() - self.mean) / self.std).permute(0, 3, 1, 2))
        return (logits / self.temperature).softmax(dim=1)


def metadata(package: Package, *, prepared: bool) -> dict[str, str]:
    """Return what a file says of itself, as text: all that it takes to use it without netspace.

    Args:
        package: what is known of the network.
        prepared: whether the file normalises by itself, see `WithPreparation`.
    """
    shown = package.preparation
    size = f"{shown.resolution} x {shown.resolution}"
    given = (
        f"uint8 (batch, height, width, {shown.channels})" if prepared else f"float32 (batch, {shown.channels}, h, w)"
    )
    return {
        "name": package.name,
        "classes": json.dumps(list(package.classes)),
        "input": f"{given}: images with the shorter side resized to {shown.resolution} ({shown.interpolation}) and the "
        f"centre of {size} cropped" + ("" if prepared else ", then (pixel / 255 - mean) / std"),
        "output": "probabilities (batch, classes)" if prepared else "logits (batch, classes)",
        "resolution": str(shown.resolution),
        "channels": str(shown.channels),
        "interpolation": shown.interpolation,
        "background": str(shown.background),
        "mean": json.dumps(list(shown.mean)),
        "std": json.dumps(list(shown.std)),
        "temperature": str(package.temperature),
        "license": package.license or "",
    }


def export_program(
    model: Described | WithPreparation, resolution: int = 224, *, dynamic_size: bool = False
) -> torch.export.ExportedProgram:
    """Return the network in evaluation mode as a `torch.export` program for any batch size.

    Args:
        model: the network; left as it was.
        resolution: height and width of the images, pixels.
        dynamic_size: whether images of other heights and widths are taken, too.
    """
    was_training = model.training
    sizes = (1, 2) if isinstance(model, WithPreparation) else (2, 3)
    dims: dict[int, Any] = {0: torch.export.Dim("batch")}
    if dynamic_size:
        dims |= dict.fromkeys(sizes, torch.export.Dim.DYNAMIC)
    try:
        # a traced batch of 1 would be taken for a constant
        images = example_images(model, resolution, batch=2)
        program = torch.export.export(model.eval(), (images,), dynamic_shapes={"x": dims})
    finally:
        model.train(was_training)
    for node in program.graph.nodes:
        for trace in _TRACES:
            node.meta.pop(trace, None)
    return program


def export_onnx(
    model: Described | WithPreparation,
    path: Path | str,
    resolution: int = 224,
    *,
    dynamic_size: bool = False,
    about: Mapping[str, str] | None = None,
    images: Tensor | None = None,
) -> float:
    """Write the network as an ONNX file with input `images`, and check it in onnxruntime.

    Its output is called `logits`, or `probabilities` of a network with preparation; the first axis of both is `batch`.

    Args:
        model: the network; left as it was.
        path: the file to write.
        resolution: height and width of the images, pixels; the batch may have any size.
        dynamic_size: whether images of other sizes are taken, too: the axes `height` and `width`.
        about: what the file says of itself, see `metadata`.
        images: what to check it on, as the network takes them; random ones if left out.

    Returns:
        The largest difference of onnxruntime's outputs from the network's, relative to the largest output.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        WeightsError: onnxruntime computes something else (by more than `TOLERANCE`).
    """
    check_onnx()
    import onnx

    output = "probabilities" if isinstance(model, WithPreparation) else "logits"
    program = torch.onnx.export(
        export_program(model, resolution, dynamic_size=dynamic_size),
        input_names=["images"],
        output_names=[output],
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    _strip(proto)
    _name_axes(
        proto, ("batch", "height", "width", "") if output == "probabilities" else ("batch", "", "height", "width")
    )
    for key, value in (about or {}).items():
        proto.metadata_props.add(key=key, value=value)
    onnx.save(proto, str(path))
    if images is None:
        images = example_images(model, resolution, batch=3)
    return check_outputs(
        torch.from_numpy(run_onnx(path, images.cpu().numpy())), model, images, f"{path}: the ONNX network"
    )


def export_torchscript(
    model: Described | WithPreparation,
    path: Path | str,
    resolution: int = 224,
    *,
    about: Mapping[str, str] | None = None,
    images: Tensor | None = None,
) -> float:
    """Write the network as a TorchScript file for any batch size and images of any size, and check it.

    Args, Returns: as for `export_onnx`.

    Raises:
        WeightsError: the file computes something else.
    """
    was_training = model.training
    example = example_images(model, resolution, batch=2)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch would have everyone use torch.export
            traced = torch.jit.freeze(torch.jit.trace(model.eval(), (example,), check_trace=False))  # type: ignore[no-untyped-call]
            with tempfile.TemporaryDirectory() as folder:
                scratch = Path(folder) / "network"
                torch.jit.save(traced, str(scratch), _extra_files={METADATA: json.dumps(dict(about or {}))})
                _without_traces(scratch, Path(path))
            loaded = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
            images = example if images is None else images
            return check_outputs(loaded(images.cpu()), model, images, f"{path}: the TorchScript network")
    finally:
        model.train(was_training)


def export_saved_program(
    model: Described | WithPreparation,
    path: Path | str,
    resolution: int = 224,
    *,
    dynamic_size: bool = False,
    about: Mapping[str, str] | None = None,
    images: Tensor | None = None,
) -> float:
    """Write the network as a file that `torch.export.load` reads, and check it.

    Args, Returns: as for `export_onnx`.

    Raises:
        WeightsError: the file computes something else.
    """
    program = export_program(model, resolution, dynamic_size=dynamic_size)
    torch.export.save(program, str(path), extra_files={METADATA: json.dumps(dict(about or {}))})
    images = example_images(model, resolution, batch=3) if images is None else images
    with torch.no_grad():
        outputs = torch.export.load(str(path)).module()(images)
    return check_outputs(outputs, model, images, f"{path}: the exported program")


def check_onnx() -> None:
    """Raise unless all of the extra is installed.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not.
    """
    if any(importlib.util.find_spec(package) is None for package in ("onnx", "onnxscript", "onnxruntime")):
        raise MissingExtraError("onnx", "exporting to ONNX")


def onnx_session(path: Path | str, threads: int | None = None) -> Any:
    """Return an inference session of onnxruntime on the CPU, with so many threads, or its own choice."""
    onnxruntime = importlib.import_module("onnxruntime")  # an extra, and without type information
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_onnx(path: Path | str, images: NDArray[Any], batch_size: int = 250) -> NDArray[np.float32]:
    """Return the outputs of an ONNX file, float32 (n, classes), for images as it takes them."""
    session = onnx_session(path)
    name = session.get_inputs()[0].name
    starts = range(0, len(images), batch_size)
    return np.concatenate([session.run(None, {name: images[i : i + batch_size]})[0] for i in starts])


def check_outputs(outputs: Tensor, model: nn.Module, images: Tensor, what: str) -> float:
    """Return the largest difference of outputs from the network's, relative to the largest of those, if it is small.

    Raises:
        WeightsError: it is more than `TOLERANCE`.
    """
    was_training = model.training
    try:
        with torch.inference_mode():
            expected = model.eval()(images).cpu()
    finally:
        model.train(was_training)
    difference = float((outputs.cpu() - expected).abs().max() / expected.abs().max())
    if not difference <= TOLERANCE:
        raise WeightsError(f"{what}'s outputs differ from PyTorch's by {difference:.1g} of the largest")
    return difference


def example_images(model: Described | WithPreparation, resolution: int, *, batch: int) -> Tensor:
    """Return random images as the network takes them."""
    generator = torch.Generator().manual_seed(0)
    if isinstance(model, WithPreparation):
        size = (batch, resolution, resolution, model.model.config.in_channels)
        return torch.randint(256, size, generator=generator, dtype=torch.uint8).to(model.mean.device)
    weight = next(model.parameters())
    images = torch.randn(batch, model.config.in_channels, resolution, resolution, generator=generator)
    return images.to(weight)


def _strip(proto: Any) -> None:
    """Remove from an ONNX model what tells in whose code a node was made, and where that code is."""
    graph = proto.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, graph):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
    del proto.metadata_props[:]


def _name_axes(proto: Any, axes: tuple[str, ...]) -> None:
    """Call the axes of the input that are not fixed by these names, and the first one of the output too."""
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    for dim, name in zip(dims, axes, strict=True):
        if dim.dim_param:
            dim.dim_param = name
    for output in proto.graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = axes[0]


def _without_traces(source: Path, target: Path) -> None:
    """Copy a TorchScript file without the records that tell where the code was that it was traced from."""
    reader = torch._C.PyTorchFileReader(str(source))
    writer = torch._C.PyTorchFileWriter(str(target))
    for record in reader.get_all_records():
        # the writer adds its own version and serialization id
        if not record.endswith(".debug_pkl") and record not in ("version", ".data/serialization_id", "byteorder"):
            content = reader.get_record(record)
            writer.write_record(record, content, len(content))
    writer.write_end_of_file()
