"""ClickHouse's HTTP interface over chDB, the newest engine in this process, for statements that a test makes.

chDB is a quarter of a gigabyte and not among the packages of the tests: `pip install chdb` runs what asks for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


@contextmanager
def start(folder: Path) -> Iterator[str]:
    """The address of a server; the test is not run where chDB is not installed."""
    try:
        from chdb import session
    except ImportError:
        pytest.skip("not run here: the newest ClickHouse needs `pip install chdb`")
    folder.mkdir()
    engine, lock = session.Session(str(folder / "data")), threading.Lock()

    class Interface(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with lock:
                code, answer = _run(engine, asked["query"][0], body, folder / "body")
            self.send_response(code)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Interface)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        engine.close()


def _run(engine: Any, statement: str, body: bytes, file: Path) -> tuple[int, bytes]:
    """Rows that follow an INSERT come from a file, for a query of chDB has no body."""
    head, form = statement.rsplit(" FORMAT ", 1) if " FORMAT " in statement else (statement, "TabSeparated")
    try:
        if head.startswith("INSERT") and body:
            file.write_bytes(body)
            return 200, engine.query(f"{head} FROM INFILE '{file}' FORMAT {form}").bytes()
        return 200, engine.query(head, form).bytes()
    except RuntimeError as error:
        return 500, str(error).encode()
