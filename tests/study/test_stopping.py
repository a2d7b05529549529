"""Early stopping of a study: planted spaces are decided as their pairs demand, whoever trains them."""

import math
from itertools import pairwise

import numpy as np
import pytest

from netspace.errors import ConfigError, StudyError
from netspace.results.stopping import DEFAULT_METHOD, Stop, stopping_chain, stopping_sentences
from netspace.stats import SequentialChain, SequentialComparison, StoppingRule, operating_characteristics
from netspace.store import Outcome, PlannedRun, Store, StudyRecord
from netspace.study import Study, run_study
from netspace.study.executors import Executor
from netspace.study.jobs import Event, Failed, Finished, Job, Sign
from netspace.study.pools import ensure_pools

RULE = Stop().rule
HORIZON = 500


class Planted(Executor):
    """Ends each job with the error planted for its seed, in any order, so that completion is not launch order."""

    def __init__(self, errors: np.ndarray, capacity: int = 4, die_after: int | None = None) -> None:
        self._errors = errors
        self._capacity = capacity
        self._in_hand: list[Job] = []
        self._left = die_after
        self._rng = np.random.default_rng(0)
        self.submitted: list[int] = []

    @property
    def capacity(self) -> int:
        return self._capacity

    def submit(self, job: Job) -> None:
        self.submitted.append(job.seed)
        self._in_hand.append(job)

    def wait(self, timeout: float) -> list[Event]:  # noqa: ARG002 (what is planted does not wait)
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        job = self._in_hand.pop(self._rng.integers(len(self._in_hand)))
        error = self._errors[job.seed]
        if math.isinf(error):
            return [Failed(run_id=job.run_id, message="planted")]
        return [Finished(run_id=job.run_id, outcome=Outcome(status="done", error=float(error), seconds=0.1))]

    def signs(self) -> dict[int, Sign]:
        return {}

    def cancel(self, run_id: int) -> None:
        raise AssertionError(f"run {run_id} is given up")

    def close(self) -> None:
        self._in_hand.clear()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "runs.db") as store:
        yield store


def plan(store: Store, n: int, spaces: str = "AB", delta: float | None = 0.1):
    """Plan n runs of each space with early stopping; a run's seed is its launch position."""
    runs = [
        PlannedRun(
            space=spaces[i % len(spaces)], index=i // len(spaces), launch=i, digest=f"d{i}", config={}, parameters={},
            flops=1, params=1, activations=1, seed=i,
        )
        for i in range(n * len(spaces))
    ]  # fmt: skip
    return store.insert_study("study", {"stop": {"alpha": 0.05, "delta": delta}}, "digest", runs)


def interleaved(*populations: np.ndarray) -> np.ndarray:
    return np.stack(populations, axis=1).ravel()


def planted(theta: float, n: int, seed: int) -> np.ndarray:
    """Return errors of A and B, interleaved, in which B wins each pair with probability theta."""
    wins = np.random.default_rng(seed).random(n) < theta
    return interleaved(np.full(n, 50.0), np.where(wins, 40.0, 60.0))


def test_a_clear_difference_ends_the_study_and_leaves_the_rest_planned(store):
    record, executor = plan(store, 60), Planted(planted(1.0, 60, seed=0))
    end = run_study(record, store, executor)
    chain = stopping_chain(record, store)
    assert chain.pairs["A", "B"].decision == "better"
    assert chain.pairs["A", "B"].pairs == 9
    # what was in hand when the ninth pair decided is trained to its end
    assert 18 <= len(executor.submitted) <= 18 + 3 * executor.capacity
    assert end.ended == end.total == len(executor.submitted)
    assert end.spared == 120 - end.total
    assert {run.status for run in store.runs(record.id)} == {"done", "planned"}


def test_a_stopped_study_trains_nothing_more(store):
    record = plan(store, 60)
    run_study(record, store, Planted(planted(1.0, 60, seed=0)))
    again = Planted(planted(1.0, 60, seed=0))
    end = run_study(record, store, again)
    assert again.submitted == []
    assert end.ended == end.total


def test_an_interrupted_study_decides_what_an_uninterrupted_one_decides(tmp_path):
    errors = planted(0.75, 200, seed=3)
    decisions = []
    for name, die_after in (("whole", None), ("broken", 15)):
        with Store.open(tmp_path / f"{name}.db") as store:
            record = plan(store, 200)
            if die_after is not None:
                with pytest.raises(KeyboardInterrupt):
                    run_study(record, store, Planted(errors, die_after=die_after))
            run_study(record, store, Planted(errors))
            one = stopping_chain(record, store).pairs["A", "B"]
            decisions.append((one.decision, one.pairs, one.wins, one.p_value))
    assert decisions[0] == decisions[1]
    assert decisions[0][0] == "better"


