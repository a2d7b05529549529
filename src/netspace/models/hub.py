"""Networks as packages: folders, on disk or on the Hugging Face hub, with all that it takes to use them elsewhere.

`config.json` describes the network (and is what timm reads), `model.safetensors` holds its weights,
`preprocessor_config.json` and `README.md` are what the hub's tools and its readers expect.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch

from netspace.arch.config import AnyNetConfig
from netspace.documents import parse
from netspace.errors import ConfigError, WeightsError, first_line
from netspace.models.anynet import AnyNet
from netspace.models.model_card import model_card
from netspace.models.package import Package, from_config, processor_config, to_config
from netspace.models.weights import load_weights

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
PROCESSOR = "preprocessor_config.json"
CARD = "README.md"


def save_pretrained(model: AnyNet, folder: Path | str, package: Package | None = None) -> Path:
    """Write a network as a package into a folder, made if missing, and return the folder.

    Args:
        model: the network.
        folder: where to.
        package: what is known of it; left out, what the model was loaded with. Of a network of which nothing is known
            the configuration and the weights are written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # safetensors stores dense tensors only, and a channels_last one is not dense in its sense
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    safetensors.torch.save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    head = {"num_classes": model.num_classes, "global_pool": model.global_pool}
    describe(folder, model.config, package or model.package, head)
    return folder


def describe(folder: Path, config: AnyNetConfig, package: Package | None, head: Mapping[str, Any]) -> None:
    """Write all files of a package but the weights.

    Args:
        folder: where to; it exists.
        config: the network.
        package: what is known of it.
        head: `num_classes` and `global_pool`, as the network has them now.
    """
    content: dict[str, Any] = {"library_name": "netspace", **head}
    if package is not None:
        content |= to_config(package)
        _write_json(folder / PROCESSOR, processor_config(package.preparation))
        (folder / CARD).write_text(model_card(package, config), encoding="utf-8")
    _write_json(folder / CONFIG, {**content, "network": config.to_dict()})


def from_pretrained(source: Path | str, *, revision: str | None = None) -> AnyNet:
    """Return the network of a folder that `save_pretrained` wrote, or of a repository of the Hugging Face hub.

    Its `transform` prepares an image for it, its `classes` name its outputs, and its `package` holds what else the
    package says; all three are None for a network of which nothing but the weights was saved.

    Args:
        source: a folder, or a repository's `owner/name`.
        revision: branch, tag or commit of a repository.

    Raises:
        WeightsError: there is no such folder or repository, it cannot be reached, its weights are not its network's, or
            a newer netspace wrote it.
        ConfigError: its configuration breaks a rule.
    """
    config, package = read_package(source, revision=revision)
    content = _read_json(_file(source, CONFIG, revision))
    headless = content.get("num_classes") == 0
    # every tensor comes from the file: the seed only keeps the global random state out of it
    model = load_weights(config, weights_path(source, revision=revision), reinit_head=headless, seed=0)
    model.set_pool(content.get("global_pool", "avg"))
    if headless:
        model.reset_classifier(0)
    if package is not None:
        model.know(package)
    return model


def is_package(name: Path | str) -> bool:
    """Return whether a name is a folder's, or could be that of a repository of the hub."""
    return Path(name).is_dir() or "/" in str(name)


def weights_path(source: Path | str, *, revision: str | None = None) -> Path:
    """Return the file of a package's weights, downloaded if it is on the hub.

    Raises:
        WeightsError: there is none, or the hub cannot be reached.
    """
    return _file(source, WEIGHTS, revision)


def read_package(source: Path | str, *, revision: str | None = None) -> tuple[AnyNetConfig, Package | None]:
    """Return a package's network and what is known of it, without reading the weights.

    Raises:
        WeightsError, ConfigError: as for `from_pretrained`.
    """
    path = _file(source, CONFIG, revision)
    content = _read_json(path)
    package = from_config(content, str(path)) if isinstance(content, dict) else None
    network = content.get("network") if isinstance(content, dict) else None
    config = parse(AnyNetConfig, network, f"{path}, network")
    if package is not None and len(package.classes) != config.num_classes:
        raise WeightsError(
            f"{path}: id2label names {len(package.classes)} classes, the network has {config.num_classes} outputs"
        )
    return config, package


def push_to_hub(model: AnyNet, repository: str, *, private: bool = False, message: str = "Upload a network") -> str:
    """Upload a network to the Hugging Face hub, as the user that is logged in there, and return the commit's address.

    Args:
        model: the network.
        repository: `owner/name`; made if missing.
        private: whether a new repository is private.
        message: of the commit.

    Raises:
        WeightsError: the hub cannot be reached or refuses.
    """
    from huggingface_hub import HfApi

    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(model, folder)
        api = HfApi()
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            commit: Any = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
        except Exception as error:  # the hub client has no common base of its errors
            raise WeightsError(f"cannot upload to '{repository}': {first_line(error)}") from error
    return str(commit.commit_url)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    # not by the reader of YAML, to which 5e-05 is a word
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: could not be read as JSON ({first_line(error)})") from None


def _file(source: Path | str, name: str, revision: str | None) -> Path:
    if not is_package(source):
        raise WeightsError(f"{source}: no such folder, and not a repository's name, which is OWNER/NAME")
    if not Path(source).is_dir():
        return _downloaded(str(source), name, revision)
    path = Path(source) / name
    if not path.is_file():
        raise WeightsError(f"{source}: not a package (there is no {name}); `netspace train` writes one")
    return path


def _downloaded(repository: str, name: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except Exception as error:  # the hub client has no common base of its errors
        raise WeightsError(
            f"'{repository}' is neither a folder nor a repository that could be reached ({first_line(error)})"
        ) from error
