"""Other tools' files as they write them, read into a store."""

import json
import math
from pathlib import Path

import pytest

from netspace.arch import AnyNetConfig, complexity, zoo
from netspace.errors import DataError, StudyError, UnknownNameError
from netspace.results.imported import import_results
from netspace.results.table_rows import Meaning
from netspace.store import Store

SWEEPS = Path(__file__).parents[3] / "shared" / "reference" / "pycls"

# RegNetX-400MF as pycls configures it (configs/dds_baselines/regnetx/RegNetX-400MF_dds_8gpu.yaml)
REGNETX_400MF = {
    "DEPTH": 22, "W0": 24, "WA": 24.48, "WM": 2.54, "GROUP_W": 16, "BOT_MUL": 1.0, "STRIDE": 2,
    "STEM_TYPE": "simple_stem_in", "STEM_W": 32, "BLOCK_TYPE": "res_bottleneck_block", "SE_ON": False, "SE_R": 0.25,
    "HEAD_W": 0,
}  # fmt: skip


def pycls_job(errors, *, epochs=3, net=REGNETX_400MF, kind="regnet", err=""):
    """A job of sweep.json, as sweep_collect.py writes it."""
    n = len(errors)
    each = {"epoch_ind": list(range(1, n + 1)), "epoch_max": [epochs] * n}
    return {
        "cfg": {
            "MODEL": {"TYPE": kind, "NUM_CLASSES": 1000},
            kind.upper(): net,
            "OPTIM": {"BASE_LR": 0.1, "WEIGHT_DECAY": 5e-5, "MAX_EPOCH": epochs},
            "RNG_SEED": 7,
        },
        "complexity": {"flops": 397_686_208, "params": 5_157_512, "acts": 3_143_280},
        "train_epoch": {**each, "loss": [2.0] * n, "lr": [0.1] * n, "time_epoch": [10.0] * n},
        "test_epoch": {**each, "top1_err": [e + 1 for e in errors], "min_top1_err": errors},
        "test_ema_epoch": {**each, "top1_err": errors, "min_top1_err": [min(errors)] * n} if errors else {},
        "log_file": "/sweeps/a/logs/0/stdout.log",
        "err": err,
    }


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "imported.db") as store:
        yield store


def test_a_pycls_sweep_keeps_networks_errors_of_the_last_epoch_and_failures(store, tmp_path):
    anynet = {
        "STEM_TYPE": "simple_stem_in", "STEM_W": 32, "BLOCK_TYPE": "res_bottleneck_block", "HEAD_W": 0,
        "DEPTHS": [1, 2, 7, 12], "WIDTHS": [32, 64, 160, 384], "STRIDES": [2, 2, 2, 2],
        "BOT_MULS": [1.0] * 4, "GROUP_WS": [16] * 4, "SE_ON": False, "SE_R": 0.25,
    }  # fmt: skip
    sweep = tmp_path / "first" / "sweep.json"
    sweep.parent.mkdir()
    jobs = [
        pycls_job([50.0, 40.0, 41.0]),
        pycls_job([50.0], err="Traceback\nRuntimeError: CUDA out of memory"),
        pycls_job([60.0, 55.0, 52.0], kind="anynet", net=anynet),
        pycls_job([60.0, 55.0, 51.0], kind="effnet", net={"DEPTHS": [1]}),
    ]
    sweep.write_text(json.dumps(jobs))
    record = import_results(store, "sweep", [sweep], "pycls")
    runs = store.runs(record.id)
    assert [(run.space, run.index, run.status, run.error) for run in runs] == [
        ("first", 0, "done", 41.0),
        ("first", 1, "failed", None),
        ("first", 2, "done", 52.0),
        ("first", 3, "done", 51.0),
    ]
    assert runs[1].message == "it ended after epoch 1 of 3: RuntimeError: CUDA out of memory"
    published = zoo.get("RegNetX-400MF")
    assert AnyNetConfig(**runs[0].config) == AnyNetConfig(**runs[2].config) == published
    assert runs[0].digest == published.digest
    assert runs[3].config == {}
    assert (runs[0].flops, runs[0].params, runs[0].activations, runs[0].seed) == (397_686_208, 5_157_512, 3_143_280, 7)
    assert (runs[0].seconds, runs[0].parameters["lr"]) == (30.0, 0.1)
    regnet = {"depth": 22, "w_0": 24, "w_a": 24.48, "w_m": 2.54, "group_width": 16, "bottleneck_ratio": 1.0}
    assert regnet.items() <= runs[0].parameters.items()
    assert not regnet.keys() & runs[2].parameters.keys()
    assert store.curve(runs[0].id)["val_error"].tolist() == [50.0, 40.0, 41.0]
    assert store.curve(runs[0].id)["seconds"].tolist() == [10.0, 20.0, 30.0]


