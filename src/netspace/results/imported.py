"""Results of other tools as studies of our store, so that every table, test and picture works on them.

Three layouts are read:

- `pycls`: the `sweep.json` of pycls' `tools/sweep_collect.py`, a list with one object a job: `cfg` (its configuration),
  `complexity` (`flops`, `params`, `acts`) and, one entry an epoch, `test_epoch` and `test_ema_epoch` (`epoch_ind`,
  `epoch_max`, `top1_err`) and `train_epoch` (`loss`, `lr`, `time_epoch`).
- `nds`: the files of "On Network Design Spaces for Visual Recognition" (github.com/facebookresearch/nds), a list (or a
  mapping of several lists) with one object a job: `net` (`ds`, `ws`, `ss`, `bot_muls`, `num_gs`, or a genotype),
  `flops`, `params`, `rng_seed` and, one entry an epoch, `test_ep_top1`, `train_ep_top1` (errors, %) and
  `train_ep_loss`.
- `csv`: any table (.csv, .parquet, .jsonl), a row a model; see `FIELDS`. What `netspace export` writes is one; its
  columns that number and count runs are left out, because the new study has its own.

The error is that of the last epoch, as in our own studies. Both tools report the lowest one of all epochs instead,
which is optimistic: `least_error` takes it, and the study says so.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from netspace.arch import AnyNetConfig
from netspace.arch.pycls import network_of, regnet_parameters
from netspace.documents import digest
from netspace.errors import DataError, StudyError, first_line, raise_unknown, short
from netspace.results.populations import DONE, read_table
from netspace.store import FINAL, STATUSES, CurvePoint, Outcome, PlannedRun, Store, StoredResult, StudyRecord
from netspace.store.frames import NETWORK, RUN_COLUMNS, parameter_of

T = TypeVar("T")

FIELDS = {
    "space": "the design space; left out, the file's name",
    "error": "top-1 error in %; empty where the model failed",
    "status": "done, diverged, failed or lost (planned and running are left out); without it, done",
    "flops": "multiply-adds",
    "params": "parameters",
    "activations": "activations",
    "seconds": "training time",
    "seed": "of the training",
    "message": "why a model failed",
    NETWORK: "the network as JSON, as `netspace export` writes it",
}
"""What a column of a table may be; the others are kept as parameters of the model."""

_OUR_COUNTS = frozenset(RUN_COLUMNS) - frozenset(FIELDS)
_NOT_ENDED = frozenset(STATUSES) - frozenset(FINAL)


LAST, LEAST = "of the last epoch", "the least of all epochs, an optimistic choice"
"""What the error of an imported study may be."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One model of another tool: `error` in %, or None, and then `status` and `message` say how and why."""

    space: str
    error: float | None
    message: str | None = None
    status: str = "failed"
    flops: int = 0
    params: int = 0
    activations: int = 0
    seconds: float = 0.0
    seed: int = 0
    network: AnyNetConfig | None = None
    parameters: Mapping[str, Any]
    curve: Sequence[CurvePoint] = ()


def import_results(
    store: Store,
    name: str,
    files: Sequence[Path],
    layout: str,
    columns: Mapping[str, str] | None = None,
    *,
    least_error: bool = False,
) -> StudyRecord:
    """Put the results of other tools into `store` as the study `name`, in one transaction.

    Args:
        store: where to.
        name: of the new study.
        files: each of one space, unless a table says otherwise.
        layout: one of `LAYOUTS`.
        columns: of a table: what is read from which column, for example `{"error": "top1_err"}`.
        least_error: take the lowest error of all epochs instead of the last's, where the layout has curves.

    Raises:
        StudyError: `least_error` for a layout without curves.
        UnknownNameError: no such layout, field or column.
        DataError: a file is missing or not of this layout, or holds an error outside [0, 100] %.
        StudyError: the store holds a study of this name already.
    """
    if layout not in LAYOUTS:
        raise_unknown("format", layout, LAYOUTS)
    for field in columns or {}:
        if field not in FIELDS:
            raise_unknown("field", field, FIELDS)
    if least_error and layout not in WITH_CURVES:
        raise StudyError(
            f"the least error of all epochs needs curves, which '{layout}' does not have; "
            f"valid: {', '.join(WITH_CURVES)}"
        )
    found = [result for file in files for result in LAYOUTS[layout](file, columns or {})]
    if least_error:
        found = [_at_its_best(result) for result in found]
    results = [result for result in found if result.status not in _NOT_ENDED]
    if not results:
        raise DataError(f"{', '.join(map(str, files))}: no model {'that has ended ' if found else ''}in it")
    spaces = list(dict.fromkeys(result.space for result in results))
    counts = dict.fromkeys(spaces, 0)
    stored = []
    for launch, result in enumerate(results):
        stored.append(_stored(result, counts[result.space], launch))
        counts[result.space] += 1
    spec = {
        "name": name,
        "spaces": spaces,
        "n": max(counts.values()),
        "imported": {
            "format": layout,
            "files": [str(file) for file in files],
            "left_out": len(found) - len(results),
            "error": LEAST if least_error else LAST,
        },
    }
    return store.add_study(name, spec, digest(spec), stored)