def test_two_drivers_agree_and_stop_together(store, tmp_path):
    errors = planted(1.0, 60, seed=0)
    record = plan(store, 60)

    class WithAnother(Planted):
        """Runs a second driver to its end while the first has jobs in hand."""

        other: Planted | None = None

        def wait(self, timeout: float) -> list[Event]:
            if self.other is None and len(self.submitted) > 6:
                self.other = Planted(errors, capacity=2)
                with Store.open(tmp_path / "runs.db") as again:
                    # the other driver waits for the first one's runs: it is interrupted after what it can do alone
                    self.other._left = 10
                    with pytest.raises(KeyboardInterrupt):
                        run_study(record, again, self.other)
            return super().wait(timeout)

    first = WithAnother(errors)
    end = run_study(record, store, first)
    assert first.other is not None
    ended = [run for run in store.runs(record.id) if run.status == "done"]
    assert [run.attempts for run in ended] == [1] * len(ended)
    assert len(first.other.submitted) >= 10
    assert stopping_chain(record, store).pairs["A", "B"].decision == "better"
    assert end.ended == end.total < 60


def test_a_space_is_trained_on_while_one_of_its_pairs_is_undecided(store):
    n = 200
    rng = np.random.default_rng(0)
    a, b = np.full(n, 90.0), rng.normal(50, 3, n)
    record = plan(store, n, "ABC", delta=None)
    run_study(record, store, Planted(interleaved(a, b, b + rng.normal(0, 3, n))))
    counts = store.counts(record.id)
    chain = stopping_chain(record, store)
    assert chain.pairs["A", "B"].decision == "better"
    assert chain.pairs["B", "C"].decision == "continue"
    assert chain.rule.threshold == 80
    assert counts["A"]["done"] < 20
    assert counts["B"]["done"] == counts["C"]["done"] == n


def test_failed_models_lose_their_pair(store):
    record = plan(store, 60)
    errors = interleaved(np.full(60, np.inf), np.full(60, 80.0))
    run_study(record, store, Planted(errors), attempts=1)
    one = stopping_chain(record, store).pairs["A", "B"]
    assert (one.decision, one.wins) == ("better", 9)
    assert store.counts(record.id)["A"]["failed"] >= 9


def test_the_end_says_what_was_decided_and_what_it_saved(store):
    record = plan(store, 60)
    end = run_study(record, store, Planted(planted(1.0, 60, seed=0), capacity=1))
    how, decided, cost = stopping_sentences(end.chain, ended=end.ended, planned=end.planned)
    assert how == "by sign process, valid at any number of pairs"
    assert decided == "B against A: better, decided after 9 pairs (9 won, 0 lost)"
    assert cost == "18 models trained, of at most 120, a fixed n = 500 would have taken 1,000"


def test_the_rule_is_part_of_the_study_and_a_study_without_it_keeps_its_identity(study_file):
    plain, stopped = Study.from_yaml(study_file()), Study.from_yaml(study_file(stop={"delta": 0.2}))
    assert "stop" not in plain.record()
    rule = {"alpha": 0.05, "delta": 0.2, "method": DEFAULT_METHOD}
    assert stopped.record() == plain.record() | {"stop": rule}


def test_a_study_started_before_there_was_a_choice_of_methods_keeps_the_sign_process(study_file, tmp_path):
    study = Study.from_yaml(study_file(stop={}))
    older = study.record()
    del older["stop"]["method"]
    with Store.open(tmp_path / "s.db") as store:
        started = store.insert_study("small", older, "older", study.planned_runs())
        assert study.open(store) == started
        chain = stopping_chain(started, store)
        assert [one.process.method for one in chain.pairs.values()] == ["sign"]
        assert Study.from_yaml(study_file(stop={"method": "sign"})).open(store) == started
        with pytest.raises(StudyError, match=r"stop\.method = 'sign' \(now 'betting'\)"):
            Study.from_yaml(study_file(stop={"method": "betting"})).open(store)


