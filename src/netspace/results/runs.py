"""The runs of a study as one table: what was drawn, what was built, what it cost and how it ended."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from netspace.arch import MEASURES
from netspace.arch.config import BOTTLENECK_BLOCKS, OWN, STAGE_PROPERTIES
from netspace.arch.features import indicator
from netspace.checks import is_number
from netspace.errors import StoreError, short
from netspace.results.properties import column, place
from netspace.results.public import without_folders
from netspace.store import JUDGED, RunRecord

_RUN_COLUMNS = ("space", "index", "launch", "digest", "status", "error", "seconds", "attempts", "message")


def runs_table(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """Return one row per run in launch order, indexed by `run_id`.

    Columns: `space`, `index`, `launch`, `digest`, `status`, `error` (top-1, %; NaN unless done), `score` (the error,
    +inf if the run failed, NaN until it ended or if it was lost), `seconds`, `attempts`, `message` (without
    folders); the numbers drawn once for a network (`w_0`, a shared `bottleneck_ratio`, ...); `depth`, the total; by
    stage from 1 `depth_1`, `width_1`, `bottleneck_ratio_1`, `group_width_1` as built; `flops`, `params`, `activations`.
    NaN if a network has no such number. A parameter with words for values is a column for each word that its space has
    used, `norm=batch`, 1 or 0.
    """
    labels = pd.Index([run.id for run in runs], name="run_id", dtype="int64")
    frame = pd.DataFrame([[getattr(run, name) for name in _RUN_COLUMNS] for run in runs], labels, list(_RUN_COLUMNS))
    frame["message"] = frame["message"].map(without_folders, na_action="ignore")
    frame["error"] = frame["error"].astype("float64")
    frame["seconds"] = frame["seconds"].astype("float64")
    frame["score"] = frame["error"].mask(frame["status"].isin(JUDGED[1:]), math.inf)
    numbers: dict[str, NDArray[np.float64]] = {}
    words: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for name, word in _words(run).items():
            words.setdefault((run.space, name), set()).add(word)
    for row, run in enumerate(runs):
        is_word = {
            indicator(name, word): float(word == own)
            for name, own in _words(run).items()
            for word in sorted(words[run.space, name])
        }
        for name, value in (_numbers(run) | is_word).items():
            if name not in numbers:
                numbers[name] = np.full(len(runs), math.nan)
            numbers[name][row] = value
    return frame.join(pd.DataFrame({name: numbers[name] for name in sorted(numbers, key=place)}, index=labels))


def properties_of(runs: pd.DataFrame, names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the numeric columns `names` take more than one value over `runs`, a space's rows."""
    return tuple(name for name in names if runs[name].notna().all() and runs[name].nunique() > 1)


def number_columns(runs: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns of `runs_table` that describe the network, in order."""
    return tuple(column for column in runs.columns if column not in (*_RUN_COLUMNS, "score"))


def structure(config: Mapping[str, Any]) -> str:
    """Return a network's body in one short line, as the paper's tables write it: "d 1,2,7 w 32,64,160 g 16 b 1"."""
    if "builder" in config:
        arguments = config["arguments"].items()
        return " ".join(f"{name} {_listed(value)}" for name, value in arguments)
    stages = config["stages"]
    parts = []
    for key, letter in (("depths", "d"), ("widths", "w"), ("group_widths", "g"), ("bottleneck_ratios", "b")):
        values = stages.get(key) or []
        shown = values[:1] if len(set(values)) == 1 and letter in "gb" else values
        if shown:
            parts.append(f"{letter} " + ",".join(f"{value:g}" for value in shown))
    own = stages.get("own") or {}
    return " ".join([*parts, *(f"{name} {','.join(f'{one:g}' for one in values)}" for name, values in own.items())])


def _listed(value: Any) -> str:
    each = value if isinstance(value, list) else [value]
    return ",".join(one if isinstance(one, str) else f"{one:g}" for one in each)


def _words(run: RunRecord) -> dict[str, str]:
    """Return the words among the parameters of a network that a function builds."""
    if "builder" not in run.config:
        return {}
    return {name: value for name, value in run.parameters.items() if isinstance(value, str)}


def _numbers(run: RunRecord) -> dict[str, float]:
    """Return everything numeric about a network by column name."""
    given = {
        name: float(value)
        for name, value in run.parameters.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in (*_RUN_COLUMNS, "score")
    }
    if not run.config:  # of an imported model only the results may be known; then what its table says is all there is
        measured = {measure: float(getattr(run, measure)) or math.nan for measure in MEASURES}
        return {name: value for name, value in given.items() if name not in MEASURES} | measured
    if "builder" in run.config:
        costs = {measure: float(getattr(run, measure)) for measure in MEASURES}
        return {name: value for name, value in given.items() if name not in MEASURES} | costs
    stages = _stages(run)
    once = {name: value for name, value in given.items() if name != "depth" and not _of_a_stage(name)}
    built = {"depth": float(sum(stages.get("depths") or []))}
    for key, name in STAGE_PROPERTIES.items():
        if name in once or (name == "group_width" and _without_groups(run.config, given)):
            continue  # shared: one column says it all; or the convolutions have no groups
        values = stages.get(key) or []
        built |= {f"{name}_{stage}": float(value) for stage, value in enumerate(values, start=1)}
    return once | built | {measure: float(getattr(run, measure)) for measure in MEASURES}


def _without_groups(config: Mapping[str, Any], given: Mapping[str, float]) -> bool:
    """Return whether a network's blocks have no groups: its group widths only repeat its widths."""
    block = config.get("block")
    grouped = isinstance(block, str) and block in BOTTLENECK_BLOCKS  # a block of someone's own may be either
    return not grouped and "drawn_group_width_1" not in given


def _stages(run: RunRecord) -> Mapping[str, Any]:
    """Return the stages of a run's network.

    Raises:
        StoreError: it is none, so somebody or something else has written it.
    """
    stages = run.config.get("stages")
    own = (stages.get(OWN) or {}) if isinstance(stages, dict) else None
    if (
        not isinstance(stages, dict)
        or not isinstance(own, dict)
        or not all(
            isinstance(values, list) and all(map(is_number, values))
            for values in ({**stages, OWN: None} | own).values()
            if values is not None
        )
    ):
        raise StoreError(f"run {run.index} of {short(run.space)}: its network in the store cannot be read")
    return stages


def _of_a_stage(name: str) -> bool:
    return column(name.removeprefix("drawn_")).stage > 0
