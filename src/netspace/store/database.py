"""Connections and transactions: what differs between SQLite and PostgreSQL, and each of their errors in one line."""

import json
import os
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pydantic import ValidationError
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    cast,
    create_engine,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from netspace._version import __version__
from netspace.documents import plain
from netspace.errors import (
    MissingExtraError,
    NetspaceError,
    StoreError,
    StoreUnreachableError,
    first_line,
    one_line,
    raise_unknown,
)
from netspace.masking import shown_url
from netspace.store.migrations import migrate
from netspace.store.schema import SCHEMA_VERSION, Now, meta, metadata, pools

DEFAULT_PATH = Path("netspace.db")
"""The SQLite file that is used if no store is named, in the working directory."""

BUSY_SECONDS = 60.0
"""How long a transaction waits for another process to finish its own."""

_SQLITE_MAGIC = b"SQLite format 3\0"
_ADVISORY_LOCK = 0x6E_65_74_73  # "nets": one key for everything that must not run twice at once on PostgreSQL

_ADVICE = {
    "readonly database": "the store is read-only; copy it to a writable folder, or choose another store",
    "unable to open database file": "cannot open the store for writing; choose a store in a writable folder",
    "disk is full": "the disk is full, so nothing was recorded; free some space and run the same command again",
    "No space left": "the disk is full, so nothing was recorded; free some space and run the same command again",
    "is locked": f"another process has locked the store for {BUSY_SECONDS:.0f} s; end that process or try again",
    "file is not a database": "this is not an SQLite database; choose another store",
    "malformed": "the SQLite database is damaged; restore it from a copy (`sqlite3 FILE .recover` reads what is left)",
}