class Foreseeable(Planted):
    """Ends each job with the error planted for its run, of which the depth of the network is a part."""

    def __init__(self, store: Store, record: StudyRecord, shift: float = 0.0, **options) -> None:
        rng = np.random.default_rng(0)
        errors = {
            run.seed: 40 + run.parameters["depth"] / 2 - shift * (run.space == "RegNetX") + rng.normal()
            for run in store.runs(record.id)
        }
        super().__init__(errors, **options)


@pytest.mark.parametrize("method", ["confidence_sequence", "betting"])
def test_a_study_of_sampled_spaces_is_judged_with_a_predictor_and_alike_by_all_who_ask(study_file, tmp_path, method):
    study = Study.from_yaml(study_file(n=40, stop={"method": method, "delta": None}))
    with Store.open(tmp_path / "s.db") as store:
        record = study.open(store)
        ensure_pools(record, store)
        with pytest.raises(KeyboardInterrupt):
            run_study(record, store, Foreseeable(store, record, shift=6.0, die_after=12))
        end = run_study(record, store, Foreseeable(store, record, shift=6.0, capacity=1))
        found = end.chain.between("AnyNetXA", "RegNetX")
        assert not end.chain.refused
        assert (found.decision, found.method) == ("better", method)
        assert end.complete
        assert end.spared > 0
        assert stopping_chain(record, store).between("AnyNetXA", "RegNetX") == found
        how, decided, _ = stopping_sentences(end.chain, ended=end.ended, planned=end.planned)
        assert ("asymptotically" in how) == ("between" in decided) == (method == "confidence_sequence")


def test_networks_chosen_by_their_latency_are_judged_by_their_signs_and_the_reason_is_printed(study_file, tmp_path):
    study = Study.from_yaml(study_file(n=20, stop={}))
    with Store.open(tmp_path / "s.db") as store:
        runs = study.planned_runs()
        spec = study.record() | {"latency": {"window": [0.0, 5.0]}}
        record = store.insert_study("small", spec, "digest", runs)
        ensure_pools(record, store)
        end = run_study(record, store, Foreseeable(store, record))
        assert end.chain.between("AnyNetXA", "RegNetX").method == "sign"
        how, why, *_ = stopping_sentences(end.chain, ended=end.ended, planned=end.planned)
        assert how.startswith("by sign process")
        assert "chosen by their latency" in why


def test_a_study_goes_on_with_the_method_that_it_was_started_with(study_file, tmp_path):
    with Store.open(tmp_path / "s.db") as store:
        started = Study.from_yaml(study_file(stop={"method": "betting"})).open(store)
        assert Study.from_yaml(study_file(stop={})).open(store) == started
        with pytest.raises(StudyError, match=r"stop\.method = 'betting' \(now 'sign'\)"):
            Study.from_yaml(study_file(stop={"method": "sign"})).open(store)


@pytest.mark.parametrize(("n", "at_most"), [("auto", 500), ({"auto": 40}, 40)])
def test_n_auto_stops_early_and_plans_what_it_takes_at_most(study_file, n, at_most):
    spec = Study.from_yaml(study_file(n=n)).spec
    assert (spec.n, spec.stop) == (at_most, Stop())
    assert Study.from_yaml(study_file(n=n, stop={"delta": 0.2})).spec.stop == Stop(delta=0.2)


