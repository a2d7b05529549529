"""The result store: studies, their runs, and how each run ended.

A run is planned once, leased to one worker at a time, and recorded once, in one transaction:

    planned --lease--> running --record--> done | diverged
       ^                  |----release---> planned                     (costs no attempt: Ctrl-C, preemption)
       |                  |----fail------> planned, or failed | lost   (once the attempts are used up)
       '-----reclaim------'                                            (its worker vanished)

A worker that only seemed to have vanished may still record its run, unless another has leased it since.

Every method is one transaction; on a database error it raises `StoreError` and nothing has changed.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    case,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    update,
)

from netspace.errors import StoreError, StudyError
from netspace.store import pools
from netspace.store.database import Database
from netspace.store.records import (
    FAILED,
    FINAL,
    STATUSES,
    TRAINED,
    Outcome,
    PlannedRun,
    RunRecord,
    RunState,
    Status,
    StoredPool,
    StudyRecord,
    curve_rows,
)
from netspace.store.rows import run_of, state_of, study_of
from netspace.store.schema import Now, curves, runs, studies, text
from netspace.store.worker import Worker

if TYPE_CHECKING:
    import pandas as pd

LEASE_SECONDS = 120.0
"""How long a lease holds without a heartbeat, unless the caller says otherwise."""


class Store:
    """The studies of one database. Threads may share a store; each process opens its own, by `store.url`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, target: str | Path | None = None, *, create: bool = True) -> Self:
        """Open the store at `target`, making an empty one if there is none.

        Args:
            target: the path of an SQLite file (its folder is made if need be), a URL
                `postgresql://USER@HOST/DATABASE`, or None for `netspace.db` in the working directory.
            create: False to refuse a place that holds no store yet.

        Raises:
            StoreError: the place cannot be written, holds something else, or a store of a later schema version; in
                every case it is left as it was.
            MissingExtraError: a PostgreSQL URL without the extra `postgres`.
            UnknownNameError: a URL of another database.
        """
        return cls(Database.open(target, create=create))

    def close(self) -> None:
        """Close the connections; whatever was returned stays valid."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def where(self) -> str:
        """The file or the URL (password hidden), for messages."""
        return self._database.where

    @property
    def url(self) -> str:
        """What opens the same store in another process; it may hold a password."""
        return self._database.url

    @property
    def read_only(self) -> bool:
        """Whether the store is a file that cannot be written, opened by a command that reads alone."""
        return self._database.read_only

    def insert_study(
        self, name: str, spec: dict[str, Any], digest: str, planned: Iterable[PlannedRun] = ()
    ) -> StudyRecord:
        """Store a study together with its runs; one that is already there only gets the runs it lacks.

        Args:
            name: unique in the store.
            spec: the study file as plain data.
            digest: identity of `spec`.
            planned: every run of the study.

        Raises:
            StudyError: a study of this name has another digest, or holds other networks at the same places.
        """
        with self._database.write(alone=True) as connection:
            row = connection.execute(select(studies).where(studies.c.name == name)).first()
            if row is None:
                values = {"name": name, "spec": spec, "digest": digest, "created": Now()}
                row = connection.execute(insert(studies).values(values).returning(studies)).one()
            study = study_of(row)
            if study.digest != digest:
                raise StudyError(
                    f"{self.where}: study '{name}' was started from another specification (digest {study.digest}, now "
                    f"{digest}); give the changed study another name, or restore the file"
                )
            self._insert_missing(connection, study, planned)
        return study

    def _insert_missing(self, connection: Connection, study: StudyRecord, planned: Iterable[PlannedRun]) -> None:
        query = select(runs.c.space, runs.c.index, runs.c.digest).where(runs.c.study_id == study.id)
        known = {(space, index): digest for space, index, digest in connection.execute(query)}
        missing = []
        for run in planned:
            key = run.space, run.index
            if key not in known:
                known[key] = run.digest
                missing.append(vars(run) | {"study_id": study.id})
            elif known[key] != run.digest:
                raise StudyError(
                    f"{self.where}: run {run.index} of {run.space} in study '{study.name}' is network "
                    f"{known[key]}, now {run.digest}; the space or the sampling changed: give the study another name"
                )
        if missing:
            connection.execute(insert(runs), missing)

    def add_study(
        self,
        name: str,
        spec: dict[str, Any],
        digest: str,
        ended: Iterable[tuple[PlannedRun, Outcome]],
        planned: Iterable[PlannedRun] = (),
    ) -> StudyRecord:
        """Store a study whose runs ended elsewhere, all or nothing.

        Args:
            name: unique in the store.
            spec: where it comes from, as plain data.
            digest: identity of `spec`.
            ended: its runs, each with its outcome.
            planned: runs that have not ended.

        Raises:
            StudyError: there is a study of this name.
        """
        with self._database.write(alone=True) as connection:
            if connection.execute(select(studies.c.id).where(studies.c.name == name)).first() is not None:
                raise StudyError(f"{self.where}: it already holds a study '{name}'; choose another name")
            values = {"name": name, "spec": spec, "digest": digest, "created": Now()}
            study = study_of(connection.execute(insert(studies).values(values).returning(studies)).one())
            _insert_ended(connection, study.id, ended)
            self._insert_missing(connection, study, planned)
        return study

    def find_study(self, name: str) -> StudyRecord | None:
        """Return the study of this name, or None."""
        return next((study for study in self.studies() if study.name == name), None)

    def studies(self) -> list[StudyRecord]:
        """Return every study, the oldest first."""
        with self._database.read() as connection:
            return [study_of(row) for row in connection.execute(select(studies).order_by(studies.c.id))]

    def keep_pools(self, study_id: int, kept: Iterable[StoredPool]) -> None:
        """Keep the pools of a study's spaces; those of spaces that have one already are left as they are."""
        with self._database.write(alone=True) as connection:
            pools.keep(connection, study_id, kept)

    def pooled(self, study_id: int) -> set[str]:
        """Return the spaces of a study that have a pool, or the reason why there is none."""
        with self._database.read() as connection:
            return pools.kept_of(connection, study_id)

    def pools(self, study_id: int) -> dict[str, StoredPool]:
        """Return the pools that are kept of a study's spaces, by space."""
        with self._database.read() as connection:
            return pools.pools_of(connection, study_id)

    def lease(self, run_id: int, worker: str, *, lease_seconds: float = LEASE_SECONDS) -> bool:
        """Take a planned run for `worker`; False if it is not planned (any more). Starting counts as an attempt."""
        return len(self._update(_leased(worker, lease_seconds).where(runs.c.id == run_id))) == 1

    def lease_next(
        self,
        study_id: int,
        worker: str,
        *,
        spaces: Collection[str] | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> RunRecord | None:
        """Take the planned run that is first in launch order, or return None if none is planned.

        Any number of drivers may call this at once: each run goes to one of them.

        Args:
            study_id: the study.
            worker: who takes it.
            spaces: only a run of one of these; None for any.
            lease_seconds: how long the lease holds without a heartbeat.
        """
        wanted = [] if spaces is None else [runs.c.space.in_(spaces)]
        first = (
            select(runs.c.id)
            .where(runs.c.study_id == study_id, runs.c.status == "planned", *wanted)
            .order_by(runs.c.launch, runs.c.id)
            .limit(1)
            # PostgreSQL passes over rows that another driver is leasing; SQLite has one writer and ignores this
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        return next(iter(self._update(_leased(worker, lease_seconds).where(runs.c.id == first))), None)

    def heartbeat(
        self,
        run_ids: Collection[int],
        worker: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
        silent: Mapping[int, float] | None = None,
    ) -> frozenset[int]:
        """Renew the leases of `worker` on these runs; return those it still holds. The others may be leased again.

        Args:
            run_ids: the runs.
            worker: who holds them.
            lease_seconds: how long the leases hold without a further heartbeat.
            silent: for how many seconds nothing was heard of those that are trained.
        """
        heard = [(runs.c.id == run_id, Now() - seconds) for run_id, seconds in (silent or {}).items()]
        change = (
            update(runs)
            .where(runs.c.id.in_(run_ids), runs.c.status == "running", runs.c.worker == worker)
            .values(lease_until=Now() + lease_seconds)
        )
        if heard:
            change = change.values(heard=case(*heard, else_=runs.c.heard))
        return frozenset(run.id for run in self._update(change))

    def release(self, run_id: int, worker: str) -> bool:
        """Put a run back that `worker` holds, as if it had not been started; False if it does not hold it."""
        change = _held(run_id, worker).values(_PLANNED_AGAIN | {"attempts": runs.c.attempts - 1})
        return len(self._update(change)) == 1

    def record(self, run_id: int, worker: str, outcome: Outcome) -> bool:
        """Store how a run ended that `worker` trained, with its curve.

        Raises:
            StoreError: the outcome is a failure, which may be tried again: `fail` counts its attempts.

        Returns:
            False, and nothing stored, if another worker holds the run or it has ended. One that is planned
            again, since its lease ended while its worker lived on, takes the result. A driver that lost its lease, or
            that asks again after a broken connection, therefore neither doubles a result nor throws one away.
        """
        if outcome.status not in TRAINED:
            raise StoreError(f"an outcome to record is 'done' or 'diverged', got '{outcome.status}'; use fail()")
        taken_back = runs.c.status == "planned"
        held = and_(runs.c.status == "running", runs.c.worker == worker)
        # what `reclaim` took back of a run, this gives to it again
        again = {
            "worker": worker,
            "attempts": runs.c.attempts + case((taken_back, 1), else_=0),
            "started": func.coalesce(runs.c.started, Now() - outcome.seconds),
        }
        change = (
            update(runs)
            .where(runs.c.id == run_id, or_(held, taken_back))
            .values(again | _recorded(outcome) | {"finished": Now()})
        )
        points = curve_rows(run_id, outcome.curve)
        with self._database.write() as connection:
            if connection.execute(change).rowcount != 1:
                return False
            if points:
                connection.execute(insert(curves), points)
        return True

    def fail(
        self,
        run_id: int,
        worker: str,
        message: str,
        *,
        max_attempts: int,
        status: Literal["failed", "lost"] = "failed",
        free_losses: int = 0,
    ) -> Status | None:
        """Store why the attempt of `worker` gave no result: planned again, or `status` once attempts are used up.

        Args:
            run_id: the run.
            worker: who holds it.
            message: the reason with the traceback's tail.
            max_attempts: how often a run is started at most, at least 1.
            status: `failed` if training raised, `lost` if the training process vanished.
            free_losses: how often a run whose process vanished is planned again at no attempt's cost, all drivers that
                it ever had together.

        Returns:
            The run's new status, or None, and nothing stored, if `worker` does not hold it.
        """
        values = _attempt_over(status, max_attempts, message, free_losses)
        ended = self._update(_held(run_id, worker).values(values))
        return ended[0].status if ended else None

    def reclaim(self, study_id: int) -> list[RunRecord]:
        """Take the runs back whose lease ended, or whose worker was a process of this machine that no longer lives.

        They are planned again and the attempt does not count: a vanished driver is no fault of the run.

        Returns:
            The runs taken back, as they are now, in launch order.
        """
        running = (runs.c.study_id == study_id, runs.c.status == "running")
        with self._database.read() as connection:
            holders = connection.execute(select(runs.c.worker).where(*running).distinct()).scalars().all()
        gone = [holder for holder in holders if (worker := Worker.parse(holder)) and worker.is_gone()]
        message = literal("its worker vanished: ") + runs.c.worker
        values = _PLANNED_AGAIN | {"attempts": runs.c.attempts - 1, "message": message}
        vanished = or_(runs.c.lease_until < Now(), runs.c.worker.in_(gone))
        return self._update(update(runs).where(*running, vanished).values(values))

    @property
    def _states(self) -> list[ColumnElement[Any]]:
        """The columns of `RunState`."""
        return [column for column in self._database.columns(runs) if column.key in _STATE]

    def _update(self, change: Update) -> list[RunRecord]:
        """Carry out a change of runs and return them as they are after it, in launch order."""
        with self._database.write() as connection:
            changed = [run_of(row) for row in connection.execute(change.returning(runs))]
        return sorted(changed, key=lambda run: (run.launch, run.id))

    def run(self, run_id: int) -> RunRecord:
        """Return one run.

        Raises:
            StoreError: the store holds no run of this id.
        """
        with self._database.read() as connection:
            row = connection.execute(select(*self._database.columns(runs)).where(runs.c.id == run_id)).first()
        if row is None:
            raise StoreError(f"{self.where}: it holds no run {run_id}")
        return run_of(row)

    def runs(self, study_id: int, *, space: str | None = None, status: Status | None = None) -> list[RunRecord]:
        """Return the runs of a study in launch order, of one space or status if given."""
        query = select(*self._database.columns(runs)).where(runs.c.study_id == study_id)
        query = query.order_by(runs.c.launch, runs.c.id)
        if space is not None:
            query = query.where(runs.c.space == space)
        if status is not None:
            query = query.where(runs.c.status == status)
        with self._database.read() as connection:
            return [run_of(row) for row in connection.execute(query)]

    def states(self, study_id: int) -> list[RunState]:
        """Return what became of each run of a study, in launch order: its networks, which are large, stay unread."""
        query = select(*self._states).where(runs.c.study_id == study_id).order_by(runs.c.launch, runs.c.id)
        with self._database.read() as connection:
            return [state_of(row) for row in connection.execute(query)]

    def counts(self, study_id: int) -> dict[str, dict[Status, int]]:
        """Return the number of runs by space and status, zeros included; spaces in the order of their first launch."""
        with self._database.read() as connection:
            return _counts(connection, study_id)

    def overview(self, study_id: int, *, recent: int) -> tuple[dict[str, dict[Status, int]], list[RunState]]:
        """Return `counts`, and the runs that show where a study stands, however many it has.

        These are the best run, those that ended without an error, those with a message of an attempt that failed, and
        the `recent` last ones that ended; in launch order, as they were at one moment.
        """
        ended = (runs.c.study_id == study_id, runs.c.status.in_(FINAL))
        best = select(runs.c.id).where(*ended).order_by(runs.c.error.is_(None), runs.c.error, runs.c.launch).limit(1)
        last = select(runs.c.id).where(*ended).order_by(runs.c.finished.desc()).limit(recent)
        telling = or_(
            runs.c.status.in_(FAILED),
            runs.c.message.is_not(None),
            runs.c.id.in_(best.scalar_subquery()),
            runs.c.id.in_(last.scalar_subquery()),
        )
        query = select(*self._states).where(runs.c.study_id == study_id, telling).order_by(runs.c.launch, runs.c.id)
        with self._database.read() as connection:
            return _counts(connection, study_id), [state_of(row) for row in connection.execute(query)]

    def chance_error(self, study_id: int) -> float:
        """Return the error of guessing, in %: as the first result recorded it, else 100 (1 - 1 / classes)."""
        of_study = runs.c.study_id == study_id
        recorded = runs.c.details["chance_error"].as_float()
        known = select(recorded).where(of_study, recorded.is_not(None)).order_by(runs.c.launch, runs.c.id).limit(1)
        classes = select(func.max(func.coalesce(runs.c.config["num_classes"].as_integer(), 1000))).where(of_study)
        with self._database.read() as connection:
            if (found := connection.execute(known).scalar()) is not None:
                return float(found)
            return 100.0 * (1.0 - 1.0 / (connection.execute(classes).scalar() or 1000))

    def errors(self, study_id: int) -> dict[str, dict[int, float]]:
        """Return the errors of the runs that ended, in %, by space and index; +inf if one ended without an error."""
        query = select(runs.c.space, runs.c.index, runs.c.error)
        query = query.where(runs.c.study_id == study_id, runs.c.status.in_(FINAL))
        found: dict[str, dict[int, float]] = {}
        with self._database.read() as connection:
            for space, index, error in connection.execute(query.order_by(runs.c.launch, runs.c.id)):
                found.setdefault(space, {})[index] = math.inf if error is None else float(error)
        return found

    def lost(self, study_id: int) -> dict[str, set[int]]:
        """Return the indices of the runs that were lost with their workers, by space."""
        query = select(runs.c.space, runs.c.index).where(runs.c.study_id == study_id, runs.c.status == "lost")
        found: dict[str, set[int]] = {}
        with self._database.read() as connection:
            for space, index in connection.execute(query):
                found.setdefault(space, set()).add(index)
        return found

    def silent(self, study_id: int, seconds: float) -> list[tuple[str, int, float]]:
        """Return the runs in hand of whose workers nothing was heard for long: space, index and for how many seconds.

        The longest is the first. In a store of an earlier version no one says when a worker was heard.
        """
        if self._database.version < 2:
            return []
        query = select(runs.c.space, runs.c.index, Now() - runs.c.heard).order_by(runs.c.heard, runs.c.launch)
        query = query.where(runs.c.study_id == study_id, runs.c.status == "running", runs.c.heard < Now() - seconds)
        with self._database.read() as connection:
            return [(space, index, float(silence)) for space, index, silence in connection.execute(query)]

    def trained(self, study_id: int) -> list[tuple[int, float]]:
        """Return flops and training time in seconds of each run that was trained to an end."""
        query = select(runs.c.flops, runs.c.seconds).where(runs.c.study_id == study_id, runs.c.seconds.is_not(None))
        with self._database.read() as connection:
            return [(flops, seconds) for flops, seconds in connection.execute(query)]

    def paused(self, run_ids: Collection[int]) -> dict[int, float]:
        """Return for how many seconds the workers of these runs stood still in the last attempt, where any did."""
        paused = runs.c.details["seconds_paused"].as_float()
        with self._database.read() as connection:
            found = connection.execute(select(runs.c.id, paused).where(runs.c.id.in_(run_ids), paused > 0))
            return {run_id: float(seconds) for run_id, seconds in found}

    def training_seconds(self, study_id: int) -> float:
        """Return how long the runs that ended were trained, all together, in seconds."""
        query = select(func.coalesce(func.sum(runs.c.seconds), 0.0)).where(runs.c.study_id == study_id)
        with self._database.read() as connection:
            return float(connection.execute(query).scalar_one())

    def frame(self, study_id: int) -> "pd.DataFrame":
        """Return one row per run in launch order, whatever its status, indexed by `run_id`.

        Columns: `space`, `index`, `launch`, `digest`, `status`, `error` (top-1, %; NaN unless done), `flops`, `params`,
        `activations`, `seed`, `seconds` (NaN unless done or diverged), `attempts`, `message`, and one per sampled
        parameter (NaN if the space has no such parameter; `parameters.NAME` if NAME is `run_id`, `network` or a
        column above).
        """
        from netspace.store import frames  # pandas, which only tables need

        with self._database.read() as connection:
            return frames.runs_frame(connection, study_id)

    def curve(self, run_id: int) -> "pd.DataFrame":
        """Return one row per epoch of a run: `epoch`, `train_loss`, `val_error` (%), `lr`, `seconds`, as in `Epoch`."""
        from netspace.store import frames

        with self._database.read() as connection:
            return frames.curves_frame(connection, runs.c.id == run_id).drop(columns="run_id")

    def curves(self, study_id: int, run_ids: Collection[int] | None = None) -> "pd.DataFrame":
        """Return the curves of a study, or of some of its runs: `run_id` and the columns of `curve`.

        They stand in launch order, then by epoch.
        """
        from netspace.store import frames

        chosen = true() if run_ids is None else runs.c.id.in_(run_ids)
        with self._database.read() as connection:
            return frames.curves_frame(connection, and_(runs.c.study_id == study_id, chosen))


_BATCH = 10_000
"""Runs that are inserted at a time."""

_STATE = frozenset(field.name for field in fields(RunState))


def _insert_ended(connection: Connection, study_id: int, ended: Iterable[tuple[PlannedRun, Outcome]]) -> None:
    """Insert runs with their outcomes and curves, many at a time: a statement for each would take most of the time."""
    rest = iter(ended)
    while batch := list(islice(rest, _BATCH)):
        rows = [vars(run) | _recorded(outcome) | {"study_id": study_id, "attempts": 1} for run, outcome in batch]
        connection.execute(insert(runs).values(finished=Now()), rows)
        query = select(runs.c.space, runs.c.index, runs.c.id).where(runs.c.study_id == study_id)
        of_batch = query.order_by(runs.c.id.desc()).limit(len(batch))
        ids = {(space, index): run_id for space, index, run_id in connection.execute(of_batch)}
        points = [
            point
            for run, outcome in batch
            if outcome.status in TRAINED  # as of our own runs
            for point in curve_rows(ids[run.space, run.index], outcome.curve)
        ]
        if points:
            connection.execute(insert(curves), points)


def _counts(connection: Connection, study_id: int) -> dict[str, dict[Status, int]]:
    first = select(runs.c.space).where(runs.c.study_id == study_id).group_by(runs.c.space)
    query = select(runs.c.space, runs.c.status, func.count()).where(runs.c.study_id == study_id)
    spaces = connection.execute(first.order_by(func.min(runs.c.launch))).scalars().all()
    counted: dict[str, dict[Status, int]] = {space: dict.fromkeys(STATUSES, 0) for space in spaces}
    for space, status, number in connection.execute(query.group_by(runs.c.space, runs.c.status)):
        counted[space][status] = number
    return counted


_NOT_STARTED = dict.fromkeys(("worker", "lease_until", "heard", "started"))
_PLANNED_AGAIN: dict[str, Any] = {"status": "planned", **_NOT_STARTED}


def _recorded(outcome: Outcome) -> dict[str, Any]:
    """Return the values of a run that ended with an outcome."""
    return {
        "status": outcome.status,
        "error": outcome.error,
        "seconds": outcome.seconds if outcome.status in TRAINED else None,
        "message": text(outcome.message),
        "environment": dict(outcome.environment),
        "details": dict(outcome.details),
        "lease_until": None,
        "heard": None,
    }


def _leased(worker: str, lease_seconds: float) -> Update:
    return (
        update(runs)
        .where(runs.c.status == "planned")
        .values(
            status="running",
            worker=worker,
            attempts=runs.c.attempts + 1,
            started=Now(),
            lease_until=Now() + lease_seconds,
        )
    )


def _held(run_id: int, worker: str) -> Update:
    return update(runs).where(runs.c.id == run_id, runs.c.status == "running", runs.c.worker == worker)


def _attempt_over(status: Status, max_attempts: int, message: str, free_losses: int) -> dict[str, Any]:
    """Return the values of a run whose attempt failed: `status` if it was the last one, else planned again."""
    lost = status == "lost"
    free = and_(literal(lost), runs.c.losses < free_losses)
    last = and_(runs.c.attempts >= max_attempts, not_(free))
    again = {name: case((last, runs.c[name]), else_=null()) for name in ("worker", "started")}
    return again | {
        "status": case((last, literal(status)), else_=literal("planned")),
        "finished": case((last, Now()), else_=null()),
        "attempts": runs.c.attempts - case((free, 1), else_=0),
        "losses": runs.c.losses + int(lost),
        "lease_until": None,
        "heard": None,
        "message": text(message),
    }
