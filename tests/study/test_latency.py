"""Measured latency: a window that samples meet, a property that runs keep, timings that are not asked for twice."""

import numpy as np
import pytest

from netspace import space as spaces
from netspace.arch import AnyNetConfig, complexity
from netspace.errors import ConfigError, StudyError, TrainingError, UnknownNameError, WindowError
from netspace.results.stopping import judge_claims
from netspace.space import choice, fixed
from netspace.store import Outcome, Store
from netspace.study import Study
from netspace.training import timing
from netspace.training.latency import LATENCY, PATIENCE, Latency, parse_milliseconds, sample_timed


def planted_ms(config) -> float:
    """Stand in for a clock: a latency that follows from the network."""
    return complexity(config, 20).activations / 1e3


@pytest.fixture
def planted(monkeypatch):
    """Replace timing by `planted_ms` and return the digests of the networks that were timed."""
    timed = []

    def measure(_self, config, _resolution):
        timed.append(config.digest)
        return planted_ms(config)

    monkeypatch.setattr(Latency, "measure", measure)
    return timed


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("2:5", (2, 5)),
        (" 0.5 : 5.25 ", (0.5, 5.25)),
        (":5ms", (None, 5)),
        ("2 ms:", (2, None)),
        ("2ms:.5 ms", (2, 0.5)),
        (":", (None, None)),
    ],
)
def test_a_window_is_written_in_milliseconds(text, window):
    assert parse_milliseconds(text) == window


@pytest.mark.parametrize("text", ["5", "2:5:7", "2M:5M", "2s:5s", "fast", "", "-1:5", "1e3:", "2:inf"])
def test_a_window_that_is_no_window_is_refused_with_what_is_valid(text):
    with pytest.raises(ConfigError, match=r'written "LO:HI" in milliseconds, such as "2:5"'):
        parse_milliseconds(text)


def test_a_study_file_gives_the_window_alone_or_all_settings(study_file):
    assert Study.from_yaml(study_file()).spec.latency is None
    assert Study.from_yaml(study_file(latency="2:5")).spec.latency == Latency(window="2:5")
    assert Study.from_yaml(study_file(latency={})).spec.latency == Latency()
    settings = {"window": ":5 ms", "what": "training_step", "batch_size": 8, "threads": 2}
    found = Study.from_yaml(study_file(latency=settings)).spec.latency
    assert (found.window, found.what, found.batch_size, found.threads) == ((None, 5), "training_step", 8, 2)


