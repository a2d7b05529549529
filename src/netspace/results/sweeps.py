"""Sweeps as the code of two papers writes them: a list of jobs, with the error of every epoch.

- `pycls`: the `sweep.json` of pycls' `tools/sweep_collect.py`, a list with one object a job: `cfg` (its configuration),
  `complexity` (`flops`, `params`, `acts`) and, one entry an epoch, `test_epoch` and `test_ema_epoch` (`epoch_ind`,
  `epoch_max`, `top1_err`) and `train_epoch` (`loss`, `lr`, `time_epoch`).
- `nds`: the files of "On Network Design Spaces for Visual Recognition" (github.com/facebookresearch/nds), a list (or a
  mapping of several lists) with one object a job: `net` (`ds`, `ws`, `ss`, `bot_muls`, `num_gs`, or a genotype),
  `flops`, `params`, `rng_seed` and, one entry an epoch, `test_ep_top1`, `train_ep_top1` (errors, %) and
  `train_ep_loss`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field

from netspace.arch.pycls import network_of, regnet_parameters
from netspace.documents import parse, read_json_entries, whole_if_whole
from netspace.errors import ConfigError, DataError
from netspace.results.imported_model import ImportedModel
from netspace.store import Epoch, Outcome

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, lt=2**63, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Rate = Annotated[float, Field(allow_inf_nan=False)]
Job = TypeVar("Job", bound=BaseModel)


class _Foreign(BaseModel, frozen=True):
    """Frozen, so that its defaults are shared and not copied for each of very many jobs."""


class _PyclsTests(_Foreign):
    """The evaluations of a job, one entry an epoch."""

    top1_err: list[Percent] = []
    epoch_ind: list[int] = []
    epoch_max: list[int] = []


class _PyclsTraining(_Foreign):
    """The epochs of a job's training; a loss that is no number any more is one of a training that diverged."""

    loss: list[float] = []
    lr: list[Rate] = []
    time_epoch: list[Seconds] = []


class _PyclsComplexity(_Foreign):
    flops: Amount = 0
    params: Amount = 0
    acts: Amount = 0


class _PyclsOptimizer(_Foreign):
    BASE_LR: float | None = None
    WEIGHT_DECAY: float | None = None


class _PyclsConfig(_Foreign, extra="allow"):
    """What is read here of a configuration; the network's part is read by `network_of`."""

    MODEL: dict[str, Any] = {}
    ANYNET: dict[str, Any] = {}
    REGNET: dict[str, Any] = {}
    OPTIM: _PyclsOptimizer = _PyclsOptimizer()
    RNG_SEED: Seed = 0


class _PyclsJob(_Foreign):
    cfg: _PyclsConfig
    complexity: _PyclsComplexity = _PyclsComplexity()
    test_epoch: _PyclsTests | None = None
    test_ema_epoch: _PyclsTests | None = None
    train_epoch: _PyclsTraining = _PyclsTraining()
    err: str | None = None


class _NdsNetwork(_Foreign):
    """One number a stage; a network of cells has a genotype instead."""

    ds: list[float] = []
    ws: list[float] = []
    bot_muls: list[float] = []
    num_gs: list[float] = []


class _NdsOptimizer(_Foreign):
    base_lr: float | None = None
    wd: float | None = None
    max_ep: int | None = None


class _NdsJob(_Foreign):
    net: _NdsNetwork
    optim: _NdsOptimizer = _NdsOptimizer()
    flops: Amount = 0
    params: Amount = 0
    rng_seed: Seed = 0
    test_ep_top1: list[Percent] = []
    train_ep_loss: list[float] = []


def jobs_in(file: Path) -> Iterator[Any]:
    """Yield what stands for a job in a JSON file: the entries of a list, or of each list in a mapping.

    Raises:
        DataError: the file is missing, unreadable or not JSON.
    """
    for entry in read_json_entries(file, DataError):
        if isinstance(entry, dict) and entry and all(isinstance(jobs, list) for jobs in entry.values()):
            yield from chain.from_iterable(entry.values())
        else:
            yield entry


