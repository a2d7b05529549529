"""Trials of hyper-parameter searches as tables: an Optuna storage, the folder of a Ray Tune experiment."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from netspace.documents import json_value, read_json
from netspace.errors import DataError, MissingExtraError, first_line
from netspace.masking import shown_url

VALUE = "value"
"""The column of an Optuna trial's objective."""


_RAY_BOOKKEEPING = frozenset(
    {
        *("timestamp", "date", "done", "trial_id", "pid", "hostname", "node_ip"),
        *("time_this_iter_s", "time_total_s", "time_since_restore", "iterations_since_restore"),
    }
)
"""What Ray adds to each result, about the machine rather than the model."""


def read_optuna(url: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the trials of every study in an Optuna storage, and what their columns mean.

    The space is the study's name; the objective is an error or a score, as the study's direction says; parameters and
    user attributes are columns of their own.

    Raises:
        MissingExtraError: Optuna is not installed.
        DataError: there is no such storage, it holds no study, or its studies have other directions or objectives.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("optuna", "reading an Optuna storage") from None
    shown = shown_url(url)
    _check_exists(url, shown)
    try:
        storage = optuna.storages.get_storage(url)
        studies = [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]
        found = [(study.study_name, study.directions, study.get_trials(deepcopy=False)) for study in studies]
    except Exception as error:  # Optuna's, SQLAlchemy's and the database driver's have no common base
        raise DataError(f"{shown}: cannot be read as an Optuna storage ({first_line(error)})") from None
    if not found:
        raise DataError(f"{shown}: the storage contains no studies")
    directions = {tuple(direction.name for direction in several) for _, several, _ in found}
    if len(directions) > 1:
        raise DataError(f"{shown}: its studies have different directions; import storages of one direction each")
    (direction,) = directions
    rows = [
        {
            **{key: value for key, value in trial.user_attrs.items() if not isinstance(value, list)},
            **trial.params,
            **_values(trial.values, len(direction)),
            "space": name,
            "status": trial.state.name,
            "seconds": None if trial.duration is None else trial.duration.total_seconds(),
            "message": trial.system_attrs.get("fail_reason"),
        }
        for name, _, trials in found
        for trial in trials
    ]
    meaning = {"accuracy" if direction[0] == "MAXIMIZE" else "error": VALUE} if len(direction) == 1 else {}
    return pd.DataFrame.from_records(rows), meaning


def _check_exists(url: str, shown: str) -> None:
    """Raise if an SQLite file is missing, which Optuna would make."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        raise DataError(f"{shown}: not the URL of an Optuna storage, such as sqlite:///study.db") from None
    if parts.get_backend_name() == "sqlite" and not (parts.database and Path(parts.database).is_file()):
        raise DataError(f"{shown}: no such file")


def _values(values: list[float] | None, count: int) -> dict[str, float | None]:
    if count == 1:
        return {VALUE: values[0] if values else None}
    return {f"{VALUE}_{i}": values[i] if values else None for i in range(count)}


def read_ray(folder: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the trials of a Ray Tune experiment: the last result of each, its configuration and its status.

    Nested results and configurations are columns such as `config/lr`. The folder is read as text; nothing of Ray is
    needed, and nothing is unpickled.

    Raises:
        DataError: it is no such folder.
    """
    root = Path(folder)
    statuses = dict(_ray_statuses(root))
    rows = []
    for place in sorted(path.parent for path in root.glob("*/params.json")):
        last, error = _last_result(place / "result.json"), place / "error.txt"
        config = _read_json(place / "params.json")
        trial = str(last.get("trial_id") or "")
        status = statuses.get(trial) or statuses.get(place.name) or _ray_status(last, error)
        row = {key: value for key, value in _flat(last).items() if key not in _RAY_BOOKKEEPING}
        row |= {**_flat({"config": config}), "space": root.resolve().name, "status": status}
        row["seconds"] = last.get("time_total_s")
        row["message"] = _last_line(error)
        rows.append(row)
    if not rows:
        raise DataError(f"{folder}: not a Ray Tune experiment: none of its folders has a params.json")
    return pd.DataFrame.from_records(rows), {}


def _ray_statuses(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the status of each trial, by its id and by its folder's name, from the newest state of an experiment."""
    states = sorted(root.glob("experiment_state-*.json"), key=lambda path: path.stat().st_mtime)
    content = _read_json(states[-1]) if states else {}
    trials = content.get("trial_data")
    for entry in trials if isinstance(trials, list) else ():
        described = entry[0] if isinstance(entry, list) and entry else entry
        try:
            trial = json_value(described) if isinstance(described, str) else described
        except ValueError:
            continue
        if isinstance(trial, dict) and isinstance(trial.get("status"), str):
            for key in ("trial_id", "relative_logdir"):
                if isinstance(trial.get(key), str):
                    yield trial[key], trial["status"]


def _ray_status(last: Mapping[str, Any], error: Path) -> str:
    if error.is_file():
        return "ERROR"
    return "TERMINATED" if last.get("done") else "RUNNING"


def _last_result(path: Path) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    for line in reversed(lines):
        try:
            found = json_value(line)
        except ValueError:
            continue  # the last line of a trial that was killed may be half a one
        if isinstance(found, dict):
            return found
    return {}


def _read_json(path: Path) -> dict[str, Any]:
    found = read_json(path, DataError)
    return found if isinstance(found, dict) else {}


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}/")
        elif isinstance(value, str | bool | int) or (isinstance(value, float) and not math.isnan(value)):
            flat[f"{prefix}{key}"] = value
    return flat


def _last_line(path: Path) -> str | None:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
