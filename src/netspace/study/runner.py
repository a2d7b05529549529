"""The runner: leases runs from the store, has an executor train them, records what comes back.

The store decides everything that must survive: a run is leased before it is submitted and recorded in one transaction
when it ends. Killing the driver at any moment therefore loses no finished run and doubles none; the same command
goes on.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal, ParamSpec, TypeVar

from netspace.errors import StoreUnreachableError, StudyError, first_line
from netspace.results.standing import Standing, standing_with
from netspace.results.stopping import stopping_chain
from netspace.store import RunRecord, Store, StudyRecord, Worker
from netspace.study.executors.base import Executor
from netspace.study.jobs import Checkpoints, Event, Failed, Finished, Job, Lost, Unfit
from netspace.study.watch import LEAST_LIMIT, Watch, is_silent, usual_limit

_log = logging.getLogger(__name__)

LEASE_SECONDS = 120.0
"""How long another driver leaves alone a run that was leased and has not been heard of since."""

_POLL_SECONDS = 0.5
_WATCH_SECONDS = 2.0
"""Time between two looks at what the workers show of themselves."""

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")

PATIENCE_SECONDS = 600.0
"""How long a driver waits for a store that is away (a server restarted, a file locked); its workers go on meanwhile."""


MAX_LOSSES = 5
"""Times that a run whose worker vanished is begun again at no attempt's cost: it says nothing of the network."""


MAX_UNFIT = 3
"""Workers in a row that may turn out unable to train; then something is wrong that retrying will not fix."""


def run_study(
    record: StudyRecord,
    store: Store,
    executor: Executor,
    *,
    attempts: int = 3,
    hours: float | None = None,
    run_limit: float | None = None,
    checkpoints: Checkpoints | None = None,
    observe: Callable[[Standing], None] = lambda _: None,
    recorded: Callable[[int], None] = lambda _: None,
) -> Standing:
    """Train every run of a study that is not at an end, and return where the study then stands.

    Several drivers may work on one study: each run goes to one of them. With early stopping, runs that are not needed
    any more stay planned, and runs in hand are trained to their end; what decides is in the store alone, so all drivers
    come to the same end.

    Args:
        record: the study, planned in `store`.
        store: where runs are leased and recorded.
        executor: what trains them; it is closed at the end, whatever happens.
        attempts: how often a run is started at most that fails, for want of memory too. One whose worker vanishes is
            begun again at no attempt's cost, `MAX_LOSSES` times, before it counts as lost.
        hours: of training, over all runs and drivers, after which no run is begun any more; None for no limit.
        run_limit: seconds that a worker may spend on one run before it is ended; None for `watch.usual_limit`.
        checkpoints: what the executor's context says of them: made here, and removed as runs come to their end.
        observe: called when something has happened, and every few seconds.
        recorded: called with the id of each run whose result was stored.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; runs in hand are planned again, finished ones are recorded.
        StoreError: the store refuses a write.
        StudyError: the workers can train nothing, for want of their device or their images; no run is charged for it.
    """
    driver = _Driver(record, store, executor, attempts, hours, run_limit, checkpoints, observe, recorded)
    with executor, _signals_call(driver.stop):
        return driver.run()


