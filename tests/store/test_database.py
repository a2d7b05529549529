"""What is particular to SQLite files and to URLs: places that cannot be a store."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from netspace.errors import MissingExtraError, StoreError, StoreUnreachableError, UnknownNameError
from netspace.store import DEFAULT_PATH, Outcome, Store, database, schema


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder with a store in it that the process may only read, also where the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="netspace-readonly-"))
    with Store.open(folder / "study.db") as store:
        store.insert_study("kept", {}, "abc")
    (folder / "study.db").chmod(0o444)
    folder.chmod(0o555)
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if privileged:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_the_default_is_a_file_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store.open() as store:
        assert store.where == store.url == str(tmp_path / DEFAULT_PATH)
    assert (tmp_path / DEFAULT_PATH).is_file()


def test_a_file_is_in_wal_mode_with_foreign_keys_and_its_folder_is_made(tmp_path):
    path = tmp_path / "results" / "study.db"
    with Store.open(path) as store, store._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000


def test_a_path_and_its_url_are_the_same_store(tmp_path):
    with Store.open(tmp_path / "study.db") as store:
        study = store.insert_study("first", {}, "abc")
    with Store.open(f"sqlite:///{tmp_path}/study.db") as store:
        assert store.studies() == [study]


def test_readers_go_on_while_another_process_writes(tmp_path):
    with Store.open(tmp_path / "study.db") as store:
        study = store.insert_study("first", {}, "abc")
        with store._database.write():
            assert store.studies() == [study]


def test_new_files_may_be_opened_by_many_at_once(tmp_path):
    for attempt in range(5):
        barrier, errors = Barrier(6), []

        def work(path: Path, barrier: Barrier = barrier, errors: list[StoreError] = errors) -> None:
            barrier.wait()
            try:
                Store.open(path).close()
            except StoreError as error:
                errors.append(error)

        threads = [Thread(target=work, args=(tmp_path / f"{attempt}.db",)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


def test_an_empty_file_becomes_a_store(tmp_path):
    path = tmp_path / "study.db"
    path.touch()
    with Store.open(path) as store:
        assert store.studies() == []


@pytest.mark.parametrize("content", [b"epoch,loss\n1,2.0\n", b"SQLite format 3\0" + b"\1" * 5000, b"SQL"])
def test_a_file_that_is_no_database_is_refused_and_not_altered(tmp_path, content):
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"results.csv: this is not an SQLite database; choose another store$"):
        Store.open(path)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.csv"]


def test_a_refused_version_leaves_the_file_byte_for_byte(tmp_path):
    path = tmp_path / "study.db"
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET schema_version = 99")
    connection.commit()
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StoreError, match="schema is version 99"):
        Store.open(path)
    assert path.read_bytes() == content


def test_a_read_only_place_is_refused_and_not_altered(read_only_folder):
    for name in ("study.db", "new.db", "below/new.db"):
        with pytest.raises(StoreError, match="writable f") as caught:
            Store.open(read_only_folder / name)
        assert str(read_only_folder) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert [entry.name for entry in read_only_folder.iterdir()] == ["study.db"]


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="cannot open the file as a store"):
        Store.open(tmp_path)


def test_a_missing_file_is_told_where_none_is_to_be_made(tmp_path):
    with pytest.raises(StoreError, match="no such store"):
        Store.open(tmp_path / "study.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_in_one_line_and_loses_nothing(tmp_path, make_runs):
    with Store.open(tmp_path / "study.db") as store:
        study = store.insert_study("first", {}, "abc", make_runs(2))
        before = store.runs(study.id)
        with store._database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="the disk is full, so nothing was recorded") as caught:
            store.insert_study("first", {}, "abc", make_runs(200))
        assert "\n" not in str(caught.value)
        assert store.runs(study.id) == before


def test_another_database_is_refused_with_the_valid_ones():
    with pytest.raises(UnknownNameError, match=r"mysql://.*valid: postgresql://, sqlite://"):
        Store.open("mysql://me@host/results")


def test_a_store_in_memory_is_refused():
    with pytest.raises(StoreError, match="in memory would be lost"):
        Store.open("sqlite://")


def test_a_missing_driver_names_the_extra(monkeypatch):
    monkeypatch.setattr(database, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match="extra 'postgres'"):
        Store.open("postgresql://me@host/results")


def test_a_driver_passes_over_the_run_that_another_is_claiming(postgresql_url, make_runs):
    with Store.open(postgresql_url) as store, Store.open(postgresql_url) as other:
        study = store.insert_study("first", {}, "abc", make_runs(1))
        with other._database.write() as connection:
            connection.execute(select(schema.runs).where(schema.runs.c.launch == 0).with_for_update())
            assert store.lease_next(study.id, "me").launch == 1
            assert store.lease_next(study.id, "me") is None
        assert store.lease_next(study.id, "me").launch == 0


def test_a_connection_that_the_server_ended_is_made_anew(postgresql_url, make_runs):
    with Store.open(postgresql_url) as store, Store.open(postgresql_url) as operator:
        study = store.insert_study("first", {}, "abc", make_runs(1))
        with operator._database.write() as connection:
            others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            assert connection.exec_driver_sql(f"{others} AND backend_type = 'client backend'").scalar() == 1
        assert store.lease_next(study.id, "me").launch == 0


def test_a_server_that_does_not_answer_is_told_without_the_password():
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    with pytest.raises(StoreError, match=r"postgresql\+psycopg://me:\*\*\*@/results") as caught:
        Store.open("postgresql://me:secret@/results?host=/nowhere")
    assert "secret" not in str(caught.value)


def lose(path: Path, how: str) -> None:
    if how == "deleted":
        path.unlink()
    elif how == "deleted with its folder":
        shutil.rmtree(path.parent)
    else:
        Store.open(path.with_name("other.db")).close()
        path.with_name("other.db").replace(path)


@pytest.mark.parametrize("how", ["deleted", "replaced by another file", "deleted with its folder"])
def test_a_store_that_loses_its_file_says_so_and_keeps_what_was_written(tmp_path, how, make_runs, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    path = tmp_path / "folder" / "study.db"
    copy = path.with_name("study.kept-1.db") if "folder" not in how else tmp_path / "temporary" / "study.kept-1.db"
    with Store.open(path) as store:
        study = store.insert_study("first", {}, "abc", make_runs(1))
        first, second = store.runs(study.id)
        for run in (first, second):
            store.lease(run.id, "me")
        store.record(first.id, "me", Outcome(status="done", error=1.0, seconds=1.0))
        lose(path, how)
        # what is being recorded just then is in the copy too; and whoever asks again is told the same
        for _ in range(2):
            with pytest.raises(StoreError) as caught:
                store.record(second.id, "me", Outcome(status="done", error=2.0, seconds=1.0))
            assert str(caught.value).startswith(f"{path}: the store was {how.removesuffix(' with its folder')} while ")
            assert str(copy) in str(caught.value)
        with pytest.raises(StoreError, match="while it was in use"):
            store.runs(study.id)
    with Store.open(copy) as kept:
        assert [run.error for run in kept.runs(study.id)] == [1.0, 2.0]
    assert len(list(copy.parent.glob("*kept*.db"))) == 1


def test_who_only_reads_a_store_that_loses_its_file_leaves_no_copy(tmp_path):
    Store.open(tmp_path / "study.db").close()
    with Store.open(tmp_path / "study.db", create=False) as store:
        lose(tmp_path / "study.db", "deleted")
        with pytest.raises(StoreError, match=r"deleted while it was in use$"):
            store.studies()
    assert list(tmp_path.glob("*kept*")) == []


def test_a_locked_file_is_said_to_be_unreachable_for_now(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with Store.open(tmp_path / "study.db") as store:
        other = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnreachableError, match="another process has locked the store"):
            store.insert_study("first", {}, "abc")
        other.close()
        assert store.insert_study("first", {}, "abc").name == "first"


def test_a_store_in_a_folder_that_cannot_be_written_is_read_as_it_is(read_only_folder):
    before = sorted(path.name for path in read_only_folder.iterdir())
    with Store.open(read_only_folder / "study.db", create=False) as store:
        assert store.read_only
        (study,) = store.studies()
        assert (study.name, store.runs(study.id), store.errors(study.id)) == ("kept", [], {})
        with pytest.raises(StoreError, match=r"the store is read-only; copy it to a writable folder"):
            store.insert_study("more", {}, "abc")
    assert sorted(path.name for path in read_only_folder.iterdir()) == before