class Database:
    """One database that holds a netspace store. Safe to share between threads; never share it across a fork.

    Attributes:
        where: the file or the URL (password hidden), as messages name it.
        url: what opens the same store in another process.
        read_only: whether it is an SQLite file that was to be read alone and cannot be written.
        version: of its tables; a store of an earlier one is read as it is, and migrated by the first who writes to it.
    """

    def __init__(self, where: str, url: str, engine: Engine) -> None:
        self.where = where
        self.url = url
        self._engine = engine
        self._writer = engine.execution_options(writes=True)
        self._file: tuple[int, int] | None = None
        self._wrote = False
        self._gone: str | None = None
        self.read_only: bool = False
        self.version: int = SCHEMA_VERSION

    @classmethod
    def open(cls, target: str | Path | None, *, create: bool) -> Self:
        """Connect to the store at `target` (see `Store.open`), creating its tables if there are none.

        Raises:
            StoreError: no netspace store of this version can be written there.
            MissingExtraError: a PostgreSQL URL without its driver.
        """
        url = _resolve(DEFAULT_PATH if target is None else target)
        if url.get_backend_name() == "sqlite":
            database = cls._open_sqlite(Path(url.database or ""), create=create)
        else:
            engine = create_engine(url, pool_pre_ping=True, json_serializer=_to_json)
            whole = url.render_as_string(hide_password=False)
            database = cls(shown_url(whole), whole, engine)
        try:
            database._prepare(create=create)
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def _open_sqlite(cls, path: Path, *, create: bool) -> Self:
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                raise StoreError(f"{path}: no such store; `netspace run` creates one")
            if path.exists() and _first_bytes(path) not in (b"", _SQLITE_MAGIC):
                raise StoreError(f"{path}: this is not an SQLite database; choose another store")
        except OSError as error:
            reason = first_line(error)
            raise StoreError(f"{path}: cannot open the file as a store ({reason}); choose a writable file") from error
        path = path.absolute()
        read_only = not create and _can_only_be_read(path)
        if read_only:
            # each transaction has a connection of its own: whether a driver writes elsewhere may change in between
            engine = create_engine(
                "sqlite://", creator=lambda: _connect_read_only(path), poolclass=NullPool, json_serializer=_to_json
            )
        else:
            engine = create_engine(
                URL.create("sqlite", database=str(path)),
                connect_args={"timeout": BUSY_SECONDS},
                json_serializer=_to_json,
            )
        database = cls(str(path), str(path), engine)
        database.read_only = read_only
        event.listen(engine, "do_connect", lambda *_: database._check_place())
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state of the database on SQLite.

        Raises:
            StoreError: the database refuses, or its file is not the one any more that was opened.
        """
        self._check_place()
        with self._errors_in_one_line(), self._sound(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Connection]:
        """A transaction that writes all or nothing; with `alone`, no other such transaction runs at the same time.

        Raises:
            StoreError: as for `read`. Where a file has gone, what was written is in the copy that the message names.
        """
        if self.version < SCHEMA_VERSION:
            self._migrate()
        with self._errors_in_one_line(), self._sound(), self._writer.begin() as connection:
            if alone and self._engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            yield connection
        self._wrote = self._file is not None  # once it is prepared
        # only now: a file that was deleted can be written as long as it is open, and be copied with what was written
        self._check_place()

    def _check_place(self) -> None:
        """Raise if the file is gone or another one; what this process has written is then kept in a copy beside it."""
        if self._file is None or (self._gone is None and _identity(Path(self.where)) == self._file):
            return
        if self._gone is None:
            what = "replaced by another file" if Path(self.where).exists() else "deleted"
            self._gone = f"{self.where}: the store was {what} while it was in use"
            if self._wrote:
                self._gone += f"; {self._keep_copy()}"
        raise StoreError(self._gone)

    def _keep_copy(self) -> str:
        """Copy the database that has lost its place; return in words where to."""
        path = Path(self.where)
        try:
            copy = _new_file(path, "kept")
            self._copy_to(copy)
        except (OSError, StoreError) as error:
            return f"its results could not be kept ({first_line(error)})"
        return f"its results are kept in {copy}: move that file to {path} and run the same command again"

    def columns(self, table: Table) -> list[ColumnElement[Any]]:
        """Return the columns of a table for a query; one that the store does not have yet is a constant."""
        return [
            column
            if column.info.get("since", 1) <= self.version
            else cast(column.info["before"], column.type).label(column.name)
            for column in table.columns
        ]

    def _migrate(self) -> None:
        """Bring the tables to the present version, all or nothing; of a file, a copy from before is kept beside it.

        Raises:
            StoreError: the copy or the tables cannot be written; the store is then as it was.
        """
        with self._errors_in_one_line(), self._writer.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            version = connection.execute(select(meta.c.schema_version)).scalar_one()
            if version < SCHEMA_VERSION:  # or else another process was faster
                if self._engine.dialect.name == "sqlite":
                    self._copy_to(_new_file(Path(self.where), f"schema-{version}"))
                migrate(connection, version)
                connection.execute(update(meta).values(schema_version=SCHEMA_VERSION, netspace_version=__version__))
        self.version = SCHEMA_VERSION

    def _copy_to(self, copy: Path) -> None:
        """Copy the database, as it is without what a transaction has not yet committed, into an empty file.

        Raises:
            StoreError: it cannot be written, and is removed.
        """
        connection = self._engine.raw_connection()
        try:
            with closing(sqlite3.connect(copy)) as target:
                connection.driver_connection.backup(target)  # type: ignore[union-attr]  # one of SQLite's
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                copy.unlink()
            raise StoreError(f"{copy}: the store could not be copied ({first_line(error)})") from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _prepare(self, *, create: bool) -> None:
        """Make the tables of an empty database, check those of any other, and alter nothing that is not ours."""
        with self.read() if self.read_only else self.write(alone=True) as connection:
            inspector = inspect(connection)
            tables = inspector.get_table_names()
            if not tables and create:
                metadata.create_all(connection)
                connection.execute(
                    insert(meta).values(schema_version=SCHEMA_VERSION, netspace_version=__version__, created=Now())
                )
            elif not tables:
                raise StoreError(f"{self.where}: there is no store in it yet; `netspace run` creates one")
            else:
                is_ours = "meta" in tables and "schema_version" in {c["name"] for c in inspector.get_columns("meta")}
                self._check_version(connection if is_ours else None)
                if not self.read_only:
                    pools.create(connection, checkfirst=True)  # which a store made before there were pools lacks
        if self.read_only:
            self._file = _identity(Path(self.where))
        elif self._engine.dialect.name == "sqlite":
            with self._errors_in_one_line():
                self._use_write_ahead_log()
            self._file = _identity(Path(self.where))

    def _check_version(self, connection: Connection | None) -> None:
        row = connection.execute(select(meta.c.schema_version, meta.c.netspace_version)).first() if connection else None
        if row is None:
            raise StoreError(f"{self.where}: its tables are not those of a netspace store; choose another store")
        if row.schema_version > SCHEMA_VERSION:
            writer = f"netspace=={row.netspace_version}"
            raise StoreError(
                f"{self.where}: its schema is version {row.schema_version}, written by {writer}, but this netspace "
                f"({__version__}) uses {SCHEMA_VERSION}; upgrade: uv pip install '{writer}'; or choose another store"
            )
        self.version = row.schema_version

    def _use_write_ahead_log(self) -> None:
        """Let readers go on while a driver writes; kept in the file, and only possible outside a transaction."""
        connection = self._engine.raw_connection()
        patience = time.monotonic() + BUSY_SECONDS
        try:
            while True:
                try:
                    connection.cursor().execute("PRAGMA journal_mode = WAL")
                    return
                except sqlite3.OperationalError as error:
                    # SQLite does not wait here by itself if two processes create the same file at once
                    if "locked" not in str(error) or time.monotonic() > patience:
                        raise
                    time.sleep(0.02)
        finally:
            connection.close()

    @contextmanager
    def _errors_in_one_line(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = (error.orig or error) if isinstance(error, DBAPIError) else error
            reason = first_line(cause)
            advice = next((text for sign, text in _ADVICE.items() if sign in reason), reason)
            kind = StoreUnreachableError if _is_unreachable(error) else StoreError
            raise kind(f"{self.where}: {advice}") from error

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Tell of values that are not what the tables' columns hold: somebody else has written them, or a disk."""
        try:
            yield
        except (NetspaceError, SQLAlchemyError, sqlite3.Error):
            raise
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            ArithmeticError,
            RecursionError,
            zlib.error,
        ) as error:
            raise StoreError(
                f"{self.where}: a value in it, or for it, is of the wrong type ({_said(error)}); if it was not "
                "changed by hand, the database is damaged: restore it from a copy"
            ) from error


