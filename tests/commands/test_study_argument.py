"""Stores on the command line: whatever their name or place, one study or several, and no password on the screen."""

import json
from pathlib import Path

import pytest

from netspace.store import Store

ERRORS = {"first": [30.0, 31.0, 32.5, 33.0], "second": [20.0, 21.0, 22.5, 23.0]}


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Two tables of two spaces each in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, errors in ERRORS.items():
        rows = [f"{space},{error + shift}\n" for error in errors for space, shift in (("a", 0), ("b", 5))]
        (tmp_path / f"{name}.csv").write_text("space,error\n" + "".join(rows))


def mean_of(netspace, *arguments) -> float:
    """The mean error of space `a` as `netspace export` gives it."""
    done = netspace("export", *arguments, "-o", "exported.jsonl")
    assert done.code == 0, done.err
    rows = map(json.loads, Path("exported.jsonl").read_text().splitlines())
    errors = [row["error"] for row in rows if row["space"] == "a"]
    return sum(errors) / len(errors)


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("name", ["r.db", "r.sqlite3", "r.SQLITE", "results", "r.yaml"])
def test_an_sqlite_file_is_a_store_whatever_it_is_called(netspace, tmp_path, name):
    done = netspace("import", "first.csv", "--name", "first", "--store", name)
    assert done.out.splitlines()[-1] == f"Compare them with: netspace compare {tmp_path / name}"
    assert mean_of(netspace, name) == pytest.approx(31.625)
    assert netspace("compare", f"sqlite:///{name}").code == netspace("compare", name).code == 0


@pytest.mark.usefixtures("tables")
def test_a_store_that_does_not_exist_is_known_by_its_ending(netspace):
    done = netspace("compare", "nowhere.sqlite3")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no such store" in done.err


@pytest.mark.usefixtures("tables")
def test_each_study_of_a_store_is_reached_by_its_name(netspace):
    netspace("import", "first.csv", "--name", "first", "--store", "r.db")
    told = netspace("import", "second.csv", "--name", "second", "--store", "r.db").out.splitlines()[-1]
    assert told.endswith("r.db --study second")
    assert mean_of(netspace, "r.db", "--study", "first") == pytest.approx(31.625)
    assert mean_of(netspace, "r.db", "--study", "second") == pytest.approx(21.625)
    (verdict,) = json.loads(netspace("compare", "r.db", "--study", "second", "--json").out)
    assert verdict["theta"] == 0.0
    report = netspace("report", "r.db", "--study", "first", "--format", "md")
    assert report.code == 0, report.err
    assert Path("report/report.md").read_text().startswith("# first")
    for arguments, message in [
        ([], "r.db: it holds 2 studies (first, second); choose one with --study NAME"),
        (["--study", "secnd"], "'secnd' (did you mean 'second'?); valid: first, second"),
    ]:
        done = netspace("compare", "r.db", *arguments)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.err


@pytest.mark.usefixtures("tables")
def test_what_would_be_ignored_is_refused(netspace):
    for name in ("first", "second"):
        netspace("import", f"{name}.csv", "--name", name)
    Path("study.yaml").write_text("name: x\n")
    for arguments, message in [
        (["first.db", "--store", "second.db"], "store given twice; drop --store"),
        (["first.csv", "--store", "second.db"], "with a table, first.csv"),
        (["first.csv", "--study", "second"], "with a table, first.csv"),
        (["study.yaml", "--study", "second"], "study.yaml: this is a study file, so --study has no effect"),
    ]:
        done = netspace("compare", *arguments)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.err


@pytest.mark.usefixtures("tables")
def test_a_store_of_a_server_is_taken_by_its_url_and_its_password_stays_hidden(netspace, postgresql_url):
    for url in (postgresql_url.replace("postgres@", "postgres:secret@"), f"{postgresql_url}&password=secret"):
        name = f"s{url.count('password')}"
        imported = netspace("import", "first.csv", "--name", name, "--store", url)
        assert imported.code == 0, imported.err
        assert "netspace compare" in imported.out
        compared = netspace("compare", url, "--study", name, "--json")
        assert compared.code == 0, compared.err
        reported = netspace("report", url, "--study", name, "-o", name, "--format", "html", "--format", "md")
        assert reported.code == 0, reported.err
        refused = netspace("compare", url, "--study", "x")
        assert refused.code == 2
        shown = "".join(done.out + done.err for done in (imported, compared, reported, refused))
        assert "secret" not in shown
        assert not [path for path in Path(name).rglob("*") if path.is_file() and b"secret" in path.read_bytes()]
    with Store.open(postgresql_url) as store:
        assert [study.name for study in store.studies()] == ["s0", "s1"]
