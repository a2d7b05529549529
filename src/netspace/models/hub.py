"""Networks as packages: folders, on disk or on the Hugging Face hub, with all that it takes to use them elsewhere.

`config.json` describes the network (and is what timm reads), `model.safetensors` holds its weights,
`preprocessor_config.json` and `README.md` are what the hub's tools and its readers expect.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspace.arch.built import BuiltConfig, NetworkConfig, code_of, network_from
from netspace.arch.code import Code, know_file, known_file, sources
from netspace.errors import ConfigError, WeightsError, first_line
from netspace.models.anynet import build
from netspace.models.backbone import Described
from netspace.models.model_card import model_card
from netspace.models.package import Package, from_config, processor_config, to_config
from netspace.models.weights import load_weights
from netspace.models.weights_file import read_weights, save_weights

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
PROCESSOR = "preprocessor_config.json"
CARD = "README.md"
CODE = "code"
"""The folder of a package with the files of code that its network is made by, if it is not netspace's alone."""


def save_pretrained(model: Described, folder: Path | str, package: Package | None = None) -> Path:
    """Write a network as a package into a folder, made if missing, and return the folder.

    Args:
        model: the network.
        folder: where to.
        package: what is known of it; left out, what the model was loaded with. Of a network of which nothing is known
            the configuration and the weights are written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(model.state_dict(), folder / WEIGHTS)
    head = {"num_classes": model.num_classes, "global_pool": model.global_pool}
    describe(folder, model.config, package or model.package, head)
    return folder


def describe(folder: Path, config: NetworkConfig, package: Package | None, head: Mapping[str, Any]) -> None:
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
    if files := _files_of_code(config):
        content["code"] = sorted(files)
        (folder / CODE).mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / CODE / name).write_bytes(text)
    _write_json(folder / CONFIG, {**content, "network": config.to_dict()})


def _files_of_code(config: NetworkConfig) -> dict[str, bytes]:
    code = code_of(config)
    return sources(known_file(code)) if code is not None and code.in_file else {}


def from_pretrained(source: Path | str, *, revision: str | None = None, trust_code: bool = False) -> Described:
    """Return the network of a folder that `save_pretrained` wrote, or of a repository of the Hugging Face hub.

    Its `transform` prepares an image for it, its `classes` name its outputs, and its `package` holds what else the
    package says; all three are None for a network of which nothing but the weights was saved.

    Args:
        source: a folder, or a repository's `owner/name`.
        revision: branch, tag or commit of a repository.
        trust_code: run the code that the package brings, or names, if its network is not made by netspace alone. It may
            do whatever you may: look at it first.

    Raises:
        WeightsError: there is no such folder or repository, it cannot be reached, its weights are not its network's, a
            newer netspace wrote it, or it needs code that is not trusted.
        ConfigError: its configuration breaks a rule.
    """
    config, package = read_package(source, revision=revision)
    content = _read_json(_file(source, CONFIG, revision))
    code = code_of(config)
    if code is not None:
        return _made_by(code, source, revision, config, package, content.get("code") or [], trusted=trust_code)
    headless = content.get("num_classes") == 0
    # every tensor comes from the file: the seed only keeps the global random state out of it
    assert not isinstance(config, BuiltConfig)
    model = load_weights(config, weights_path(source, revision=revision), reinit_head=headless, seed=0)
    model.set_pool(content.get("global_pool", "avg"))
    if headless:
        model.reset_classifier(0)
    if package is not None:
        model.know(package)
    return model


def _made_by(
    code: Code,
    source: Path | str,
    revision: str | None,
    config: NetworkConfig,
    package: Package | None,
    files: list[str],
    *,
    trusted: bool,
) -> Described:
    """Return the network of a package that code makes, if the code may run."""
    if not code.of_library and not trusted:
        where = f"{source}/{CODE}/{code.source}" if code.in_file else f"the module {code.source}"
        raise WeightsError(
            f"{source}: the network is built by code from outside netspace, {code.name} in {where} (digest "
            f"{code.digest}), which would run on this machine; read it, then pass trust_code=True, or --trust-code"
        )
    if code.in_file:
        # the digest tells whether it is the code that the network was made by
        paths = [_file(source, f"{CODE}/{name}", revision) for name in files if Path(name).name == name]
        main = next((path for path in paths if path.name == code.source), None)
        if main is None or know_file(main) != code.digest:
            raise WeightsError(f"{source}: {code.source} is missing or has changed since the package was written")
    model = build(config, seed=0)
    state = read_weights(weights_path(source, revision=revision))
    try:
        model.load_state_dict(dict(state))
    except RuntimeError as error:
        raise WeightsError(f"{source}: the weights are not this network's ({first_line(error)})") from None
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


def read_package(source: Path | str, *, revision: str | None = None) -> tuple[NetworkConfig, Package | None]:
    """Return a package's network and what is known of it, without reading the weights.

    Raises:
        WeightsError, ConfigError: as for `from_pretrained`.
    """
    path = _file(source, CONFIG, revision)
    content = _read_json(path)
    package = from_config(content, str(path)) if isinstance(content, dict) else None
    network = content.get("network") if isinstance(content, dict) else None
    config = network_from(network, f"{path}, network")
    if package is not None and len(package.classes) != config.num_classes:
        raise WeightsError(
            f"{path}: id2label names {len(package.classes)} classes, the network has {config.num_classes} outputs"
        )
    return config, package


def push_to_hub(model: Described, repository: str, *, private: bool = False, message: str = "Upload a network") -> str:
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
