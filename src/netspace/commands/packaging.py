"""The command that writes the network of a package for other run-times."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import AsJson, TrustCode, check_options_apply
from netspace.commands.output import make_folder, print_json, print_table
from netspace.commands.prediction import PackageName
from netspace.commands.training import data_spec

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from netspace.models.backbone import Described
    from netspace.models.export import Format, WithPreparation
    from netspace.models.package import Package
    from netspace.training.assessment import Labelled

CALIBRATION = 200
"""Images that int8 quantisation is calibrated on by default."""

_CHECKED = 64  # real images that outputs are compared on
_REPEATS = 30


def package(
    package: PackageName,
    to: Annotated[
        str, typer.Option(metavar="FORMAT", help="Format of the file: onnx, torchscript or torch-export.")
    ] = "onnx",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="File to write. Default: a file in the package's folder."),
    ] = None,
    with_preparation: Annotated[
        bool,
        typer.Option("--with-preparation", help="Include the normalisation: uint8 NHWC images in, probabilities out."),
    ] = False,
    dynamic_size: Annotated[
        bool, typer.Option("--dynamic-size", help="Accept images of any height and width, not only of the resolution.")
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Write a second ONNX file in 8-bit integers too, and print the error of both."),
    ] = False,
    calibration: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of images to calibrate int8 on. Default: 200.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="D", help="Images to check the file on, as for train. Default: those of the training."),
    ] = None,
    trust_code: TrustCode = False,
    as_json: AsJson = False,
) -> None:
    """Write a trained network for other run-times.

    Prints the largest difference of each file's outputs from PyTorch's on real images, and the time of one image on one
    core; with --int8 also the error on the test split, or on the validation split if there is no test split. A file
    holds the classes, resolution and normalisation as metadata, and takes batches of any size.

    Examples:
        netspace package trained --to onnx --with-preparation
        netspace package trained --to onnx --int8 -o network.onnx
    """
    from netspace.errors import raise_unknown
    from netspace.models.export import ENDINGS, WithPreparation, check_onnx, metadata
    from netspace.training.assessment import open_package

    if to not in ENDINGS:
        raise_unknown("format", to, ENDINGS)
    if to != "onnx":
        check_options_apply({"--int8": int8}, f"with --to {to}")
    if to == "torchscript":
        check_options_apply({"--dynamic-size": dynamic_size}, "with --to torchscript, which takes images of any size")
    if not int8:
        check_options_apply({"--calibration": calibration}, "without --int8")
    if to == "onnx":
        check_onnx()
    model, known = open_package(package, trust_code=trust_code)
    path = output or _default_file(package, to)
    make_folder(path.parent)
    shipped = WithPreparation(model).eval() if with_preparation else model.eval()
    about = metadata(known, prepared=with_preparation)
    spec = None if data is None else data_spec(data)
    with _real_images(package, known, spec, needed=int8 or data is not None) as images:
        rows = _written(to, path, shipped, known, about, images, dynamic_size)
        if int8 and images is not None:
            rows += _quantised(path, shipped, about, images, calibration or CALIBRATION, rows)
    if as_json:
        print_json({"images": None if images is None else images.split, "files": rows})
        return
    shown = ["network", "difference", "ms an image", *(["error (%)"] if int8 else []), "bytes"]
    keys = ["what", "difference", "milliseconds", *(["error"] if int8 else []), "bytes"]
    print_table(shown, ([row[key] for key in keys] for row in rows))
    assessed = "random images: give --data for real ones" if images is None else f"real images ({images.split})"
    print(f"checked on {assessed}; times are medians of one image at a time on one core of this machine")


def _default_file(package: str, to: "Format") -> Path:
    from netspace.models.export import ENDINGS

    folder = Path(package) if Path(package).is_dir() else Path()
    return folder / f"model{ENDINGS[to]}"


@contextmanager
def _real_images(package: str, known: "Package", spec: Any, *, needed: bool) -> "Iterator[Labelled | None]":
    """Give images to check a file on, or None if there are none and none are needed."""
    from contextlib import ExitStack

    from netspace.errors import DataError
    from netspace.training.assessment import images_to_assess

    with ExitStack() as stack:
        try:
            images = stack.enter_context(images_to_assess(package, known, spec))
        except DataError:
            if needed:
                raise
            images = None
        yield images


def _written(
    to: "Format",
    path: Path,
    model: "Described | WithPreparation",
    known: "Package",
    about: dict[str, str],
    images: "Labelled | None",
    dynamic_size: bool,
) -> list[dict[str, Any]]:
    """Write the file; return a row about PyTorch and one about the file."""
    import torch

    from netspace.models import export
    from netspace.models.quantisation import spread

    resolution = known.preparation.resolution
    real = None if images is None else _inputs(model, images, spread(len(images.labels), _CHECKED))
    options: dict[str, Any] = {"about": about, "images": real}
    if to == "onnx":
        difference = export.export_onnx(model, path, resolution, dynamic_size=dynamic_size, **options)
    elif to == "torchscript":
        difference = export.export_torchscript(model, path, resolution, **options)
    else:
        difference = export.export_saved_program(model, path, resolution, dynamic_size=dynamic_size, **options)
    one = export.example_images(model, resolution, batch=1) if real is None else real[:1]
    with torch.inference_mode():
        pytorch = _milliseconds(lambda: model(one))
    size = sum(value.nbytes for value in model.state_dict().values())
    return [
        {"what": "PyTorch", "difference": 0.0, "milliseconds": pytorch, "bytes": size},
        {
            "what": str(path),
            "difference": difference,
            "milliseconds": _milliseconds(_runner(to, path, one)),
            "bytes": path.stat().st_size,
        },
    ]


def _quantised(
    path: Path,
    model: "Described | WithPreparation",
    about: dict[str, str],
    images: "Labelled",
    calibration: int,
    rows: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Write the file in 8 bits; return a row about it, and add the error of the file in float32 to its row."""
    from netspace.models.export import run_onnx
    from netspace.models.quantisation import quantise_onnx, spread

    target = path.with_suffix(f".int8{path.suffix}")
    # calibrated on images that it is not assessed on
    training = images.data.train_images if images.own else images.images
    held = _prepared(model, training[spread(len(training), calibration)])
    quantise_onnx(path, target, held.numpy(), about)
    checked = _inputs(model, images, spread(len(images.labels), _CHECKED))
    exact, coarse = (run_onnx(file, checked.numpy()) for file in (path, target))
    rows[0]["error"] = rows[1]["error"] = _error(path, model, images)
    return [
        {
            "what": str(target),
            "difference": float(abs(coarse - exact).max() / abs(exact).max()),
            "milliseconds": _milliseconds(_runner("onnx", target, checked[:1])),
            "error": _error(target, model, images),
            "bytes": target.stat().st_size,
        }
    ]


