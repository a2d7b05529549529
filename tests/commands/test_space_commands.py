"""`netspace sample` and `netspace size`: what they print and write, and what they say of mistakes."""

import json
import re

import pandas as pd
import pytest

from netspace import space as spaces


def test_size_prints_both_counts_and_the_dimensions(netspace):
    done = netspace("size", "AnyNetXD")
    assert done.code == 0
    assert "13,821,510,942,720" in done.out
    assert "13,194,139,533,312" in done.out
    assert "10 dimensions" in done.out


def test_size_as_json_holds_exact_integers(netspace):
    counted = json.loads(netspace("size", "anynetxa", "--json").out)
    assert counted == {
        "space": "AnyNetXA",
        "exact": 1846757322198614016,
        "paper": 1846757322198614016,
        "dimensions": 16,
        "note": counted["note"],
    }


def test_size_says_whether_a_space_is_a_subset(netspace, tmp_path):
    assert (
        "a subset of AnyNetXC: its parameters and constraints prove it"
        in netspace("size", "AnyNetXE", "--within", "AnyNetXC").out
    )
    (tmp_path / "own.yaml").write_text(
        "spaces:\n"
        "  A: {base: AnyNetXE, parameters: {width: {log_uniform: [8, 2048], step: 8}}}\n"
        "  B: {base: A, constraints: [{shared: depth}]}\n"
    )
    done = netspace("size", tmp_path / "own.yaml")
    assert done.code == 0
    assert "not a subset of AnyNetXE: 'width' goes up to 2,048, that of AnyNetXE to 1,024; " in done.out
    assert "B: 7 dimensions" in done.out
    assert "\na subset of A: " in done.out
    rows = json.loads(netspace("size", tmp_path / "own.yaml", "--json").out)
    assert [(row["space"], row["within"]["subset"]) for row in rows] == [("A", False), ("B", True)]


@pytest.mark.parametrize(
    ("ending", "read"),
    [
        (".csv", pd.read_csv),
        (".parquet", pd.read_parquet),
        (".jsonl", lambda path: pd.read_json(path, lines=True)),
    ],
)
def test_sample_writes_the_population_that_python_gives(netspace, tmp_path, ending, read):
    path = tmp_path / "new" / f"models{ending}"
    done = netspace("sample", "RegNetX", "-n", 5, "--flops", "360M:400M", "--seed", 3, "-o", path)
    assert done.code == 0, done.err
    expected = spaces.RegNetX().sample(5, seed=3, flops=(360e6, 400e6)).frame()
    pd.testing.assert_frame_equal(read(path), expected, check_dtype=False)
    assert "5 models of" in done.out


def test_sample_without_a_file_prints_a_row_for_each_model(netspace):
    done = netspace("sample", "AnyNetXE", "-n", 4, "--flops", "1.5M:3M", "--resolution", 32)
    assert done.code == 0
    population = spaces.AnyNetXE().sample(4, flops=(1.5e6, 3e6), resolution=32)
    for flops, widths in zip(population.complexity.flops, population.networks.widths, strict=True):
        assert any(f"{flops:,}" in line and " ".join(map(str, widths)) in line for line in done.out.splitlines())


def test_very_many_models_are_asked_about(netspace, tmp_path):
    path = tmp_path / "models.parquet"
    refused = netspace("sample", "RegNetX", "-n", 100_000_000, "-o", path)
    assert refused.code == 2
    assert re.fullmatch(
        r"error: 100,000,000 models of RegNetX need at least .* and .* [GT]B of memory; .* add --yes\n", refused.err
    )
    assert not path.exists()


def test_what_cannot_be_built_is_refused_in_the_space(netspace, tmp_path):
    path = tmp_path / "deep.yaml"
    path.write_text("base: AnyNetXA\nparameters: {depth: {log_uniform: [1, 1000000]}}\n")
    refused = netspace("sample", path, "-n", 2)
    assert refused.code == 2
    assert "deep.yaml" in refused.err
    assert "depth: every value must be at most 10000, got 1e+06" in refused.err


def test_sample_as_json_holds_every_column(netspace):
    rows = json.loads(netspace("sample", "RegNetX", "-n", 2, "--params", ":5M", "--json").out)
    assert len(rows) == 2
    assert {"w_0", "w_a", "w_m", "depth", "width_4", "flops", "digest"} <= set(rows[0])


def test_sample_inside_a_latency_window_times_networks_here(netspace, tmp_path):
    path = tmp_path / "timed.csv"
    arguments = ("sample", "AnyNetXA", "-n", 3, "--flops", ":1M", "--resolution", 20, "--latency", ":100000")
    done = netspace(*arguments, "-o", path)
    assert done.code == 0, done.err
    frame = pd.read_csv(path)
    assert (frame["latency_ms"] > 0).all()
    plain = spaces.AnyNetXA().sample(3, flops=(0, 1e6), resolution=20)
    assert list(frame["digest"]) == [config.digest for config in plain]
    shown = netspace(*arguments).out
    assert "latency_ms" in shown
    # kept, not measured again
    assert f"{frame['latency_ms'][0]:.4g}" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "AnyNetXA", "-n", 5, "--latency", "5:2"], "--latency: window: LO <= HI must hold"),
        (["sample", "AnyNetXA", "-n", 5, "--latency", "2M:5M"], "in milliseconds, such as"),
        (["sample", "AnyNetXA", "-n", 5, "--latency", "2:5", "--device", "gpu"], "cannot use the device 'gpu'"),
        (["size", "AnyNetXQ"], "unknown design space 'AnyNetXQ'"),
        (["size", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["sample", "AnyNetXA", "-n", 5, "--flops", "2M:1M"], "LO <= HI must hold"),
        (["sample", "AnyNetXA", "-n", 5, "--flops", "lots"], "lots"),
        (
            ["sample", "AnyNetXA", "-n", 5, "-o", "models.xlsx"],
            "models.xlsx: the file name must end in one of .csv, .parquet",
        ),
        (["sample", "AnyNetXA", "-n", 1, "--flops", "1:2", "--resolution", 32], "nearest flops"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(netspace, arguments, message):
    done = netspace(*arguments)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


@pytest.mark.parametrize("arguments", [["sample", "AnyNetXA", "-n", 0], ["sample", "AnyNetXA"], ["sampel"], ["size"]])
def test_wrong_usage_is_exit_code_2_without_a_traceback(netspace, arguments):
    done = netspace(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_sampling_says_how_many_candidates_were_accepted_and_how_fast(netspace, tmp_path):
    done = netspace("sample", "AnyNetXA", "-n", 2, "--flops", ":1M", "--resolution", 32, "-o", tmp_path / "two.csv")
    assert re.search(r"2 models of [\d,]+ candidates \([\d.]+ % accepted\), [\d,]+ candidates/s\n$", done.out)
