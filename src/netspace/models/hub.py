"""Networks as folders, on disk or on the Hugging Face hub: `config.json` and `model.safetensors`."""

import json
import tempfile
from pathlib import Path
from typing import Any

import safetensors.torch

from netspace.arch.config import AnyNetConfig
from netspace.documents import parse, read_yaml
from netspace.errors import WeightsError
from netspace.models.anynet import AnyNet
from netspace.models.weights import load_weights

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def save_pretrained(model: AnyNet, folder: Path | str) -> Path:
    """Write a network's configuration and weights into a folder, made if missing, and return the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {"library_name": "netspace", "network": model.config.to_dict()}
    (folder / CONFIG).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    # safetensors stores dense tensors only, and a channels_last one is not dense in its sense
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    safetensors.torch.save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def from_pretrained(source: Path | str, *, revision: str | None = None) -> AnyNet:
    """Return the network of a folder that `save_pretrained` wrote, or of a repository of the Hugging Face hub.

    Args:
        source: a folder, or a repository's `owner/name`.
        revision: branch, tag or commit of a repository.

    Raises:
        WeightsError: there is no such folder or repository, it cannot be reached, or its weights are not its network's.
        ConfigError: its configuration breaks a rule.
    """
    if Path(source).is_dir():
        config, weights = Path(source) / CONFIG, Path(source) / WEIGHTS
    else:
        config, weights = (_downloaded(str(source), name, revision) for name in (CONFIG, WEIGHTS))
    content = read_yaml(config)
    network = content.get("network") if isinstance(content, dict) else None
    # every tensor comes from the file: the seed only keeps the global random state out of it
    return load_weights(parse(AnyNetConfig, network, f"{config}, network"), weights, seed=0)


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
            raise WeightsError(f"cannot upload to '{repository}': {_first_line(error)}") from error
    return str(commit.commit_url)


def _downloaded(repository: str, name: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except Exception as error:  # the hub client has no common base of its errors
        raise WeightsError(
            f"'{repository}' is neither a folder nor a repository that could be reached ({_first_line(error)})"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