def read_pycls(file: Path) -> Iterator[ImportedModel]:
    """Read a sweep of pycls, a space of the file's name, or of its folder's if it is called sweep.json.

    Raises:
        DataError: it is no such sweep; the message names the job and the key.
    """
    space = file.parent.name if file.stem == "sweep" and file.parent.name else file.stem
    for i, job in enumerate(jobs_in(file)):
        if not isinstance(job, dict) or "cfg" not in job:
            raise DataError(f"{file}: not a pycls sweep: a list of objects with 'cfg' is expected")
        yield _pycls_job(_checked(_PyclsJob, job, f"{file}: job {i}"), job["cfg"], space)


def _checked(kind: type[Job], job: Mapping[str, Any], where: str) -> Job:
    try:
        return parse(kind, job, where)
    except ConfigError as error:
        raise DataError(str(error)) from None


def _pycls_job(job: _PyclsJob, cfg: Mapping[str, Any], space: str) -> ImportedModel:
    tests = next((one for one in (job.test_ema_epoch, job.test_epoch) if one is not None), _PyclsTests())
    reached, wanted = ((of or [0])[-1] for of in (tests.epoch_ind, tests.epoch_max))
    complete = bool(tests.top1_err) and reached == wanted
    last_words = ((job.err or "").strip().splitlines() or ["no message"])[-1]
    training = job.train_epoch
    return ImportedModel(
        space=space,
        outcome=Outcome(
            status="done" if complete else "failed",
            error=tests.top1_err[-1] if complete else None,
            message=None if complete else f"it ended after epoch {reached} of {wanted or '?'}: {last_words}",
            seconds=math.fsum(training.time_epoch),
            curve=_curve(tests.top1_err, training.loss, training.lr, training.time_epoch),
        ),
        flops=int(job.complexity.flops),
        params=int(job.complexity.params),
        activations=int(job.complexity.acts),
        seed=job.cfg.RNG_SEED,
        network=network_of(cfg),
        parameters=regnet_parameters(cfg) | {"lr": job.cfg.OPTIM.BASE_LR, "weight_decay": job.cfg.OPTIM.WEIGHT_DECAY},
    )


def read_nds(file: Path) -> Iterator[ImportedModel]:
    """Read a file of the NDS layout, a space of its name.

    Raises:
        DataError: it is no such file; the message names the job and the key.
    """
    for i, job in enumerate(jobs_in(file)):
        if not isinstance(job, dict) or "net" not in job:
            raise DataError(f"{file}: not of the NDS layout: a list of objects with 'net' is expected")
        yield _nds_job(_checked(_NdsJob, job, f"{file}: job {i}"), file.stem)


def _nds_job(job: _NdsJob, space: str) -> ImportedModel:
    errors, net = job.test_ep_top1, job.net
    wanted = len(errors) if job.optim.max_ep is None else job.optim.max_ep
    complete = bool(errors) and len(errors) == wanted
    columns = {"depth": net.ds, "width": net.ws, "bottleneck_multiplier": net.bot_muls, "groups": net.num_gs}
    numbers = {
        f"{name}_{stage}": whole_if_whole(value)
        for name, values in columns.items()
        for stage, value in enumerate(values, start=1)
    }
    return ImportedModel(
        space=space,
        outcome=Outcome(
            status="done" if complete else "failed",
            error=errors[-1] if complete else None,
            message=None if complete else f"it ended after epoch {len(errors)} of {wanted}",
            seconds=0.0,
            curve=_curve(errors, job.train_ep_loss, [], []),
        ),
        flops=round(job.flops),
        params=round(job.params),
        seed=job.rng_seed,
        parameters=numbers | {"lr": job.optim.base_lr, "weight_decay": job.optim.wd},
    )


def _curve(
    errors: Sequence[float], losses: Sequence[float], rates: Sequence[float], seconds: Sequence[float]
) -> list[Epoch]:
    """Return one point an epoch; what a tool does not report is missing, or 0 where the store needs a number."""
    times = accumulate(chain(seconds, repeat(0.0)))
    columns = zip(errors, chain(losses, repeat(math.nan)), chain(rates, repeat(0.0)), times, strict=False)
    return [
        Epoch(epoch=epoch, train_loss=loss, lr=rate, seconds=since, val_error=error)
        for epoch, (error, loss, rate, since) in enumerate(columns, start=1)
    ]