@pytest.mark.parametrize(
    ("latency", "message"),
    [
        ("5:2", r"latency\.window: LO <= HI must hold, got LO=5.0, HI=2.0"),
        ("2M:5M", r"latency\.window: .* in milliseconds, .*got '2M:5M'"),
        # what YAML makes of an unquoted 2:05
        (125, r"latency\.window: .* with the quotes: without them YAML reads a number, here 125"),
        ({"windows": "2:5"}, r"unknown key 'latency\.windows'; valid: window, what, batch_size"),
        ({"what": "training"}, r"latency\.what: input should be 'inference' or 'training_step', got 'training'"),
        ({"window": [-1, 5]}, r"latency\.window\.0: .*greater than or equal to 0"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(study_file, latency, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Study.from_yaml(study_file(latency=latency))
    assert "\n" not in str(caught.value)
    assert "study.yaml" in str(caught.value)


def test_a_sample_is_the_first_networks_of_the_stream_that_are_inside(planted):
    space, resolution = spaces.RegNetX(), 20
    stream = space.sample(400, seed=3, resolution=resolution, params=(0, 2e6))
    latencies = np.array([planted_ms(config) for config in stream])
    low, high = np.quantile(latencies, [0.4, 0.6])
    inside = np.flatnonzero((latencies >= low) & (latencies <= high))[:30]
    found = sample_timed(
        space, 30, Latency(window=(low, high)), seed=3, resolution=resolution, windows={"params": (0, 2e6)}
    )
    assert [config.digest for config in found] == [stream[i].digest for i in inside]
    assert list(found.latency_ms) == list(latencies[inside])
    assert found.timed == len(planted) == inside[-1] + 1
    assert found.candidates == space.sample(found.timed, seed=3, resolution=resolution, params=(0, 2e6)).candidates
    expected = stream.frame().iloc[inside].reset_index(drop=True)
    assert found.frame().drop(columns=LATENCY).equals(expected)
    assert list(found.frame()[LATENCY]) == list(found.latency_ms)


@pytest.mark.usefixtures("planted")
def test_a_longer_sample_begins_with_the_shorter_one():
    window = Latency(window=(20.0, 80.0))
    short, long = (sample_timed(spaces.AnyNetXA(), n, window, seed=1, resolution=20) for n in (5, 20))
    assert [config.digest for config in long][:5] == [config.digest for config in short]
    assert set(long.latency_ms[5:]) - set(short.latency_ms)


@pytest.mark.usefixtures("planted")
def test_without_a_window_every_network_is_taken():
    found = sample_timed(spaces.AnyNetXA(), 6, Latency(), seed=1, resolution=20)
    plain = spaces.AnyNetXA().sample(6, seed=1, resolution=20)
    assert [config.digest for config in found] == [config.digest for config in plain]
    assert found.timed == 6


def test_progress_tells_every_network(planted):
    seen = []
    sample_timed(spaces.AnyNetXA(), 4, Latency(window=(30.0, None)), seed=1, resolution=20, observe=seen.append)
    assert [timings.timed for timings in seen] == list(range(1, len(planted) + 1))
    assert (seen[-1].inside, seen[-1].wanted) == (4, 4)
    assert seen[-1].seconds_left == 0


def test_a_hopeless_window_is_refused_with_the_latencies_that_were_seen(planted):
    with pytest.raises(WindowError) as caught:
        sample_timed(spaces.RegNetX(), 5, Latency(window=":0.001"), seed=0, resolution=20)
    first = [planted_ms(config) for config in spaces.RegNetX().sample(PATIENCE, seed=0, resolution=20)]
    message = str(caught.value)
    assert message.startswith("found 0 of 5 networks of RegNetX with inference in :0.001 ms")
    assert f"{PATIENCE} were timed, with latencies from {min(first):.3g} to {max(first):.3g} ms" in message
    assert "\n" not in message
    assert len(planted) == PATIENCE


def few() -> spaces.DesignSpace:
    """A space of 12 networks."""
    parameters = {"depth": fixed(1), "width": choice([8, 16, 24])}
    shared = spaces.shared("width")
    space = spaces.DesignSpace(
        name="few", kind="anynet", stages=2, parameters=parameters | {"bottleneck_ratio": choice([1, 2, 4, 8])}
    )
    return space.refine(shared, spaces.shared("bottleneck_ratio"), name="few")


@pytest.mark.usefixtures("planted")
def test_the_last_network_of_a_small_space_is_found():
    everything = few().sample(12, seed=0, resolution=20)
    latencies = [planted_ms(config) for config in everything]
    window = Latency(window=(min(latencies), max(latencies)))
    assert sample_timed(few(), 12, window, seed=0, resolution=20).timed == 12
    last = Latency(window=(latencies[-1], latencies[-1]))
    assert sample_timed(few(), latencies.count(latencies[-1]), last, seed=0, resolution=20).timed == 12


@pytest.mark.usefixtures("planted")
def test_a_small_space_without_enough_networks_inside_is_refused():
    fastest = min(planted_ms(config) for config in few().sample(12, resolution=20))
    with pytest.raises(
        WindowError, match=r"found 11 of 12 networks of few .* 12 were timed, .*; the space has no more"
    ):
        sample_timed(few(), 12, Latency(window=(fastest * 1.001, None)), resolution=20)


@pytest.mark.usefixtures("planted")
def test_every_run_keeps_its_latency_and_claims_may_name_it(study_file, tmp_path):
    claims = ["errors of AnyNetXA rise with latency_ms"]
    study = Study.from_yaml(study_file(spaces=["AnyNetXA"], n=12, latency="3:6", claims=claims))
    with Store.open(tmp_path / "s.db") as store:
        record = study.open(store)
        assert record.spec["latency"]["window"] == [3, 6]
        assert {"host", "device", "torch"} <= set(record.spec["timed_on"])
        for run in store.runs(record.id):
            assert run.parameters[LATENCY] == planted_ms(AnyNetConfig(**run.config))
            store.lease(run.id, "w")
            store.record(run.id, "w", Outcome(status="done", error=run.parameters[LATENCY], seconds=1.0))
        frame = store.frame(record.id)
        assert (frame[LATENCY] == frame["error"]).all()
        assert frame[LATENCY].between(3, 6).all()
        (judged,) = judge_claims(record, store, study.claims, chain=None)
        assert judged.judgement == "confirmed"


def test_a_claim_on_latency_needs_a_study_that_measures_it(study_file):
    with pytest.raises(UnknownNameError, match=r"unknown .*'latency_ms'"):
        Study.from_yaml(study_file(claims=["errors of AnyNetXA rise with latency_ms"]))


@pytest.mark.usefixtures("planted")
def test_a_planned_study_goes_on_where_networks_are_slower(study_file, tmp_path, monkeypatch):
    with Store.open(tmp_path / "s.db") as store:
        started = Study.from_yaml(study_file(latency="3:6")).open(store)
        runs = store.runs(started.id)
        monkeypatch.setattr(Latency, "measure", lambda *_: pytest.fail("timed again"))
        monkeypatch.setattr(Latency, "machine", lambda _: {"host": "elsewhere"})
        assert Study.from_yaml(study_file(latency="3:6")).open(store) == started
        assert store.runs(started.id) == runs
        with pytest.raises(StudyError, match=r"latency\.window\.1 = 6\.0 \(now 7\.0\)"):
            Study.from_yaml(study_file(latency="3:7")).open(store)
        with pytest.raises(StudyError, match=r"latency = .* \(now None\)"):
            Study.from_yaml(study_file()).open(store)


def test_a_study_without_latency_is_recorded_as_before(study_file, tmp_path):
    study = Study.from_yaml(study_file())
    assert "latency" not in study.record()
    with Store.open(tmp_path / "s.db") as store:
        assert "timed_on" not in study.open(store).spec
    assert LATENCY not in study.planned_runs()[0].parameters


def test_networks_are_timed_once(study_file, monkeypatch):
    """The study is planned with real timings, twice."""
    timed = []
    time_network = timing.time_network

    def counted(config, *arguments):
        timed.append(config.digest)
        return time_network(config, *arguments)

    monkeypatch.setattr(timing, "time_network", counted)
    study = Study.from_yaml(
        study_file(spaces=["AnyNetXA"], n=2, latency={"window": ":100000", "warmup": 0, "repeats": 2})
    )
    first = study.planned_runs()
    assert sorted(timed) == sorted(run.digest for run in first)
    assert study.planned_runs() == first
    assert len(timed) == len(first)
    assert all(run.parameters[LATENCY] > 0 for run in first)


def test_a_network_of_many_more_flops_takes_longer(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPACE_CACHE", str(tmp_path))
    latency = Latency(repeats=5)

    def slowness(low: float, high: float) -> float:
        population = spaces.RegNetX().sample(3, seed=0, flops=(low, high), resolution=64)
        return float(np.median([latency.measure(config, 64) for config in population]))

    assert slowness(300e6, 400e6) > slowness(3e6, 4e6)


def test_a_device_that_is_not_there_is_told_in_one_line(study_file):
    with pytest.raises(TrainingError, match="cannot use the device 'gpu'") as caught:
        Study.from_yaml(study_file(latency={"device": "gpu"})).planned_runs()
    assert "\n" not in str(caught.value)