def test_the_least_error_of_all_epochs_is_taken_if_asked_for_and_the_study_says_so(store, tmp_path):
    sweep = tmp_path / "sweep.json"
    sweep.write_text(json.dumps([pycls_job([50.0, 40.0, 41.0]), pycls_job([30.0], err="killed")]))
    last = import_results(store, "last", [sweep], "pycls")
    least = import_results(store, "least", [sweep], "pycls", least_error=True)
    assert [run.error for run in store.runs(last.id)] == [41.0, None]
    assert [run.error for run in store.runs(least.id)] == [40.0, None]
    assert last.spec["imported"]["error"] == "of the last epoch"
    assert least.spec["imported"]["error"] == "the least of all epochs, an optimistic choice"
    with pytest.raises(StudyError, match="needs curves, which 'table' does not have; valid: pycls, nds"):
        import_results(store, "table", [sweep], "csv", least_error=True)


@pytest.mark.skipif(not SWEEPS.exists(), reason=f"{SWEEPS} is absent")
@pytest.mark.parametrize(("name", "models", "failed"), [("anynet-silu", 21, 1), ("basic", 16, 0)])
def test_sweeps_of_the_original_code_come_in_with_every_network(store, name, models, failed):
    path = SWEEPS / f"sweep-{name}.json"
    runs = store.runs(import_results(store, name, [path], "pycls", least_error=True).id)
    assert (len(runs), sum(run.status == "failed" for run in runs)) == (models, failed)
    jobs = json.loads(path.read_text())
    for run, job in zip(runs, jobs, strict=True):
        network = AnyNetConfig(**run.config)
        assert network.activation == job["cfg"]["MODEL"]["ACTIVATION_FUN"]
        counted = complexity(network, 32)
        assert (counted.flops, counted.params, counted.activations) == (run.flops, run.params, run.activations)
        if run.status == "done":
            # what that code's own analysis takes (sweep/analysis.py: error)
            assert run.error == min(job["test_ema_epoch"]["min_top1_err"])


def test_files_of_the_nds_layout_are_a_space_each(store, tmp_path):
    net = {
        "block_type": "res_bottleneck_block",
        "ds": [1, 2],
        "ws": [16, 64],
        "ss": [1, 2],
        "bot_muls": [1.0, 0.5],
        "num_gs": [1, 4],
    }
    job = {
        "net": net, "flops": 1.5e8, "params": 1_000_000, "rng_seed": 3,
        "optim": {"base_lr": 0.1, "wd": 5e-4, "max_ep": 2},
        "test_ep_top1": [30.0, 12.5], "train_ep_loss": [2.0, 1.0], "min_test_top1": 12.0,
    }  # fmt: skip
    broken = job | {"test_ep_top1": [30.0], "net": {"genotype": {"normal": []}}}
    (tmp_path / "ResNeXt-A.json").write_text(json.dumps([job, broken]))
    (tmp_path / "DARTS_in.json").write_text(json.dumps({"top": [job], "mid": [job]}))
    record = import_results(store, "nds", [tmp_path / "ResNeXt-A.json", tmp_path / "DARTS_in.json"], "nds")
    runs = store.runs(record.id)
    assert [(run.space, run.index, run.status, run.error) for run in runs] == [
        ("ResNeXt-A", 0, "done", 12.5),
        ("ResNeXt-A", 1, "failed", None),
        ("DARTS_in", 0, "done", 12.5),
        ("DARTS_in", 1, "done", 12.5),
    ]
    assert runs[1].message == "it ended after epoch 1 of 2"
    assert (runs[0].flops, runs[0].seed) == (150_000_000, 3)
    assert {"depth_2": 2, "width_2": 64, "bottleneck_multiplier_2": 0.5, "groups_2": 4}.items() <= runs[
        0
    ].parameters.items()
    assert store.curve(runs[0].id)["train_loss"].tolist() == [2.0, 1.0]


