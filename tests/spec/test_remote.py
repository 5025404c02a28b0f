"""References to web addresses: refused unless they are allowed, and bounded when they are."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.spec.load import load_catalog
from observatory.spec.remote import _read, fetch

HEAD = "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"


class Pages(BaseHTTPRequestHandler):
    """Two documents that refer to each other, a redirect to a file, and a page that is none."""

    def do_GET(self) -> None:
        pages = {
            "/channels.yaml": "orders: {$ref: 'parts/orders.yaml'}\n",
            "/parts/orders.yaml": "address: remote.orders\n",
            "/latin.yaml": "a: caf\xe9\n",
        }
        if self.path == "/redirect.yaml":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/nonsense.yaml":
            self.wfile.write(b"this is no HTTP\r\n\r\n")
        elif self.path == "/cut.yaml":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"a: 1\n")
        elif self.path in pages:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pages[self.path].encode("latin-1"))
        else:
            self.send_error(404)

    def log_message(self, *_arguments: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def server(socket_enabled: None) -> Iterator[str]:
    web = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}"
    web.shutdown()
    web.server_close()


def document(folder: Path, reference: str) -> Path:
    path = folder / "doc.yaml"
    path.write_text(HEAD + f"channels: {{orders: {{$ref: '{reference}'}}}}\n", encoding="utf-8")
    return path


def test_an_allowed_reference_is_fetched_and_leads_on(server: str, tmp_path: Path) -> None:
    catalog = load_catalog([document(tmp_path, f"{server}/channels.yaml#/orders")], allow_remote=True)
    assert catalog.problems == ()
    assert [channel.address for channel in catalog.channels] == ["remote.orders"]
    assert str(catalog.channels[0].names[0].location) == f"{server}/parts/orders.yaml:1:10"


def test_a_reference_that_is_not_allowed_asks_nobody(tmp_path: Path) -> None:
    catalog = load_catalog([document(tmp_path, "http://127.0.0.1:1/channels.yaml")])
    assert [problem.code for problem in catalog.problems] == ["reference-remote"]


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("/redirect.yaml", "reference-file-missing"),
        ("/missing.yaml", "reference-file-missing"),
        ("/latin.yaml", "reference-file-missing"),
        ("/nonsense.yaml", "reference-file-missing"),
        ("/cut.yaml", "reference-file-missing"),
        ("/a b.yaml", "reference-file-missing"),
    ],
)
def test_what_cannot_be_fetched_is_a_problem(server: str, tmp_path: Path, page: str, code: str) -> None:
    catalog = load_catalog([document(tmp_path, server + page)], allow_remote=True)
    (problem,) = catalog.problems
    assert (problem.code, problem.location and problem.location.line) == (code, 3)


def test_only_web_addresses_are_fetched() -> None:
    with pytest.raises(InputInvalid, match="neither a file nor a web address"):
        fetch("file:///etc/passwd")


class Dripping:
    """An answer that never ends and is never silent."""

    def read1(self, _size: int) -> bytes:
        return b"x"


def test_an_answer_that_drips_ends_after_its_whole_time() -> None:
    seconds = itertools.count(step=7.0)
    with pytest.raises(TimeoutError, match="takes longer than 60 s"):
        _read(Dripping(), lambda: next(seconds))  # type: ignore[arg-type]
