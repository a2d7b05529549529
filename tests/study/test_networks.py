"""Single networks beside the spaces of a study: planned and trained with them, and part of none of them."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from netspace import cli
from netspace.arch import zoo
from netspace.documents import digest
from netspace.errors import ConfigError, StudyError, UnknownNameError
from netspace.report import study_tables
from netspace.report.page import page
from netspace.report.text import markdown
from netspace.results.figure_tables import front_table, front_with_marks, with_marks
from netspace.results.marks import better_than, study_marks
from netspace.results.standing import standing
from netspace.results.verdicts import study_verdicts
from netspace.store import Outcome, Store
from netspace.study import Study
from netspace.study.pools import ensure_pools

NAMES = ["ResNet-20", "timm:mobilenetv3_small_050"]


def ended(study: Study, store: Store):
    """Plan a study and end every run with an error that follows from its place."""
    record = study.open(store)
    while run := store.lease_next(record.id, "me"):
        error = 50.0 if run.space in record.networks else 40.0 + 4 * run.index + (run.space == "RegNetX")
        details = {"chance_error": 90.0}
        assert store.record(run.id, "me", Outcome(status="done", error=error, seconds=1.0, details=details))
    return record


def test_networks_take_their_turns_after_the_spaces_with_seeds_of_their_own(study_file):
    without = Study.from_yaml(study_file()).planned_runs()
    planned = Study.from_yaml(study_file(networks={"names": NAMES, "seeds": 2})).planned_runs()
    assert [run.space for run in planned[:4]] == ["AnyNetXA", "RegNetX", *NAMES]
    assert [run.launch for run in planned] == list(range(len(planned)))
    spaces = [(run.space, run.index, run.digest, run.seed) for run in planned if run.space not in NAMES]
    assert spaces == [(run.space, run.index, run.digest, run.seed) for run in without]
    alone = [run for run in planned if run.space in NAMES]
    assert len({run.seed for run in alone}) == 4
    assert all(run.config["num_classes"] == 10 and run.config["in_channels"] == 1 for run in alone)


def test_a_network_keeps_its_stem_and_is_trained_three_times_unless_told_otherwise(study_file):
    planned = Study.from_yaml(study_file(networks="ResNet-20")).planned_runs()
    alone = [run for run in planned if run.space == "ResNet-20"]
    assert len(alone) == 3
    assert alone[0].config["stem"] == zoo.get("ResNet-20").to_dict()["stem"]


def test_a_study_without_networks_is_what_it_was(study_file):
    study = Study.from_yaml(study_file())
    assert "networks" not in study.record()
    assert digest(study.record()) != digest(Study.from_yaml(study_file(networks=["ResNet-20"])).record())


def test_a_file_is_found_beside_the_study_and_named_by_its_stem(study_file, tmp_path):
    (tmp_path / "mine.yaml").write_text("stages: {depths: [1, 1], widths: [8, 16]}\n")
    study = Study.from_yaml(study_file(networks=["mine.yaml"]))
    assert list(study.networks) == ["mine"]
    assert study.networks["mine"].num_classes == 10


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        (["ResNet-21"], r"networks: unknown network 'ResNet-21'"),
        (["NASNet-A"], r"networks: NASNet-A cannot be built: no library ships it"),
        (["timm:resnet_twenty"], r"timm:resnet_twenty cannot be trained: timm has no network 'resnet_twenty'"),
        (["RegNetX.yaml"], "'RegNetX' is the name of a space"),
        (["torchvision:squeezenet1_0"], r"squeezenet1_0 cannot be trained: .* expects 3 channels, got"),
        (["deep.yaml"], r"deep cannot be trained: resolution 20 is too small for the network's total stride of 64"),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused_before_anything_is_planned(
    study_file, tmp_path, networks, message
):
    (tmp_path / "RegNetX.yaml").write_text("stages: {depths: [1], widths: [8]}\n")
    stages = {"depths": [1] * 5, "widths": [8] * 5}
    (tmp_path / "deep.yaml").write_text(json.dumps({"stages": stages}))
    with pytest.raises((StudyError, UnknownNameError, ConfigError), match=message) as error:
        Study.from_yaml(study_file(networks=networks)).planned_runs()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("networks", [["ResNet-20", "ResNet-20"], [], {"names": ["ResNet-20"], "seeds": 0}])
def test_what_the_file_says_of_networks_is_checked(study_file, networks):
    with pytest.raises(ConfigError, match="networks"):
        Study.from_yaml(study_file(networks=networks))


def test_a_network_is_in_the_tables_and_in_no_comparison(study_file, tmp_path):
    with Store.open(tmp_path / "with.db") as store, Store.open(tmp_path / "without.db") as other:
        record = ended(Study.from_yaml(study_file(n=8, networks=["ResNet-20"])), store)
        ended(Study.from_yaml(study_file(n=8)), other)
        ensure_pools(record, store)
        assert study_verdicts(store, "small") == study_verdicts(other, "small")
        tables = study_tables(store, "small")
        assert tables.spaces == ("AnyNetXA", "RegNetX")
        assert set(tables.runs["space"]) == set(tables.best["space"]) == {"AnyNetXA", "RegNetX"}
        now = standing(record, store)
        assert now.counts["ResNet-20"]["done"] == 3
        assert now.best is not None
        assert now.best.space == "AnyNetXA"
        [a, _] = study_marks(store, record).to_dict("records")
        # errors 40, 44, ..., 68: of AnyNetXA five of eight are above 50
        assert (a["network"], a["space"], a["share"], a["error"]) == ("ResNet-20", "AnyNetXA", 5 / 8, 50.0)
        for text in (markdown(tables), page(tables, [])):
            assert "is better than 62 % of AnyNetXA" in text
    assert tables.marks["seeds"].tolist() == [3, 3]


def test_a_network_is_in_the_tables_behind_the_pictures_and_in_the_json_of_compare(
    study_file, tmp_path, capsys, monkeypatch
):
    file, store = study_file(n=8, networks=["ResNet-20"]), tmp_path / "s.db"
    with Store.open(store) as opened:
        ended(Study.from_yaml(file), opened)
        tables = study_tables(opened, "small")
    edf = with_marks(tables.edf, tables.marks)
    [row] = edf[(edf["network"] == "ResNet-20") & (edf["space"] == "AnyNetXA")].to_dict("records")
    of_space = tables.edf[tables.edf["space"] == "AnyNetXA"]
    # three of the eight errors 40, 44, ..., 68 are below 50
    assert (row["error"], row["share"]) == (50.0, of_space.loc[of_space["error"] < 50, "share"].max())
    assert row["lower"] < row["share"] < row["upper"]
    front = front_with_marks(front_table(tables.runs), tables.marks)
    alone = front[front["space"] == "ResNet-20"].set_index("measure")
    assert alone.loc["params", "value"] == tables.marks["params"][0]
    assert set(alone["error"]) == {50.0}
    monkeypatch.setattr("sys.argv", ["netspace", "compare", str(file), "--store", str(store), "--json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    [verdict] = json.loads(capsys.readouterr().out)
    assert [(one["network"], one["space"]) for one in verdict["networks"]] == [
        ("ResNet-20", "AnyNetXA"),
        ("ResNet-20", "RegNetX"),
    ]
    assert verdict["networks"][0]["sentence"].startswith("ResNet-20 (50.00 %")


def test_early_stopping_judges_the_spaces_alone(study_file, tmp_path):
    with Store.open(tmp_path / "s.db") as store:
        record = ended(Study.from_yaml(study_file(networks=["ResNet-20"], stop={"method": "sign"})), store)
        chain = standing(record, store).chain
        assert chain is not None
        assert list(chain.spaces) == ["AnyNetXA", "RegNetX"]
        assert standing(record, store).complete


def test_one_seed_has_the_exact_interval_of_a_share():
    models = np.arange(20.0)
    share, low, high = better_than(np.array([4.5]), models)
    exact = binomtest(15, 20).proportion_ci(method="exact")
    assert (share, low, high) == (0.75, pytest.approx(exact.low), pytest.approx(exact.high))


def test_the_interval_holds_at_its_level_with_the_luck_of_seeds_and_models():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        # the network's expected error is the median of the space
        _, low, high = better_than(rng.normal(50, 1, 3), rng.normal(50, 5, 16))
        held += low <= 0.5 <= high
    assert held >= 380


@pytest.mark.slow
def test_networks_are_trained_by_the_study_and_it_resumes(study_file, tmp_path):
    study = Study.from_yaml(study_file(n=1, networks={"names": ["ResNet-20"], "seeds": 1}))
    with Store.open(tmp_path / "s.db") as store:
        assert study.run(store, workers=1, device="cpu").complete
        assert study.run(store, workers=1, device="cpu").ended == 3
        assert study_marks(store, store.studies()[0])["seeds"].tolist() == [1, 1]