def test_a_table_is_read_by_the_mapping_of_its_columns(store, tmp_path):
    path = tmp_path / "sweep.csv"
    path.write_text("design,top1_err,state,macs,lr\nold,30.5,ok,1e6,0.1\nnew,29,ok,2e6,0.2\nnew,,crashed,2e6,0.3\n")
    columns = {"space": "design", "error": "top1_err", "status": "state", "flops": "macs"}
    runs = store.runs(import_results(store, "table", [path], "csv", Meaning.of(columns)).id)
    assert [(run.space, run.index, run.status, run.error, run.flops) for run in runs] == [
        ("old", 0, "done", 30.5, 1_000_000),
        ("new", 0, "done", 29.0, 2_000_000),
        ("new", 1, "failed", None, 2_000_000),
    ]
    assert runs[2].message == "crashed"
    assert [run.parameters for run in runs] == [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}]
    assert math.isnan(store.frame(runs[0].study_id)["seconds"].iloc[2])


@pytest.mark.parametrize(
    ("content", "columns", "kind", "message"),
    [
        ("error\n30\n", {"eror": "error"}, UnknownNameError, "unknown field 'eror' .did you mean 'error'"),
        ("top1\n30\n", {"error": "top"}, UnknownNameError, "unknown column 'top' .did you mean 'top1'"),
        ("top1\n30\n", {}, DataError, "no column 'error'; name the one with the error in %: --map error=COLUMN"),
        ("error\n130\n", {}, DataError, r"error must lie in \[0, 100\] %, got 130"),
        (
            "error\nbad\n",
            {},
            DataError,
            r"t\.csv: column 'error': 1 of 1 rows have no number \(the first is row 1: 'bad'\)",
        ),
        (
            "top1,network\n3,\n4,[1]\n",
            {"error": "top1"},
            DataError,
            r"t\.csv: row 2, column 'network': a network as a JSON object is expected, got '\[1\]'$",
        ),
        ("error,network\n3,{\n", {}, DataError, r"t\.csv: row 1, column 'network': Expecting property name"),
        ('error,network\n3,"{""a"": 1}"\n', {}, DataError, r"t\.csv: row 1, column 'network': .*unknown key 'a'"),
        ("error,macs\n3,inf\n", {"flops": "macs"}, DataError, r"row 1, column 'macs': a number of at least 0 .* inf$"),
        ("error,params\n3,-1\n", {}, DataError, r"row 1, column 'params': a number from 0 to below 2\^63 .* -1$"),
        ("error,seconds\n3,inf\n", {}, DataError, "row 1, column 'seconds': a number of at least 0 is expected"),
        ("error,status\n3,planned\n", {}, DataError, r"t\.csv: no model that has ended in it"),
        ("error\n", {}, DataError, "no model in it"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_and_nothing_is_stored(store, tmp_path, content, columns, kind, message):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(kind, match=message):
        import_results(store, "table", [path], "csv", Meaning.of(columns))
    assert store.studies() == []


@pytest.mark.parametrize(("layout", "content"), [("pycls", '{"a": 1}'), ("nds", '[{"cfg": {}}]'), ("pycls", "no json")])
def test_a_file_of_another_layout_is_refused(store, tmp_path, layout, content):
    path = tmp_path / "sweep.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"sweep\.json: "):
        import_results(store, "x", [path], layout)


def test_a_name_that_is_taken_is_refused(store, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("error\n30\n")
    import_results(store, "table", [path], "csv")
    with pytest.raises(StudyError, match="already holds a study 'table'"):
        import_results(store, "table", [path], "csv")
    assert len(store.studies()) == 1