def test_no_run_is_begun_once_the_hours_are_spent_and_more_hours_go_on(store):
    record = plan(store, 20)
    errors = planted(0.5, 20, seed=0)
    # each run takes 0.1 s: the third ends the hours, with one more in hand
    end = run_study(record, store, Planted(errors, capacity=2), hours=0.25 / 3600)
    assert (end.ended, end.complete) == (4, False)
    assert end.number("planned") == 36
    more = run_study(record, store, Planted(errors, capacity=2), hours=0.55 / 3600)
    assert more.ended == 7
    whole = run_study(record, store, Planted(errors, capacity=2))
    assert (whole.ended, whole.complete) == (40, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop": {"alpha": 0}}, r"stop\.alpha: .*greater than 0, got 0"),
        ({"stop": {"delta": 0.5}}, r"stop\.delta: .*less than 0\.5, got 0\.5"),
        ({"stop": {"detla": 0.1}}, r"unknown key 'stop\.detla'; valid: alpha, delta, method"),
        ({"stop": {}, "spaces": ["RegNetX"]}, "at least 2 spaces are needed, got 1"),
        ({"stop": {"method": "bets"}}, r"stop\.method: input should be 'confidence_sequence', 'betting' or 'sign'"),
        ({"n": "auto", "spaces": ["RegNetX"]}, "at least 2 spaces are needed, got 1"),
        ({"n": {"auto": 0}}, r"n: .*greater than or equal to 1"),
        ({"n": {"atuo": 10}}, r"n must be a whole number, auto or \{auto: N\}, got \{'atuo': 10\}"),
        ({"n": "auto", "stop": None}, "n: auto goes on until early stopping has decided; leave out stop: null"),
        ({"hours": 0}, r"hours: .*greater than 0"),
    ],
)
def test_mistakes_in_the_rule_are_told_in_one_line(study_file, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Study.from_yaml(study_file(**changes))
    assert "\n" not in str(caught.value)


def decision_table(rule: StoppingRule) -> np.ndarray:
    """Return the decision after (wins, losses): 0 to continue, 1 better, 2 worse, 3 equivalent; int8 (501, 501)."""
    wins, losses = np.meshgrid(np.arange(HORIZON + 1), np.arange(HORIZON + 1), indexing="ij")
    better, worse, equivalent = rule.decide(wins, losses)
    return (better + 2 * worse + 3 * equivalent).astype(np.int8)


def first_decisions(wins: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's first decision in `table` and the pairs until then (all of them if none); wins: (n, pairs)."""
    won = np.cumsum(wins, axis=1)
    reached = table[won, np.arange(1, wins.shape[1] + 1) - won]
    decided = reached.any(axis=1)
    pairs = np.where(decided, (reached > 0).argmax(axis=1) + 1, wins.shape[1])
    return np.where(decided, reached[np.arange(len(wins)), pairs - 1], 0), pairs


def test_the_vectorised_decisions_are_those_of_the_comparison():
    wins = np.random.default_rng(0).random((20, 120)) < 0.7
    decisions, pairs = first_decisions(wins, decision_table(RULE))
    for row, decision, spent in zip(wins, decisions, pairs, strict=True):
        one = SequentialComparison.replay(dict(enumerate([50.0] * 120)), dict(enumerate(np.where(row, 40.0, 60.0))))
        assert (one.decision, one.pairs) == (["continue", "better", "worse", "equivalent"][decision], spent)


@pytest.mark.slow
@pytest.mark.parametrize("spaces", [2, 6])
def test_type_one_error_over_5000_null_studies_is_at_most_alpha(spaces):
    """A wrong "better" or "worse" anywhere in a chain of equal spaces, with looks at every pair up to 500.

    5,000 studies at a true error of 0.05 would exceed 0.05 + 2.33 * sqrt(0.05 * 0.95 / 5000) = 0.0572 in 1 % of cases.
    """
    studies = 5000
    rule = SequentialChain([str(i) for i in range(spaces)], RULE).rule
    table = decision_table(rule)
    rng = np.random.default_rng(0)
    errors = rng.random((spaces, studies, HORIZON), dtype=np.float32)
    wrong = np.zeros(studies, dtype=bool)
    for first, second in pairwise(errors):
        wrong |= np.isin(first_decisions(second < first, table)[0], (1, 2))
    assert wrong.mean() <= 0.05 + 2.33 * (0.05 * 0.95 / studies) ** 0.5
    assert wrong.any()


@pytest.mark.parametrize(("theta", "mean"), [(0.6, 218.02), (0.7, 52.92), (0.8, 23.64)])
def test_the_mean_number_of_pairs_is_that_of_the_specification(theta, mean):
    rule = StoppingRule(delta=None)
    assert operating_characteristics(theta, rule).expected_pairs == pytest.approx(mean, abs=0.005)
    wins = np.random.default_rng(1).random((2000, HORIZON)) < theta
    _, pairs = first_decisions(wins, decision_table(rule))
    # four standard errors
    assert pairs.mean() == pytest.approx(mean, abs=4 * pairs.std() / 2000**0.5)


def test_the_store_gives_errors_by_space_and_index_and_claims_by_space(store):
    record = plan(store, 3)
    claimed = store.lease_next(record.id, "me", spaces=["B"])
    assert (claimed.space, claimed.index) == ("B", 0)
    assert store.lease_next(record.id, "me", spaces=[]) is None
    store.record(claimed.id, "me", Outcome(status="done", error=41.5, seconds=1.0))
    other = store.lease_next(record.id, "me", spaces={"A"})
    store.record(other.id, "me", Outcome(status="diverged", seconds=1.0))
    assert store.errors(record.id) == {"A": {0: math.inf}, "B": {0: 41.5}}
