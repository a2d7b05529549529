"""What may be published: texts and settings without the paths and host names of the machines they come from."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

_FOLDERS = re.compile(r"(?<![\w.:/\\-])(?:~[\w-]*|[A-Za-z]:)?[\\/](?:[^\s\\/:'\",;()<>]+[\\/])*(?=[^\s\\/])")


def without_folders(text: str) -> str:
    """Return a text with each absolute path cut to its last part; web addresses stay."""
    return _FOLDERS.sub("", text)


def place_of(store: str) -> str:
    """Return how to name a store: the name of its file, or the kind of its server."""
    kind, is_url, _ = store.partition("://")
    return f"a {kind} database" if is_url else PurePath(store).name


def public_settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study's recorded settings without the folder of its images and the machine that timed its networks."""
    settings = {key: value for key, value in spec.items() if key != "timed_on"}
    data = settings.get("data")
    if isinstance(data, Mapping) and isinstance(data.get("source"), str):
        settings["data"] = {**data, "source": without_folders(data["source"])}
    return settings
