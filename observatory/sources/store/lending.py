"""Lending: the process that owns a store answers the questions of others, so that many may read while one writes.

DuckDB gives a file to one process. The owner listens on a socket beside the file, `<store>.sock`, which only its user
may open; another process that wants to read asks there, and is answered from the state committed last, by the threads
of the owner. Nothing can be written in this way.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import TracebackType

from observatory.errors import Problem, ProblemsError
from observatory.sources.store import wire
from observatory.sources.store.store import Store

log = logging.getLogger("observatory.store")
QUESTIONS = frozenset(
    {
        "clamped_hops",
        "contents",
        "count_hops",
        "count_messages",
        "destinations",
        "earliest_ms",
        "hop_latencies",
        "inventory",
        "marks",
        "metric_names",
        "oldest_ms",
        "sample_traces",
        "samples",
        "samples_together",
        "span_count",
        "span_presence",
        "trace",
        "visits",
        "writes",
    }
)
"""Methods of a store that may be asked for from outside: none of them changes anything."""
MOST_QUESTION_BYTES = 64 << 20
_LONGEST_ADDRESS = 100
"""The system takes a few more bytes as the address of a socket, not a path of any length."""


class Lending:
    """Answers others about a store, while the block it stands around lasts; without a file there is nobody to ask."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._path = socket_of(store.path) if store is not None and store.path is not None else None
        self._listener: socket.socket | None = None

    def __enter__(self) -> Lending:
        if self._path is not None and hasattr(socket, "AF_UNIX"):
            try:
                # Who owns the file owns this name too: what lies there is of a process that died.
                self._path.unlink(missing_ok=True)
                self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                with address_of(self._path) as address:
                    self._listener.bind(address)
                self._path.chmod(0o600)
                self._listener.listen(16)
            except OSError as error:
                log.warning("other processes cannot read this store while it is in use: %s", error.strerror or error)
                self._stop()
            else:
                Thread(target=self._accept, args=(self._listener,), name="observatory-lending", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(connection,), name="observatory-lent", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if not _is_ours(connection):
                return
            while (question := wire.receive(connection, MOST_QUESTION_BYTES)) is not None:
                wire.send(connection, self._answer(question))

    def _answer(self, question: object) -> dict[str, object]:
        match question:
            case {"ask": str() as name, "with": list() as arguments} if name in QUESTIONS:
                try:
                    return {"answer": getattr(self._store, name)(*arguments)}
                except ProblemsError as error:
                    return {"problems": error.problems}
                except (TypeError, ValueError, AttributeError) as error:
                    return {"problems": [_not_understood(str(error))]}
        return {"problems": [_not_understood("there is no such question")]}


def _not_understood(why: str) -> Problem:
    return Problem(
        code="store-read-failed",
        message=f"the process that owns the store does not understand the question: {why}",
        hint="are both of one version of Observatory?",
    )


def socket_of(path: Path) -> Path:
    """Where the owner of a store listens."""
    return path.with_name(f"{path.name}.sock")


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """The address of a socket, however long its path is."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _is_ours(connection: socket.socket) -> bool:
    """Whether the other side runs as our user, or as root; where the system does not tell, the file's mode decides."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    form = struct.Struct("3i")
    _, user, _ = form.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size))
    return user in (os.getuid(), 0)
