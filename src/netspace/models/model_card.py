"""The README.md of a package: what the network is for, how good it is, how it was made, in the hub's format."""

from typing import Any

from netspace.arch.built import BuiltConfig, NetworkConfig, code_of
from netspace.code import complexity_of
from netspace.documents import dump_yaml
from netspace.models.package import Package

_SHOWN_CLASSES = 20


def model_card(package: Package, config: NetworkConfig) -> str:
    """Return a model card: YAML for the Hugging Face hub, then Markdown for people."""
    cost = complexity_of(config, package.preparation.resolution)
    size = package.preparation.resolution
    colour = "RGB" if package.preparation.channels == 3 else "grey"
    sections = [
        f"# {package.name}",
        f"{_kind(config)} that distinguishes {len(package.classes)} classes: {_listed(package.classes)}.",
        f"It takes {colour} images of {size} x {size} pixels (the shorter side resized bicubically, the centre "
        f"cropped) and costs {cost.flops:,} multiply-adds; it has {cost.params:,} parameters.",
        "## Use",
        *_use(config),
        "## Errors",
        _errors(package),
        "## Training",
        _training(package),
        "## Licence",
        package.license or "None was given: ask whoever made this network before you use it.",
    ]
    return f"---\n{dump_yaml(_front_matter(package))}---\n\n" + "\n\n".join(sections) + "\n"


def _kind(config: NetworkConfig) -> str:
    if isinstance(config, BuiltConfig):
        return f"A network that {config} builds and"
    return f"A {config.block} network of {config.total_depth} blocks"


def _use(config: NetworkConfig) -> list[str]:
    code = code_of(config)
    argument = option = warning = ""
    if code is not None and not code.of_library:
        argument, option = ", trust_code=True", " --trust-code"
        where = f"`code/{code.source}` of this folder" if code.in_file else f"`{code.source}`, which must be installed"
        warning = f" Either runs {where}: read it first."
    return [
        "```python\nfrom netspace.models.hub import from_pretrained\nfrom PIL import Image\n\n"
        f'model = from_pretrained("FOLDER or OWNER/NAME"{argument}).eval()\n'
        'logits = model(model.transform(Image.open("FILE"))[None])\n'
        "print(model.classes[int(logits.argmax())])\n```",
        f"or, on the command line, `netspace predict FOLDER IMAGE...{option}`.{warning}",
    ]


def _front_matter(package: Package) -> dict[str, Any]:
    metrics = [
        {"type": "accuracy", "name": f"top-1 accuracy, {error.split} split", "value": round(1 - error.error / 100, 6)}
        for error in package.errors
    ]
    source = (package.data.source if package.data else None) or "local images"
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": source, "type": "image-classification"},
        "metrics": metrics,
    }
    return {
        "library_name": "netspace",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "netspace", "timm"],
        "license": package.license or "unknown",
        **({"model-index": [{"name": package.name, "results": [result]}]} if metrics else {}),
    }


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_SHOWN_CLASSES])
    return f"{shown} and {len(names) - _SHOWN_CLASSES} more" if len(names) > _SHOWN_CLASSES else shown


def _errors(package: Package) -> str:
    if not package.errors:
        return "None was measured."
    rows = [
        f"| {error.split} | {error.images:,} | {error.error:.2f} | {error.low:.2f} to {error.high:.2f} |"
        for error in package.errors
    ]
    table = "\n".join(["| split | images | top-1 error (%) | 95 % interval |", "|---|---|---|---|", *rows])
    if package.calibration is None:
        return table
    calibration = package.calibration
    return (
        f"{table}\n\nProbabilities are softmax(logits / {calibration.temperature:.4g}); the temperature was fitted on "
        f"the validation split. The expected calibration error there is {calibration.ece_before:.2f} % without one and "
        f"{calibration.ece_after:.2f} % if each half of the images is judged by the temperature of the other half."
    )


def _training(package: Package) -> str:
    lines = []
    if package.data is not None:
        data = package.data
        lines.append(
            f"Trained on {data.training_images:,} images of {data.source or 'local files'}, validated on "
            f"{data.validation_images:,} (fingerprints `{data.train_digest}` and `{data.split_digest}`)."
        )
    if package.started_from is not None:
        lines.append(f"The training started from the weights of {package.started_from}.")
    if package.recipe is not None:
        lines.append(f"The recipe:\n\n```yaml\n{dump_yaml(package.recipe)}```")
    return "\n\n".join(lines) or "Nothing was recorded."