def _said(error: Exception) -> str:
    """Return what is wrong with a value in a line, of pydantic's report the first key and its complaint."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return one_line(f"{error.title}: {'.'.join(map(str, first['loc']))}: {first['msg']}", 200)
    return first_line(error)


def is_sqlite(path: Path) -> bool:
    """Return whether there is an SQLite database at `path`, whatever it holds."""
    try:
        return _first_bytes(path) == _SQLITE_MAGIC
    except OSError:
        return False


def _can_only_be_read(path: Path) -> bool:
    """Return whether a file, or the folder of the files that SQLite needs beside it, cannot be written."""
    effective = os.access in os.supports_effective_ids
    return not all(os.access(place, os.W_OK, effective_ids=effective) for place in (path, path.parent))


def _connect_read_only(path: Path) -> sqlite3.Connection:
    """Return a connection that needs to write nothing.

    While a driver writes the file by another way (a mount that can be written), what it has not yet put into it is read
    from its log; without such a log nothing changes, and SQLite need not find any file of its own beside it.
    """
    log = path.with_name(f"{path.name}-wal")
    try:
        resting = log.stat().st_size == 0
    except OSError:
        resting = True
    mode = "immutable=1" if resting else "mode=ro"
    place = f"file:{quote(str(path))}?{mode}"
    return sqlite3.connect(place, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from any other, or None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _new_file(path: Path, mark: str) -> Path:
    """Return the path of a new, empty file beside `path`, or for temporary files if its folder has gone too."""
    folder = path.parent if path.parent.is_dir() else Path(tempfile.gettempdir())
    for number in count(1):
        copy = folder / f"{path.stem}.{mark}-{number}{path.suffix}"
        with suppress(FileExistsError):
            copy.touch(exist_ok=False)
            return copy
    raise AssertionError("numbers do not end")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_SQLITE_MAGIC))


def _is_unreachable(error: Exception) -> bool:
    """Return whether a server did not answer or broke off, or a file is locked, rather than refused the request."""
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return "is locked" in str(error.orig)
    # https://www.postgresql.org/docs/current/errcodes-appendix.html: connection exceptions, and a server that shuts
    # down or starts; without a code the server did not even answer
    code = getattr(error.orig, "sqlstate", None)
    return code is None or code.startswith(("08", "57P"))


def _resolve(target: str | Path) -> URL:
    """Return the SQLAlchemy URL of a path or URL, with the driver that we support."""
    if "://" not in str(target):
        return URL.create("sqlite", database=str(Path(target).expanduser()))
    try:
        url = make_url(str(target))
    except (ArgumentError, ValueError):  # a port that is no number, for one
        raise StoreError("the store's URL cannot be read; valid: postgresql://USER:PASSWORD@HOST/DATABASE") from None
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise_unknown("store", f"{backend}://", ["sqlite://", "postgresql://"])
    if backend == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise StoreError(f"{target}: a store in memory would be lost; name a file: sqlite:///PATH")
        return url
    if find_spec("psycopg") is None:
        raise MissingExtraError("postgres", "a PostgreSQL store")
    return url.set(drivername="postgresql+psycopg")


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions late; _begin_sqlite begins them
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # a transaction that reads first and writes later fails at once, without waiting, if another wrote in between
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _to_json(value: Any) -> str:
    """Return `value` as JSON that every database takes: numpy values as plain ones, NaN and infinities as null."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(plain(value), allow_nan=False)
