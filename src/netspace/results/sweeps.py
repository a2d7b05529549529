"""Sweeps as the code of two papers writes them: a list of jobs, with the error of every epoch.

- `pycls`: the `sweep.json` of pycls' `tools/sweep_collect.py`, a list with one object a job: `cfg` (its configuration),
  `complexity` (`flops`, `params`, `acts`) and, one entry an epoch, `test_epoch` and `test_ema_epoch` (`epoch_ind`,
  `epoch_max`, `top1_err`) and `train_epoch` (`loss`, `lr`, `time_epoch`).
- `nds`: the files of "On Network Design Spaces for Visual Recognition" (github.com/facebookresearch/nds), a list (or a
  mapping of several lists) with one object a job: `net` (`ds`, `ws`, `ss`, `bot_muls`, `num_gs`, or a genotype),
  `flops`, `params`, `rng_seed` and, one entry an epoch, `test_ep_top1`, `train_ep_top1` (errors, %) and
  `train_ep_loss`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netspace.arch.pycls import network_of, regnet_parameters
from netspace.errors import DataError, first_line
from netspace.results.imported_model import ImportedModel
from netspace.store import Epoch, Outcome


def read_pycls(file: Path) -> list[ImportedModel]:
    """Read a sweep of pycls, a space of the file's name, or of its folder's if it is called sweep.json."""
    jobs = read_json(file)
    if not isinstance(jobs, list) or not all(isinstance(job, dict) and "cfg" in job for job in jobs):
        raise DataError(f"{file}: not a pycls sweep: a list of objects with 'cfg' is expected")
    space = file.parent.name if file.stem == "sweep" and file.parent.name else file.stem
    return [_pycls_job(job, space) for job in jobs]


def _pycls_job(job: Mapping[str, Any], space: str) -> ImportedModel:
    cfg, complexity = job["cfg"], job.get("complexity", {})
    tests = job.get("test_ema_epoch") or job.get("test_epoch") or {}
    training = job.get("train_epoch", {})
    errors = tests.get("top1_err", [])
    reached, wanted = ((tests.get(key) or [0])[-1] for key in ("epoch_ind", "epoch_max"))
    complete = bool(errors) and reached == wanted
    last_words = (str(job.get("err") or "").strip().splitlines() or ["no message"])[-1]
    seconds = training.get("time_epoch", [])
    rates, losses = training.get("lr", []), training.get("loss", [])
    return ImportedModel(
        space=space,
        outcome=Outcome(
            status="done" if complete else "failed",
            error=float(errors[-1]) if complete else None,
            message=None if complete else f"it ended after epoch {reached} of {wanted or '?'}: {last_words}",
            seconds=float(sum(seconds)),
            curve=_curve(errors, losses, rates, seconds),
        ),
        flops=int(complexity.get("flops", 0)),
        params=int(complexity.get("params", 0)),
        activations=int(complexity.get("acts", 0)),
        seed=int(cfg.get("RNG_SEED", 0)),
        network=network_of(cfg),
        parameters=regnet_parameters(cfg)
        | {
            "lr": cfg.get("OPTIM", {}).get("BASE_LR"),
            "weight_decay": cfg.get("OPTIM", {}).get("WEIGHT_DECAY"),
        },
    )


def read_nds(file: Path) -> list[ImportedModel]:
    """Read a file of the NDS layout, a space of its name."""
    found = read_json(file)
    jobs = [job for jobs in found.values() for job in jobs] if isinstance(found, dict) else found
    if not isinstance(jobs, list) or not all(isinstance(job, dict) and "net" in job for job in jobs):
        raise DataError(f"{file}: not of the NDS layout: a list of objects with 'net' is expected")
    return [_nds_job(job, file.stem) for job in jobs]


def _nds_job(job: Mapping[str, Any], space: str) -> ImportedModel:
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
    return ImportedModel(
        space=space,
        outcome=Outcome(
            status="done" if complete else "failed",
            error=float(errors[-1]) if complete else None,
            message=None if complete else f"it ended after epoch {len(errors)} of {wanted}",
            seconds=0.0,
            curve=_curve(errors, job.get("train_ep_loss", []), [], []),
        ),
        flops=round(job.get("flops", 0)),
        params=round(job.get("params", 0)),
        seed=int(job.get("rng_seed", 0)),
        parameters=numbers | {name: optim.get(key) for name, key in (("lr", "base_lr"), ("weight_decay", "wd"))},
    )


def _curve(errors: Sequence[Any], losses: Sequence[Any], rates: Sequence[Any], seconds: Sequence[Any]) -> Any:
    """Return one point an epoch; what a tool does not report is missing, or 0 where the store needs a number."""

    def at(values: Sequence[Any], i: int, missing: float) -> float:
        return float(values[i]) if i < len(values) else missing

    return [
        Epoch(
            epoch=i + 1,
            train_loss=at(losses, i, math.nan),
            lr=at(rates, i, 0.0),
            seconds=math.fsum(map(float, seconds[: i + 1])),
            val_error=float(error),
        )
        for i, error in enumerate(errors)
    ]


def read_json(file: Path) -> Any:
    """Return the content of a JSON file."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read as JSON ({first_line(error)})") from None
