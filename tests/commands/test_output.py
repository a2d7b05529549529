"""What commands print and write: all digits, folders made where they are missing, one line where they cannot be."""

import json

import numpy as np
import pandas as pd
import pytest

from netspace.arch import read_network, zoo
from netspace.commands.output import print_table, write_table
from netspace.errors import ConfigError
from netspace.results.tables import read_table

SAMPLE = ("sample", "RegNetX", "-n", 2, "--flops", "360M:400M")
SCALE = ("scale", "RegNetX-400MF", "--factor", 1, "--strategy", "w")


def test_a_scaled_network_is_written_into_a_folder_that_is_made_for_it(netspace, tmp_path):
    done = netspace(*SCALE, "-o", tmp_path / "missing" / "x.yaml")
    assert done.code == 0, done.err
    assert read_network(tmp_path / "missing" / "x.yaml").stages == zoo.get("RegNetX-400MF").stages


def test_a_csv_starts_no_formula_and_is_read_as_it_was(tmp_path):
    path = tmp_path / "table.csv"
    names = ["=HYPERLINK(1)", "+A", "-B", "@C", "plain", "it's"]
    frame = pd.DataFrame({"space": names, "=x": [-1.5, 2.0, 3.0, 4.0, 5.0, 6.0]})
    write_table(frame, path)
    cells = [cell for line in path.read_text().splitlines() for cell in line.split(",")]
    assert [cell for cell in cells if cell[0] in "=+-@"] == ["-1.5"]
    pd.testing.assert_frame_equal(read_table(path), frame, check_dtype=False)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_small_numbers_keep_their_digits(tmp_path, ending):
    path = tmp_path / f"table{ending}"
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".jsonl": lambda file: pd.read_json(file, lines=True)}
    frame = pd.DataFrame({"rate": [1.234567891e-5, 0.1]})
    write_table(frame, path)
    assert read[ending](path)["rate"].tolist() == pytest.approx(frame["rate"].tolist(), rel=1e-9)


@pytest.mark.parametrize(
    "command",
    [
        (*SAMPLE, "-o", "taken.csv"),
        (*SAMPLE, "-o", "taken.parquet"),
        (*SAMPLE, "-o", "taken.jsonl"),
        (*SAMPLE, "-o", "file/models.csv"),
        (*SCALE, "-o", "taken.csv"),
        (*SCALE, "-o", "file/x.yaml"),
        ("claims", "--template", "-o", "file/x.yaml"),
        ("demo", "-o", "file"),
    ],
)
def test_a_place_that_cannot_be_written_is_reported_in_a_line(netspace, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    for ending in ("csv", "parquet", "jsonl"):
        (tmp_path / f"taken.{ending}").mkdir()
    (tmp_path / "file").write_text("")
    done = netspace(*command)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert done.err.startswith(f"error: {command[-1].partition('/')[0]}: cannot ")


def test_columns_that_parquet_cannot_hold_are_reported_in_a_line(tmp_path):
    frame = pd.DataFrame({"mixed": pd.Series([1, "two"], dtype="object")})
    with pytest.raises(ConfigError, match=r"cannot write these columns as Parquet .*; use \.csv instead$"):
        write_table(frame, tmp_path / "x.parquet")
    write_table(frame, tmp_path / "x.jsonl")
    assert [json.loads(line)["mixed"] for line in (tmp_path / "x.jsonl").read_text().splitlines()] == [1, "two"]


def test_what_is_not_known_is_printed_as_a_dash_not_as_nan(capsys):
    print_table(["a", "b", "c", "d"], [[None, float("nan"), np.float64("nan"), 0.5]])
    assert capsys.readouterr().out.splitlines()[-2].split() == ["-", "-", "-", "0.5"]
