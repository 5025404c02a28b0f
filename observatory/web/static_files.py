"""Scripts, styles and drawings on the wire: compressed once, known to browsers by a hash of their content.

The first who asks gets a quick compression; a better one is made in the background and given to all who come later.
Files do not change while a server runs, so what is kept is bounded by what is installed.
"""

from __future__ import annotations

import gzip
import hashlib
from queue import SimpleQueue
from threading import Lock, Thread

import cramjam
from flask import Flask, Response, request

from observatory.web.heap import give_back

FOLDERS = ("/assets/", "/_dash-component-suites/")
TYPES = ("text/", "application/javascript", "application/json", "image/svg+xml")
SMALLEST = 500
QUICK, BETTER = 5, 9
"""Brotli's qualities. The better one takes three times as long and saves a twentieth. The best, 11, takes ten times as
long again to save a twelfth, in the seconds in which a server that starts anew counts its first numbers."""


def compressed(body: bytes, name: str, *, better: bool = False) -> bytes:
    """A body as `br` or `gzip`."""
    if name == "br":
        return bytes(cramjam.brotli.compress(body, level=BETTER if better else QUICK))
    return gzip.compress(body, 9 if better else 6, mtime=0)


def encoding() -> str:
    """The smallest encoding that the browser takes: `br`, `gzip`, or none."""
    return next((one for one in ("br", "gzip") if request.accept_encodings.quality(one) > 0), "")


class StaticFiles:
    """The files that a server has sent, compressed."""

    def __init__(self, server: Flask) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}
        self._lock = Lock()
        self._better: SimpleQueue[tuple[tuple[str, str], bytes]] = SimpleQueue()
        self._worker: Thread | None = None
        server.after_request(self._after)

    def _after(self, response: Response) -> Response:
        if (
            request.method != "GET"
            or response.status_code != 200
            or not request.path.startswith(FOLDERS)
            or not (response.content_type or "").startswith(TYPES)
        ):
            return response
        response.direct_passthrough = False
        body = response.get_data()
        digest = hashlib.sha256(body).hexdigest()
        name = encoding() if len(body) >= SMALLEST else ""
        if name:
            response.set_data(self._compressed((digest, name), body))
            response.headers["Content-Encoding"] = name
        response.vary.add("Accept-Encoding")
        response.set_etag(digest[:32], weak=True)
        response.make_conditional(request)
        return response

    def _compressed(self, key: tuple[str, str], body: bytes) -> bytes:
        known = self._kept.get(key)
        if known is not None:
            return known
        quick = compressed(body, key[1])
        with self._lock:
            if key not in self._kept:
                self._kept[key] = quick
                self._better.put((key, body))
                if self._worker is None:
                    self._worker = Thread(target=self._improve, name="observatory-compression", daemon=True)
                    self._worker.start()
        return quick

    def _improve(self) -> None:
        while True:
            key, body = self._better.get()
            smaller = compressed(body, key[1], better=True)
            if len(smaller) < len(self._kept[key]):
                self._kept[key] = smaller
            if self._better.empty():
                give_back()