class _Driver:
    def __init__(
        self,
        record: StudyRecord,
        store: Store,
        executor: Executor,
        attempts: int,
        hours: float | None,
        run_limit: float | None,
        checkpoints: Checkpoints | None,
        observe: Callable[[Standing], None],
        recorded: Callable[[int], None],
    ) -> None:
        self._record = record
        self._store = store
        self._executor = executor
        self._attempts = attempts
        self._hours = hours
        self._chain = stopping_chain(record, store)
        self._checkpoints = checkpoints
        self._observe = observe
        self._recorded = recorded
        self._worker = str(Worker.current())
        self._run_limit = run_limit
        self._watch = Watch()
        self._in_hand: dict[int, RunRecord] = {}
        self._unfit = 0
        self._last = ""
        self._stopping = False

    def run(self) -> Standing:
        try:
            if self._checkpoints is not None:
                self._checkpoints.make()
            renewed = watched = time.monotonic()
            _patiently(self._store.reclaim, self._record.id)
            self._report()
            while not self._stopping and (self._fill() or self._others_are_running()):
                self._settle_all(self._executor.wait(_POLL_SECONDS) if self._in_hand else self._idle())
                if time.monotonic() - watched > _WATCH_SECONDS:
                    watched = time.monotonic()
                    self._watch.look(self._executor.signs())
                    self._give_up_what_never_ends()
                if time.monotonic() - renewed > LEASE_SECONDS / 4:
                    renewed = time.monotonic()
                    self._keep_in_hand()
                    _patiently(self._store.reclaim, self._record.id)
                    self._report()
            if self._stopping:
                self._settle_all(self._executor.wait(0))
        finally:
            self._executor.close()
            for run_id in self._in_hand:
                self._store.release(run_id, self._worker)
        if self._stopping:
            raise KeyboardInterrupt
        if self._checkpoints is not None:
            self._checkpoints.remove_all()
        return self._standing()

    def stop(self) -> None:
        """Have `run` end soon, with what is finished recorded; the second call ends it at once."""
        if self._stopping:
            raise KeyboardInterrupt
        self._stopping = True

    def _keep_in_hand(self) -> None:
        """Renew the leases, and lease again what another driver took for abandoned and no one has begun since.

        What another driver has begun, or ended, is given up here: its result would not be taken.
        """
        silent = {run_id: seconds for run_id, seconds in self._watch.silent().items() if run_id in self._in_hand}
        held = _patiently(
            self._store.heartbeat, self._in_hand, self._worker, lease_seconds=LEASE_SECONDS, silent=silent
        )
        for run_id in self._in_hand.keys() - held:
            if not _patiently(self._store.lease, run_id, self._worker, lease_seconds=LEASE_SECONDS):
                self._executor.cancel(run_id)
                self._last = f"{_name(self._in_hand.pop(run_id))}: another driver has taken it; given up here"
                _log.info("%s", self._last)

    def _give_up_what_never_ends(self) -> None:
        """End workers that have spent more on a run than it may take."""
        least = LEAST_LIMIT if self._run_limit is None else self._run_limit
        trained = self._watch.trained().items()
        long = {run_id: seconds for run_id, seconds in trained if run_id in self._in_hand and seconds > least}
        if not long:
            return
        others = [] if self._run_limit is not None else _patiently(self._store.trained, self._record.id)
        silent = self._watch.silent()
        for run_id, seconds in long.items():
            limit = self._run_limit or usual_limit(self._in_hand[run_id].flops, others)
            if seconds <= limit:
                continue
            self._executor.cancel(run_id)
            spent = f"after {_minutes(seconds)}; a run may take {_minutes(limit)} (run_limit)"
            event: Event = Failed(run_id=run_id, message=f"given up {spent}")
            if is_silent(silent[run_id], limit):
                no_sign = f"no sign of life of its worker for {_minutes(silent[run_id])}, given up"
                event = Lost(run_id=run_id, message=f"{no_sign} {spent}")
            self._settle_all([event])

    def _fill(self) -> bool:
        """Lease and submit runs up to the executor's capacity; return whether any is in hand."""
        if self._chain is not None:
            # errors first: what is lost after them is not among them
            errors = _patiently(self._store.errors, self._record.id)
            self._chain.update(errors, _patiently(self._store.lost, self._record.id))
        while len(self._in_hand) < self._executor.capacity and not self._out_of_hours:
            run = _patiently(
                self._store.lease_next, self._record.id, self._worker, spaces=self._needed, lease_seconds=LEASE_SECONDS
            )
            if run is None:
                break
            if run.id in self._in_hand:
                continue  # planned again while it was being trained here: from now on it is held again
            self._in_hand[run.id] = run
            _log.info("leased %s %d (run %d, attempt %d)", run.space, run.index, run.id, run.attempts)
            drawn = self._record.drawn_recipe(run)
            self._executor.submit(Job(run_id=run.id, config=run.config, seed=run.seed, recipe=drawn))
        return bool(self._in_hand)

    def _others_are_running(self) -> bool:
        """Return whether another driver still holds runs: should it vanish, they are this driver's."""
        return not self._standing().complete and not self._out_of_hours

    @property
    def _needed(self) -> frozenset[str] | None:
        return None if self._chain is None else self._chain.needed.union(self._record.networks)

    @property
    def _out_of_hours(self) -> bool:
        """Whether the runs that ended have taken the hours that the study may."""
        if self._hours is None:
            return False
        return _patiently(self._store.training_seconds, self._record.id) >= 3600 * self._hours

    def _idle(self) -> list[Event]:
        self._executor.wait(0)
        time.sleep(_POLL_SECONDS)
        _patiently(self._store.reclaim, self._record.id)
        return []

    def _settle_all(self, events: list[Event]) -> None:
        for event in events:
            self._settle(event)
            _log.info("%s", self._last)
            self._report()

    def _settle(self, event: Event) -> None:
        """Record what became of a run."""
        name = _name(self._in_hand[event.run_id]) if event.run_id in self._in_hand else f"run {event.run_id}"
        match event:
            case Lost() | Unfit() if self._stopping:
                # Ctrl-C in a terminal reaches the workers too: what ends by it is interrupted, not lost
                return
            case Finished(outcome=outcome):
                # False if another driver took the run over, or this very record was sent a second time
                recorded = _patiently(self._store.record, event.run_id, self._worker, outcome)
                if recorded:
                    self._at_end(event.run_id)
                    self._recorded(event.run_id)
                shown = outcome.status if outcome.error is None else f"{outcome.error:.2f} %"
                epochs = outcome.details.get("epochs_resumed")
                resumed = f", resumed after epoch {epochs}" if epochs else ""
                self._last = f"{name}: {shown} in {outcome.seconds:.1f} s{resumed}"
            case Failed(message=message):
                self._attempt_over(event.run_id, name, message, "failed")
            case Lost(message=message):
                self._attempt_over(event.run_id, name, message, "lost")
            case Unfit(message=message):
                _patiently(self._store.release, event.run_id, self._worker)
                self._last = f"{name}: {message}; retrying"
                if self._unfit + 1 >= MAX_UNFIT:
                    raise StudyError(f"no worker can train: {message}")
        self._unfit = self._unfit + 1 if isinstance(event, Unfit) else 0
        # only now: what the store refused is put back
        self._in_hand.pop(event.run_id, None)

    def _attempt_over(self, run_id: int, name: str, message: str, status: Literal["failed", "lost"]) -> None:
        # a vanished worker says nothing of the network, unless it took all memory
        free_losses = 0 if message.startswith("out of memory") else MAX_LOSSES
        now = _patiently(
            self._store.fail,
            run_id,
            self._worker,
            message,
            max_attempts=self._attempts,
            status=status,
            free_losses=free_losses,
        )
        if now == status:
            self._at_end(run_id)
        reason = first_line(message, status)
        end = {"planned": "; retrying", status: f"; given up as {status}"}
        self._last = f"{name}: {reason}" + end.get(now or "", "; another driver has taken it")

    def _at_end(self, run_id: int) -> None:
        if self._checkpoints is not None:
            self._checkpoints.remove(run_id)

    def _report(self) -> None:
        self._observe(self._standing())

    def _standing(self) -> Standing:
        return _patiently(standing_with, self._record, self._store, self._chain, self._last)


def _name(run: RunRecord) -> str:
    return f"{run.space} {run.index}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _patiently(ask: Callable[_Asked, _Answer], *args: _Asked.args, **kwargs: _Asked.kwargs) -> _Answer:
    """Return the store's answer, retrying while it is away; each of its calls may be repeated."""
    waiting = False
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask(*args, **kwargs)
        except StoreUnreachableError as error:
            if time.monotonic() > until:
                raise
            if not waiting:
                _log.warning("%s; waiting up to %.0f s for it", error, PATIENCE_SECONDS)
                waiting = True
            time.sleep(_POLL_SECONDS)


@contextmanager
def _signals_call(stop: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM (a scheduler's goodbye) call `stop`, instead of breaking off a transaction."""
    # Python sets signal handlers in the main thread only
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_signal: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
