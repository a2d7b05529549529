"""Tables as people have them, read by what is in them."""

import json

import numpy as np
import pandas as pd
import pytest

from netspace.commands.study_argument import is_table
from netspace.errors import DataError
from netspace.results.tables import read_table

COLUMNS = {"space": ["NA", "wide net"], "error": [30.5, 29.0], "lr": [0.1, 0.02], "seed": [2**62 + 1, 7]}
EXPECTED = pd.DataFrame(COLUMNS)


def written(delimiter=",", decimal=".", comment=""):
    cells = [[str(value).replace(".", decimal) for value in row] for row in EXPECTED.itertuples(index=False)]
    return comment + "\n".join(delimiter.join(row) for row in [list(EXPECTED.columns), *cells]) + "\n"


def read(tmp_path, content, name="t.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


def assert_same(frame, expected=EXPECTED):
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert frame["seed"].tolist() == [2**62 + 1, 7]


@pytest.mark.parametrize(
    ("delimiter", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", "."), ("|", ",")]
)
def test_delimiters_and_decimal_signs_are_found(tmp_path, delimiter, decimal):
    assert_same(read(tmp_path, written(delimiter, decimal)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings_are_found(tmp_path, encoding):
    text = written(";", ",").replace("wide net", "größer")
    frame = read(tmp_path, text.encode(encoding))
    assert frame["space"].tolist() == ["NA", "größer"]
    assert frame["error"].tolist() == [30.5, 29.0]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_comments_blank_lines_and_blanks_are_no_content(tmp_path, end):
    text = (
        written(comment="# made by hand\n# on Tuesday\n\n").replace("29.0", " 29.0 ").replace("wide net", "wide net ")
    )
    assert_same(read(tmp_path, text.replace("space,", " space ,").replace("\n", end)))


def test_a_header_that_numpy_writes_as_a_comment_is_the_header(tmp_path):
    np.savetxt(tmp_path / "t.txt", [[30.5, 1.0], [29.0, 2.0]], header="error width", delimiter=",")
    (tmp_path / "t.txt").write_text((tmp_path / "t.txt").read_text().replace("error width", "error,width"))
    assert read_table(tmp_path / "t.txt")["error"].tolist() == [30.5, 29.0]


@pytest.mark.parametrize("name", ["t.CSV", "t.parquet", "results", "t.TXT"])
def test_the_content_says_what_a_file_is_not_its_name(tmp_path, name):
    path = tmp_path / name
    EXPECTED.to_parquet(path)
    assert_same(read_table(path))
    lines = EXPECTED.to_dict("records")
    path.write_text("\n".join(map(json.dumps, lines)))
    assert_same(read_table(path))
    path.write_text(json.dumps(lines, indent=1))
    assert_same(read_table(path))
    path.write_text(written("\t"))
    assert_same(read_table(path))


def test_texts_and_missing_numbers_are_told_apart(tmp_path):
    frame = read(tmp_path, "space,error,note,share,good\n001,NaN,NA,5 %,true\n1,null,,10%,False\n")
    assert frame["space"].tolist() == ["001", "1"]
    assert frame["note"].tolist() == ["NA", None]
    assert frame["share"].tolist() == [5, 10]
    assert frame["good"].tolist() == [True, False]
    assert pd.to_numeric(frame["error"], errors="coerce").isna().all()
    # a comma inside a number between commas would be one of thousands: no number is made of it
    assert read(tmp_path, 'error,flops\n3,"1,234"\n')["flops"].tolist() == ["1,234"]


def test_row_names_of_pandas_and_of_r_are_left_out(tmp_path):
    assert list(read(tmp_path, ",space,error\n0,A,3\n1,B,4\n").columns) == ["space", "error"]
    assert list(read(tmp_path, "space\terror\nfirst\tA\t3\nsecond\tB\t4\n").columns) == ["space", "error"]


def test_quoted_cells_may_hold_anything(tmp_path):
    frame = read(tmp_path, 'space,message\n"a,b","line 1\nline 2; ""quoted"""\n')
    assert frame.iloc[0].tolist() == ["a,b", 'line 1\nline 2; "quoted"']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the table is empty"),
        ("space,error\nA,3\nB\n", "row 2 has 1 cells, but the header has 2"),
        ("space,error,error\nA,3,4\n", "the column 'error' appears 2 times"),
        ('space,error\n"A,3\n', "cannot be read as a table"),
        (b"PK\x03\x04rest", "is an Excel workbook or another archive, not a table"),
        (b"PAR1 but no more", "cannot be read as a Parquet table"),
        ('{"a": 1}\n{"a": \n', "cannot be read as JSON lines"),
        ("[1, 2]", "must be a JSON object"),
        (b"\x00\x01\x02\x00\xff\xfe" * 9, "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_told(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"t\.csv: .*({message})"):
        read(tmp_path, content)


def test_a_json_file_is_a_table_if_it_holds_a_list(tmp_path):
    assert is_table("x.CSV")
    assert not is_table("study.yaml")
    (tmp_path / "a.json").write_text('\n [{"a": 1}]')
    (tmp_path / "b.json").write_text('{"name": "study"}')
    assert is_table(str(tmp_path / "a.json"))
    assert not is_table(str(tmp_path / "b.json"))