def _at_its_best(result: Result) -> Result:
    if result.error is None:
        return result
    return replace(result, error=min(point.val_error for point in result.curve if point.val_error is not None))


def _stored(result: Result, index: int, launch: int) -> StoredResult:
    network = result.network
    planned = PlannedRun(
        space=result.space,
        index=index,
        launch=launch,
        digest=network.digest if network else digest({"space": result.space, "index": index}),
        config=network.to_dict() if network else {},
        parameters=result.parameters,
        flops=result.flops,
        params=result.params,
        activations=result.activations,
        seed=result.seed,
    )
    if result.error is None and result.status != "diverged":
        reason = result.message or "no error is recorded"
        return StoredResult(planned=planned, failure=reason, status="lost" if result.status == "lost" else "failed")
    outcome = Outcome(
        status="diverged" if result.error is None else "done",
        error=result.error,
        curve=result.curve,
        seconds=result.seconds,
        message=result.message,
    )
    return StoredResult(planned=planned, outcome=outcome)


def _read_pycls(file: Path, _columns: Mapping[str, str]) -> list[Result]:
    jobs = _read_json(file)
    if not isinstance(jobs, list) or not all(isinstance(job, dict) and "cfg" in job for job in jobs):
        raise DataError(f"{file}: not a pycls sweep: a list of objects with 'cfg' is expected")
    space = file.parent.name if file.stem == "sweep" and file.parent.name else file.stem
    return [_pycls_job(job, space) for job in jobs]


def _pycls_job(job: Mapping[str, Any], space: str) -> Result:
    cfg, complexity = job["cfg"], job.get("complexity", {})
    tests = job.get("test_ema_epoch") or job.get("test_epoch") or {}
    training = job.get("train_epoch", {})
    errors = tests.get("top1_err", [])
    reached, wanted = ((tests.get(key) or [0])[-1] for key in ("epoch_ind", "epoch_max"))
    complete = bool(errors) and reached == wanted
    last_words = (str(job.get("err") or "").strip().splitlines() or ["no message"])[-1]
    seconds = training.get("time_epoch", [])
    rates, losses = training.get("lr", []), training.get("loss", [])
    return Result(
        space=space,
        error=float(errors[-1]) if complete else None,
        message=None if complete else f"it ended after epoch {reached} of {wanted or '?'}: {last_words}",
        flops=int(complexity.get("flops", 0)),
        params=int(complexity.get("params", 0)),
        activations=int(complexity.get("acts", 0)),
        seconds=float(sum(seconds)),
        seed=int(cfg.get("RNG_SEED", 0)),
        network=network_of(cfg),
        parameters=regnet_parameters(cfg)
        | {
            "lr": cfg.get("OPTIM", {}).get("BASE_LR"),
            "weight_decay": cfg.get("OPTIM", {}).get("WEIGHT_DECAY"),
        },
        curve=_curve(errors, losses, rates, seconds),
    )


def _read_nds(file: Path, _columns: Mapping[str, str]) -> list[Result]:
    found = _read_json(file)
    jobs = [job for jobs in found.values() for job in jobs] if isinstance(found, dict) else found
    if not isinstance(jobs, list) or not all(isinstance(job, dict) and "net" in job for job in jobs):
        raise DataError(f"{file}: not of the NDS layout: a list of objects with 'net' is expected")
    return [_nds_job(job, file.stem) for job in jobs]


def _nds_job(job: Mapping[str, Any], space: str) -> Result:
    net, optim = job["net"], job.get("optim", {})
    errors = job.get("test_ep_top1", [])
    wanted = optim.get("max_ep", len(errors))
    complete = bool(errors) and len(errors) == wanted
    numbers = {
        f"{name}_{stage}": value
        for column, name in {
            "ds": "depth",
            "ws": "width",
            "bot_muls": "bottleneck_multiplier",
            "num_gs": "groups",
        }.items()
        for stage, value in enumerate(net.get(column, []), start=1)
    }
    return Result(
        space=space,
        error=float(errors[-1]) if complete else None,
        message=None if complete else f"it ended after epoch {len(errors)} of {wanted}",
        flops=round(job.get("flops", 0)),
        params=round(job.get("params", 0)),
        seed=int(job.get("rng_seed", 0)),
        parameters=numbers | {name: optim.get(key) for name, key in (("lr", "base_lr"), ("weight_decay", "wd"))},
        curve=_curve(errors, job.get("train_ep_loss", []), [], []),
    )


