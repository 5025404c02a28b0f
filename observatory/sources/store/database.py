"""One DuckDB file, one owner: opening, locking, transactions, and errors that say what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from observatory.errors import Problem, SourceFailed
from observatory.sources.store.schema import STEPS, VERSION

CONFIGURATION = {
    # A label value or an attribute never becomes a path, an extension or a Python variable.
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
DAMAGED = ("Corrupt database file", "Could not read enough bytes")
"""What the engine says of a block that is not as it was written, or not there."""
DAMAGED_HINT = "the file is damaged: bring back a copy of it, or begin a new one"
PATIENCE_SECONDS = 3.0
"""How long is waited for another process to let go of the file."""
_open_files: set[Path] = set()
_open_files_lock = threading.Lock()


class Database:
    """A connection for the writer, and short-lived cursors for readers of any thread."""

    def __init__(self, path: Path | None, *, read_only: bool) -> None:
        """Open or create the file; None keeps everything in memory.

        Raises:
            SourceFailed: `store-locked` when a process has it open, `store-missing` when it is to be read and does not
                exist, `store-newer` when a later version wrote it, `store-unreadable` for everything else.
        """
        self.path = path
        self.read_only = read_only
        self._write_lock = threading.RLock()
        self._claimed: Path | None = None
        self._transaction: duckdb.DuckDBPyConnection | None = None
        if path is not None:
            self._claim(path, read_only)
        try:
            self._connection = self._connect(read_only)
            self._check()
        except BaseException:
            self._release()
            raise

    def _claim(self, path: Path, read_only: bool) -> None:
        if read_only and not path.exists():
            raise SourceFailed(self.problem("store-missing", "there is no such store", "create it: observatory ingest"))
        resolved = path.resolve()
        with _open_files_lock:
            if resolved in _open_files:
                raise SourceFailed(self._locked("this process has it open already"))
            _open_files.add(resolved)
        self._claimed = resolved

    def _release(self) -> None:
        if self._claimed is not None:
            with _open_files_lock:
                _open_files.discard(self._claimed)
            self._claimed = None

    def _connect(self, read_only: bool) -> duckdb.DuckDBPyConnection:
        where = str(self.path) if self.path is not None else ":memory:"
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._connect_once(where, read_only)
            except SourceFailed as error:
                # A command that reads or ingests has it for a moment only.
                if error.problems[0].code != "store-locked" or time.monotonic() > give_up:
                    raise
                time.sleep(0.05)

    def _connect_once(self, where: str, read_only: bool) -> duckdb.DuckDBPyConnection:
        try:
            while True:
                before = _identity(self.path)
                connection = duckdb.connect(where, read_only=read_only, config=CONFIGURATION)
                if before in (None, _identity(self.path)):
                    return connection
                # A compaction put another file in its place meanwhile; what is open belongs to nobody any more.
                connection.close()
        except duckdb.Error as error:
            text = str(error).splitlines()[0]
            if "could not set lock" in text.lower() or "conflicting lock" in text.lower():
                raise SourceFailed(self._locked("another process has it open")) from error
            hint = "name a file that Observatory made"
            if "Cannot open file" in text:
                hint = "is the folder there, and yours to write?"
            raise SourceFailed(self.problem("store-unreadable", f"the store cannot be opened: {text}", hint)) from error

    def _locked(self, why: str) -> Problem:
        hint = "one process owns the file: stop the other one, or send telemetry to its OTLP receiver"
        if self.read_only:
            hint = "observatory serve and demo let others read; whatever has it open now does not: wait for it to end"
        return self.problem("store-locked", f"the store is in use: {why}", hint)

    def _check(self) -> None:
        """Bring the file to the present version; where that is not possible it is not open."""
        try:
            self._upgrade()
        except BaseException:
            self._connection.close()
            raise

    def _upgrade(self) -> None:
        cursor = self._connection
        try:
            tables = {row[0] for row in cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
            found = 0
            if "store_version" in tables:
                found = int(cursor.execute("SELECT max(version) FROM store_version").fetchall()[0][0])
            elif tables:
                raise SourceFailed(
                    self.problem(
                        "store-unreadable",
                        "the file is a DuckDB database, but not a store of Observatory",
                        "name another file; this one is left as it is",
                    )
                )
            if found > VERSION:
                raise SourceFailed(
                    self.problem(
                        "store-newer",
                        f"the store has version {found}, and this Observatory knows up to {VERSION}",
                        "use the Observatory that wrote it, or a later one",
                    )
                )
            if found < VERSION:
                self._run_steps(found)
        except duckdb.Error as error:
            raise SourceFailed(
                self.problem("store-unreadable", f"the store cannot be read: {str(error).splitlines()[0]}")
            ) from error

    def _run_steps(self, found: int) -> None:
        if not self.read_only:
            self._write_steps(found)
            return
        # A reader brings an older file up to date first, where it may.
        self._connection.close()
        try:
            self._connection = self._connect(read_only=False)
            self._write_steps(found)
        except (duckdb.Error, SourceFailed) as error:
            raise SourceFailed(
                self.problem(
                    "store-unreadable",
                    f"the store has version {found} and {VERSION} is needed, which a reader cannot change",
                    "open it once for writing, for example with observatory ingest",
                )
            ) from error
        self._connection.close()
        self._connection = self._connect(read_only=True)

    def _write_steps(self, found: int) -> None:
        self._connection.execute("BEGIN")
        self._connection.execute("CREATE TABLE IF NOT EXISTS store_version (version INTEGER NOT NULL)")
        for version in range(found, VERSION):
            self._connection.execute(STEPS[version])
            self._connection.execute("INSERT INTO store_version VALUES (?)", [version + 1])
        self._connection.execute("COMMIT")

    def problem(self, code: str, message: str, hint: str | None = None) -> Problem:
        """A finding about this file."""
        return Problem(code=code, message=message, hint=hint, url=str(self.path) if self.path else "store in memory")

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own, on the state committed last when the block began; safe in any thread.

        Raises:
            SourceFailed: `store-read-failed`; the statement could not be answered.
        """
        try:
            # Several statements, one snapshot: between two of them a compaction may move what they look for.
            cursor = self._begun()
            try:
                yield cursor
            finally:
                cursor.close()
        except duckdb.Error as error:
            text = str(error).splitlines()[0]
            hint = DAMAGED_HINT if any(word in text for word in DAMAGED) else None
            raise SourceFailed(
                self.problem("store-read-failed", f"the store could not answer: {text}", hint)
            ) from error

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction: committed as a whole at the end of the outermost block, or not at all.

        Raises:
            SourceFailed: `store-write-failed`; nothing of the transaction was kept.
        """
        with self._write_lock:
            if self._transaction is not None:
                yield self._transaction
                return
            try:
                cursor = self._begun()
                try:
                    self._transaction = cursor
                    try:
                        yield cursor
                    except BaseException:
                        # The engine may have given the transaction up already; the first error is the one to tell.
                        with suppress(duckdb.Error):
                            cursor.execute("ROLLBACK")
                        raise
                    finally:
                        self._transaction = None
                    cursor.execute("COMMIT")
                finally:
                    cursor.close()
            except duckdb.Error as error:
                text = str(error).splitlines()[0]
                hint = "open it without read_only" if self.read_only else "is the disk full, or the folder read-only?"
                raise SourceFailed(self.problem("store-write-failed", f"nothing was written: {text}", hint)) from error

    def _begun(self) -> duckdb.DuckDBPyConnection:
        """A cursor in a transaction of its own.

        When a checkpoint finds no room the engine gives up its memory of the file, for good, and answers nothing any
        more. The file is whole, and is opened anew.
        """
        connection = self._connection
        try:
            return _transaction(connection)
        except (duckdb.FatalException, duckdb.ConnectionException):
            if self.path is None:
                raise
            self._open_anew(connection)
            return _transaction(self._connection)

    def _open_anew(self, broken: duckdb.DuckDBPyConnection) -> None:
        with self._write_lock:
            if self._connection is not broken or self._claimed is None:
                return  # Another thread did it, or the store was closed.
            broken.close()
            give_up = time.monotonic() + PATIENCE_SECONDS
            while True:
                self._connection = self._connect(self.read_only)
                try:
                    self._connection.execute("SELECT 1")
                    break
                except duckdb.FatalException:
                    # What was given up lives on while other threads hold cursors of it, which are about to fail.
                    self._connection.close()
                    if time.monotonic() > give_up:
                        raise
                    time.sleep(0.01)
            self._check()

    def checkpoint(self) -> None:
        """Write everything into the file itself, and free what was removed."""
        if self.path is None or self.read_only:
            return
        with self._write_lock, suppress(duckdb.Error):
            # While somebody reads an older state it cannot be done; the next one will.
            self._connection.execute("CHECKPOINT")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other writers out, over a transaction and the memory that mirrors it."""
        with self._write_lock:
            yield

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._write_lock:
            self._connection.close()
            self._release()


def _transaction(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    cursor = connection.cursor()
    try:
        cursor.execute("BEGIN")
    except BaseException:
        cursor.close()
        raise
    return cursor


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file has this name; None where there is none."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None


@contextmanager
def registered(cursor: duckdb.DuckDBPyConnection, tables: Mapping[str, Any]) -> Iterator[None]:
    """Arrow tables under a name, for the statements inside the block."""
    for name, table in tables.items():
        cursor.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            cursor.unregister(name)
