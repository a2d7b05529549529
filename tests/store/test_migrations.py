"""Stores of each earlier version become stores of the present one: on SQLite with a copy kept, on PostgreSQL too.

`data/VERSION-schema-N.sqlite` and `.postgresql.sql` hold the same store as that version wrote it.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from netspace.errors import StoreError
from netspace.store import SCHEMA_VERSION, Store, migrations

DATA = Path(__file__).with_name("data")
EARLIER = sorted(DATA.glob("*.sqlite"))


def test_there_is_a_store_of_each_earlier_version():
    assert {int(path.stem.rpartition("-")[2]) for path in EARLIER} == set(range(1, SCHEMA_VERSION))


@pytest.fixture(params=EARLIER, ids=lambda path: path.stem)
def earlier(request, tmp_path) -> Path:
    """A copy of the file of an earlier version."""
    return Path(shutil.copy(request.param, tmp_path / "study.db"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, earlier) -> str:
    """An earlier version's store in each database."""
    if request.param == "sqlite":
        return str(earlier)
    url = request.getfixturevalue("postgresql_url")
    dump = next(path for path in EARLIER if path.read_bytes() == earlier.read_bytes()).with_suffix(".postgresql.sql")
    with engine(url) as known, known.begin() as connection:
        connection.exec_driver_sql(dump.read_text().replace("%", "%%"))
    return url


@contextmanager
def engine(url: str) -> Iterator[Engine]:
    """Look into a database without our code."""
    known = create_engine(url.replace("postgresql:", "postgresql+psycopg:") if "://" in url else f"sqlite:///{url}")
    yield known
    known.dispose()


def rows(url: str) -> dict[str, list[Any]]:
    """Return all rows by table, of `runs` what its first version had."""
    found = {}
    with engine(url) as known, known.connect() as connection:
        for table in ("studies", "runs", "curves"):
            columns = [column["name"] for column in inspect(connection).get_columns(table)]
            kept = ", ".join(f'"{name}"' for name in columns if name not in ("losses", "heard"))
            query = text(f"SELECT {kept} FROM {table} ORDER BY 1, 2")
            found[table] = [tuple(map(str, row)) for row in connection.execute(query)]
    return found


def version(url: str) -> int:
    with engine(url) as known, known.connect() as connection:
        return int(connection.execute(text("SELECT schema_version FROM meta")).scalar_one())


def shape(url: str) -> dict[str, set[tuple[str, str, bool]]]:
    """Return the columns of each table, with what each may hold."""
    with engine(url) as known:
        look = inspect(known)
        return {
            table: {(column["name"], str(column["type"]), column["nullable"]) for column in look.get_columns(table)}
            for table in look.get_table_names()
        }


def test_reading_changes_nothing_and_the_first_write_migrates(url):
    before = rows(url)
    with Store.open(url, create=False) as store:
        study = store.find_study("begun-early")
        known = store.runs(study.id)
        assert [(run.losses, run.heard) for run in known] == [(0, None)] * 12
        assert store.run(known[0].id) == known[0]
        assert len(store.states(study.id)) == len(store.frame(study.id)) == 12
        assert version(url) == 1
        taken = store.lease_next(study.id, "me")
        assert version(url) == SCHEMA_VERSION
        store.release(taken.id, "me")
        assert store.runs(study.id) == known
    assert rows(url) == before


def test_a_migrated_store_has_the_tables_of_a_new_one(url, tmp_path):
    with Store.open(url) as store:
        store.insert_study("new", {}, "abc")
        migrated = shape(url)
    if "://" in url:
        with engine(url) as known, known.begin() as connection:
            for table in ("curves", "pools", "runs", "studies", "meta"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
    new = url if "://" in url else str(tmp_path / "new.db")
    Store.open(new).close()
    assert shape(new) == migrated


def test_a_copy_of_the_file_is_kept_as_it_was(earlier):
    before = rows(str(earlier))
    for name in ("one", "two"):
        with Store.open(earlier) as store:
            store.insert_study(name, {}, "abc")
    copies = [path for path in earlier.parent.iterdir() if path.name.startswith("study.schema")]
    assert [path.name for path in copies] == ["study.schema-1-1.db"]
    assert version(str(copies[0])) == 1
    assert rows(str(copies[0])) == before


def test_a_migration_that_breaks_leaves_the_store_as_it_was(url, monkeypatch):
    def breaks(operations):
        migrations._to_2(operations)
        operations.execute("INSERT INTO nowhere VALUES (1)")

    Store.open(url).close()  # which adds the table of pools
    before, tables = rows(url), shape(url)
    monkeypatch.setattr(migrations, "_STEPS", (breaks,))
    with Store.open(url) as store, pytest.raises(StoreError, match="nowhere") as caught:
        store.insert_study("new", {}, "abc")
    assert "\n" not in str(caught.value)
    assert (rows(url), version(url)) == (before, 1)
    assert shape(url) == tables


def test_several_drivers_may_migrate_at_once(url):
    opened = [Store.open(url) for _ in range(4)]
    threads = [Thread(target=store.insert_study, args=(f"s{i}", {}, "abc")) for i, store in enumerate(opened)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {study.name for study in opened[0].studies()} == {"begun-early", "imported", "s0", "s1", "s2", "s3"}
    for store in opened:
        store.close()


def test_a_driver_of_the_first_version_goes_on_in_a_migrated_store(url):
    """Its connection is older than the migration; it names the columns that it knows."""
    with Store.open(url) as store:
        store.insert_study("new", {}, "abc")
    old = 'study_id, space, "index", launch, digest, config, parameters, flops, params, activations, seed'
    with engine(url) as known, known.begin() as connection:
        values = "1, 'Late', 0, 99, 'd', '{}', '{}', 1, 1, 1, 1, 'planned', 0"
        connection.exec_driver_sql(f"INSERT INTO runs ({old}, status, attempts) VALUES ({values})")
    with Store.open(url) as store:
        assert [(run.losses, run.heard) for run in store.runs(1, space="Late")] == [(0, None)]


def test_a_file_that_cannot_be_copied_is_not_migrated(earlier, monkeypatch):
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with Store.open(earlier) as store:
        monkeypatch.setattr(sqlite3, "connect", full)
        with pytest.raises(StoreError, match="could not be copied"):
            store.insert_study("new", {}, "abc")
        monkeypatch.undo()
    assert version(str(earlier)) == 1
    assert [path.name for path in earlier.parent.iterdir() if "schema" in path.name] == []


def test_a_file_that_cannot_be_written_is_read_in_its_version(earlier):
    with Store.open(earlier) as store:
        assert len(store.runs(1)) == 12
    earlier.parent.chmod(0o555)
    earlier.chmod(0o444)
    reader = "import sys; from netspace.store import Store; print(len(Store.open(sys.argv[1], create=False).runs(1)))"
    # root may write everywhere
    user = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for folder in earlier.parents:  # up to pytest's own, which is private
        folder.chmod(folder.stat().st_mode | 0o555)
        if folder.name.startswith("pytest-of-"):
            break
    done = subprocess.run([*user, sys.executable, "-c", reader, earlier], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("12\n", "")