def _curve(errors: Sequence[Any], losses: Sequence[Any], rates: Sequence[Any], seconds: Sequence[Any]) -> Any:
    """Return one point an epoch; what a tool does not tell is missing, or 0 where the store needs a number."""

    def at(values: Sequence[Any], i: int, missing: float) -> float:
        return float(values[i]) if i < len(values) else missing

    return [
        CurvePoint(
            epoch=i + 1,
            train_loss=at(losses, i, math.nan),
            lr=at(rates, i, 0.0),
            seconds=at(seconds, i, 0.0),
            val_error=float(error),
        )
        for i, error in enumerate(errors)
    ]


def _read_table(file: Path, columns: Mapping[str, str]) -> list[Result]:
    frame = read_table(file)
    for column in columns.values():
        if column not in frame:
            raise_unknown("column", column, map(str, frame.columns))
    source = {field: columns.get(field, field) for field in FIELDS}
    used = {column for column in source.values() if column in frame}
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    if source["error"] not in used:
        raise DataError(f"{file}: no column '{source['error']}'; name the one with the error in %: --map error=COLUMN")
    others = [column for column in frame.columns if column not in used and column not in _OUR_COUNTS]
    results = []
    for number, row in enumerate(rows, start=1):
        told = {field: row[column] for field, column in source.items() if row.get(column) is not None}
        parameters = {parameter_of(str(column)): row[column] for column in others if row[column] is not None}
        results.append(_row(_Cells(told, source, f"{file}: row {number}"), parameters, file.stem))
    return results


@dataclass(frozen=True)
class _Cells:
    """What one row of a table tells, by field, and where it does."""

    told: Mapping[str, Any]
    columns: Mapping[str, str]
    where: str

    def read(self, field: str, convert: Callable[[Any], T], missing: T) -> T:
        """Return a field's value; one that `convert` refuses is told with its row and column."""
        if field not in self.told:
            return missing
        try:
            return convert(self.told[field])
        except (ValueError, TypeError) as error:
            raise DataError(f"{self.where}, column '{self.columns[field]}': {first_line(error)}") from None


def _row(cells: _Cells, parameters: Mapping[str, Any], file: str) -> Result:
    status = cells.read("status", lambda value: str(value).lower(), "done")
    known = status in DONE or status in STATUSES
    return Result(
        space=cells.read("space", str, file),
        error=cells.read("error", _percentage, None) if status in DONE else None,
        status=status,
        message=cells.read("message", str, None if known else status),
        seconds=cells.read("seconds", _amount, 0.0),
        network=cells.read(NETWORK, _network, None),
        parameters=parameters,
        flops=cells.read("flops", _whole, 0),
        params=cells.read("params", _whole, 0),
        activations=cells.read("activations", _whole, 0),
        seed=cells.read("seed", _whole, 0),
    )


def _percentage(value: Any) -> float | None:
    error = float(value)
    if not 0 <= error <= 100:
        raise ValueError(f"error must lie in [0, 100] %, got {error:g}")
    return error


def _amount(value: Any) -> float:
    amount = float(value)
    if not (math.isfinite(amount) and amount >= 0):
        raise ValueError(f"a number of at least 0 is expected, got {amount:g}")
    return amount


def _whole(value: Any) -> int:
    # a seed needs all its 63 bits, which a float does not have
    whole = value if isinstance(value, int) else round(_amount(value))
    if not 0 <= whole < 2**63:
        raise ValueError(f"a number from 0 to below 2^63 is expected, got {whole:g}")
    return whole


def _network(value: Any) -> AnyNetConfig | None:
    """Return the network that a cell holds: as text, or, in JSON lines, as it is."""
    content = json.loads(value) if isinstance(value, str) else value
    if not isinstance(content, dict):
        raise TypeError(f"a network as a JSON object is expected, got {short(value)}")
    return AnyNetConfig(**content)


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise DataError(f"{file}: cannot be read as JSON ({reason})") from None


LAYOUTS: dict[str, Callable[[Path, Mapping[str, str]], list[Result]]] = {
    "pycls": _read_pycls,
    "nds": _read_nds,
    "csv": _read_table,
}
"""Readers by the name of their layout."""

WITH_CURVES = ("pycls", "nds")
"""The layouts that tell the error of every epoch."""
