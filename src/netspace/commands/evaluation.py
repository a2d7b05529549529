"""The command that evaluates packages on labelled images, one or two side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import AsJson, Device, TrustCode, device_name
from netspace.commands.output import print_json, print_table, write_text
from netspace.commands.prediction import PackageName
from netspace.commands.training import data_spec

if TYPE_CHECKING:
    from netspace.models.backbone import Described
    from netspace.models.package import Package
    from netspace.training.assessment import Assessment, Labelled


def evaluate(
    package: PackageName,
    other: Annotated[
        str | None,
        typer.Argument(metavar="[OTHER]", help="Second package, to compare with the first on the same images."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="D", help="Images of the same classes, as for train. Default: those of the training."),
    ] = None,
    device: Device = None,
    trust_code: TrustCode = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate one trained network, or compare two.

    Prints the error of each class with its 95 % interval, the top-1 and top-5 errors, how well the probabilities are
    calibrated, and the path of the confusion matrix's picture. Of the training's own images the test split is used, or
    the validation split if there is none; other images may be a folder of class folders. Two networks see the same
    images, and McNemar's exact test compares them. On the validation split, which the temperature was fitted on, each
    half of the images is calibrated by a temperature of the other half.

    Examples:
        netspace evaluate trained
        netspace evaluate trained other-trained --data more-images/ --json
    """
    from netspace.stats.p_values import p_is
    from netspace.training.assessment import assess, images_to_assess, open_package

    names = [package] if other is None else [package, other]
    opened = [open_package(name, trust_code=trust_code) for name in names]
    if other is not None and opened[0][1].classes != opened[1][1].classes:
        _check_same_classes(package, other, opened[0][1], opened[1][1])
    spec = None if data is None else data_spec(data)
    results, assessments = [], []
    for name, (model, known) in zip(names, opened, strict=True):
        # the second package sees the images of the first
        with images_to_assess(package, known, spec) as images:
            assessed = assess(model, known, images, device_name(device))
            result = _result(assessed, known, images)
            _keep(name, known, assessed, result)
            if images.own and images.split == "test" and name == package:
                _note_test_error(Path(package), model, known, result)
        results.append(result)
        assessments.append(assessed)
    if other is None:
        if as_json:
            print_json(results[0])
        else:
            _print(results[0], Path(package))
        return
    compared = _compared(*assessments)
    if as_json:
        print_json({"packages": dict(zip(names, results, strict=True)), **compared})
        return
    for name, result in zip(names, results, strict=True):
        _print(result, Path(name))
    print(
        f"The error of {package} is {compared['difference']:+.2f} percentage points from that of {other}: only "
        f"{package} is right on {compared['only_first_right']} images, only {other} on "
        f"{compared['only_second_right']}; McNemar {p_is(compared['p_value'])}"
    )


def _result(assessed: "Assessment", package: "Package", images: "Labelled") -> dict[str, Any]:
    from netspace.models.package import error_interval
    from netspace.training.calibration import calibration_error, held_out_calibration_error

    # the temperature was fitted on these very images
    fitted = images.own and images.split == "validation" and package.calibration is not None and len(images.labels) > 1
    logits, labels = assessed.logits, assessed.labels
    confusion = assessed.evaluation.confusion
    counts, right = confusion.sum(axis=1).tolist(), confusion.diagonal().tolist()
    low, high = error_interval(sum(counts) - sum(right), sum(counts))
    classes = []
    for name, count, found in zip(package.classes, counts, right, strict=True):
        # a class without images has no error, and JSON has no nan
        ends = error_interval(count - found, count) if count else (None, None)
        error = 100 * (1 - found / count) if count else None
        classes.append({"class": name, "images": count, "error": error, "low": ends[0], "high": ends[1]})
    return {
        "split": images.split,
        "top1_error": assessed.evaluation.top1_error,
        "low": low,
        "high": high,
        "balanced_error": assessed.evaluation.balanced_error,
        "top5_error": assessed.evaluation.top5_error,
        "images": sum(counts),
        "images_per_second": assessed.evaluation.images_per_second,
        "temperature": package.temperature,
        "ece_before": calibration_error(logits, labels),
        "ece_after": held_out_calibration_error(logits, labels)
        if fitted
        else calibration_error(logits, labels, package.temperature),
        "ece_after_cross_fitted": fitted,
        "classes": classes,
        "confusion": confusion.tolist(),
    }


def _keep(name: str, package: "Package", assessed: "Assessment", result: dict[str, Any]) -> None:
    """Write an evaluation into the package's folder, if it is one."""
    from netspace.report.style import save
    from netspace.report.training_figures import confusion_figure

    folder = Path(name)
    if folder.is_dir():
        write_text(folder / "evaluation.json", json.dumps(result, indent=2) + "\n")
        save(confusion_figure(assessed.evaluation.confusion, package.classes), folder / "confusion")


def _note_test_error(folder: Path, model: "Described", package: "Package", result: dict[str, Any]) -> None:
    """Record in a package what its error on its own test split is."""
    from netspace.models.hub import describe
    from netspace.models.package import MeasuredError

    if folder.is_dir() and package.data is not None:
        measured = MeasuredError.of("test", result["top1_error"], result["images"])
        head = {"num_classes": model.num_classes, "global_pool": model.global_pool}
        describe(folder, model.config, package.with_error(measured), head)


def _print(result: dict[str, Any], package: Path) -> None:
    rows = [
        [
            row["class"],
            row["images"],
            row["error"],
            "-" if row["low"] is None else f"{row['low']:.1f} to {row['high']:.1f}",
        ]
        for row in result["classes"]
    ]
    print_table(["class", "images", "error (%)", "95 % interval"], rows)
    of = {
        "test": "the test split",
        "validation": "the validation split (there is no test split)",
        "all": "all images",
    }[result["split"]]
    print(
        f"top-1 error {result['top1_error']:.2f} % ({result['low']:.2f} to {result['high']:.2f}), balanced "
        f"{result['balanced_error']:.2f} %, top-5 {result['top5_error']:.2f} %, on {result['images']:,} images: {of}"
    )
    how = " (each half of the images by a temperature of the other)" if result["ece_after_cross_fitted"] else ""
    print(
        f"expected calibration error {result['ece_before']:.2f} %, calibrated {result['ece_after']:.2f} %{how}; "
        f"{result['images_per_second']:,.0f} images/s" + (f": {package / 'confusion.png'}" if package.is_dir() else "")
    )


def _compared(first: "Assessment", second: "Assessment") -> dict[str, Any]:
    from statsmodels.stats.contingency_tables import mcnemar

    both = int((first.right & second.right).sum())
    only_first, only_second = int((first.right & ~second.right).sum()), int((~first.right & second.right).sum())
    neither = len(first.right) - both - only_first - only_second
    return {
        "only_first_right": only_first,
        "only_second_right": only_second,
        "difference": 100 * (only_second - only_first) / len(first.right),
        "p_value": float(mcnemar([[both, only_first], [only_second, neither]], exact=True).pvalue),
    }


def _check_same_classes(first: str, second: str, one: "Package", two: "Package") -> None:
    from netspace.errors import DataError

    for label, names in enumerate(zip(one.classes, two.classes, strict=False)):
        if names[0] != names[1]:
            raise DataError(f"class {label} is '{names[0]}' in {first}, but '{names[1]}' in {second}")
    raise DataError(f"{first} has {len(one.classes)} classes, but {second} has {len(two.classes)}")
