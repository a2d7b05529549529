"""Passwords of databases and keys of trackers are in no message, log, table, report or store."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from netspace.training.trackers import Trackers

PASSWORD, PASSFILE, KEY = "hunter2-planted", "planted-passfile", "planted-tracker-key"
SECRETS = (PASSWORD, PASSFILE, KEY)


@pytest.fixture
def url(postgresql_url) -> str:
    """The URL of a server that believes everyone, with secrets that it does not ask for."""
    return postgresql_url.replace("postgres@", f"postgres:{PASSWORD}@") + f"&passfile=/nowhere/{PASSFILE}"


def leaks(place: Path) -> list[Path]:
    """Return the files below a folder that hold a secret."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return [path for path in files if any(secret.encode() in path.read_bytes() for secret in SECRETS)]


@pytest.mark.parametrize("command", ["run", "status", "compare", "report", "export", "import"])
def test_a_server_that_is_away_is_named_without_its_secrets(netspace, study, tmp_path, command):
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    url = f"postgresql://me:{PASSWORD}@/results?host=/nowhere&passfile=/tmp/{PASSFILE}&options=-c%20x%3D{KEY}"
    table = tmp_path / "table.csv"
    table.write_text("space,error\nA,1\nB,2\n")
    about = [str(table) if command == "import" else str(study), "--store", url]
    more = {"report": ["-o", tmp_path / "out"], "export": ["-o", tmp_path / "out.csv"], "import": ["--study", "t"]}
    about += map(str, more.get(command, []))
    done = netspace(command, *about)
    assert done.code == 2
    assert "/nowhere" in done.out + done.err
    assert not any(secret in done.out + done.err for secret in SECRETS)


@pytest.mark.parametrize(
    "url", [f"postgresql://me:{PASSWORD}@host:odd/results", f"mysql://me:{PASSWORD}@host/results", f"x://{PASSWORD}@@"]
)
def test_a_url_that_cannot_be_used_is_not_repeated_with_its_secrets(netspace, study, url):
    done = netspace("status", study, "--store", url)
    assert done.code == 2
    assert PASSWORD not in done.out + done.err


def test_what_a_trackers_library_complains_of_is_told_without_keys(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="the extra 'mlflow' is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{PASSWORD}@127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Trackers(["mlflow"], tmp_path, {})
    said = [str(warning.message) for warning in caught if "tracker 'mlflow' failed" in str(warning.message)]
    assert said
    assert not any(secret in line for secret in SECRETS for line in said)

    class Refusing:
        def log(self, epoch: object) -> None:  # noqa: ARG002
            raise PermissionError(f"401 for https://me:{PASSWORD}@api.host with key {KEY}")

    trackers = Trackers([], tmp_path, {})
    trackers._open["wandb"] = Refusing()
    with pytest.warns(UserWarning, match=r"401 for https://\*\*\*@api\.host with key \*\*\*") as warned:
        trackers.log(None)
    assert not any(secret in str(warning.message) for secret in SECRETS for warning in warned)


@pytest.mark.slow
def test_a_study_on_a_server_leaves_its_secrets_nowhere(write_study, url, tmp_path):
    """Logs are as loud as can be, and a tracker fails; the store is searched as the server dumps it."""
    import psycopg

    study = write_study(n=1)
    folder = study.parent
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path / "temporary"),
        "MLFLOW_TRACKING_URI": f"http://me:{PASSWORD}@127.0.0.1:1",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "WANDB_API_KEY": KEY,
    }
    (tmp_path / "temporary").mkdir()
    said = ""
    for command in (
        ["-v", "run", str(study), "--workers", "1", "--device", "cpu", "--track", "mlflow"],
        ["-v", "status", str(study)],
        ["compare", str(study), "--json"],
        ["report", str(study), "-o", str(folder / "report"), "--json"],
        ["export", str(study), "-o", str(folder / "runs.csv")],
        ["export", str(study), "-o", str(folder / "runs.parquet")],
    ):
        whole = [sys.executable, "-m", "netspace.cli", *command, "--store", url]
        done = subprocess.run(whole, capture_output=True, text=True, check=True, env=environment, cwd=folder)
        said += done.stdout + done.stderr
    assert "2 of 2 runs done" in said
    assert "tracker 'mlflow' failed" in said
    assert not any(secret in said for secret in SECRETS)
    assert (folder / "report" / "index.html").exists()
    assert leaks(folder) == []
    query = {key: values[0] for key, values in parse_qs(url.partition("?")[2]).items() if key != "passfile"}
    with psycopg.connect(user="postgres", **query) as connection:
        tables = ("studies", "runs", "curves", "meta")
        rows = [str(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    assert len(rows) > 4
    assert not any(secret in row for secret in SECRETS for row in rows)