def _error(path: Path, model: "Described | WithPreparation", images: "Labelled") -> float:
    """Return the top-1 error of an ONNX file on labelled images, %."""
    from netspace.models.export import onnx_session
    from netspace.training.images.streaming import in_order

    session = onnx_session(path)
    name = session.get_inputs()[0].name
    wrong = 0
    for rows in in_order(len(images.labels), 250):
        outputs = session.run(None, {name: _inputs(model, images, rows).numpy()})[0]
        wrong += int((outputs.argmax(axis=1) != images.labels[rows]).sum())
    return 100 * wrong / len(images.labels)


def _inputs(model: "Described | WithPreparation", images: "Labelled", rows: "NDArray[np.int64]") -> "torch.Tensor":
    return _prepared(model, images.images[rows])


def _prepared(model: "Described | WithPreparation", pixels: "NDArray[np.uint8]") -> "torch.Tensor":
    """Return images as the file takes them."""
    import numpy as np
    import torch

    from netspace.models.export import WithPreparation

    tensor = torch.from_numpy(np.array(pixels))
    if isinstance(model, WithPreparation):
        return tensor
    assert model.transform is not None
    return model.transform.normalised(tensor).contiguous()


def _runner(to: "Format", path: Path, images: "torch.Tensor") -> Callable[[], Any]:
    """Return what runs a file on images once, on one core."""
    import warnings

    import torch

    from netspace.models.export import onnx_session

    if to == "onnx":
        session = onnx_session(path, threads=1)
        feed = {session.get_inputs()[0].name: images.numpy()}
        return lambda: session.run(None, feed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load: Callable[[str], Any] = torch.jit.load if to == "torchscript" else torch.export.load
        loaded = load(str(path))
    if to == "torch-export":
        loaded = loaded.module()

    def run() -> Any:
        with torch.no_grad():
            return loaded(images)

    return run


def _milliseconds(run: Callable[[], Any]) -> float:
    """Return the median time of a call on one core, after a few that are not counted."""
    from netspace.training.threads import cpu_threads

    times = []
    with cpu_threads(1):
        for repeat in range(_REPEATS + 5):
            started = time.perf_counter()
            run()
            if repeat >= 5:
                times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)
