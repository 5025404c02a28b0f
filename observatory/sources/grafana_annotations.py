"""Annotations of a Grafana: what happened when, as people and pipelines wrote it down there.

`GET /api/annotations` answers with those that carry all the tags asked for, the newest first. Answers are bounded in
length and in time, for pages wait for them; after a failure the server is left alone for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import orjson
from msgspec import Struct

from observatory.errors import SourceFailed
from observatory.settings.deploys import DeployAnnotations
from observatory.sources.prometheus import failures
from observatory.sources.prometheus.session import Session
from observatory.windows import TimeRange

PATH = "/api/annotations"
MOST = 200
MOST_BYTES = 4 << 20
MOST_TAGS = 50
REST_SECONDS = 60.0


class Annotation(Struct, frozen=True):
    """One annotation.

    Attributes:
        at_ms: When it begins.
        text: On one line, printable, cut to 300 characters.
    """

    at_ms: int
    text: str
    tags: tuple[str, ...]


class GrafanaAnnotations:
    """One Grafana, asked for annotations with some tags.

    Args:
        steady: Seconds that only ever grow.
    """

    def __init__(self, settings: DeployAnnotations, *, steady: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._session = Session(settings.url, settings.headers, settings.timeout_seconds)
        self._steady = steady
        self._failed: tuple[float, SourceFailed] | None = None
        self._lock = Lock()

    def annotations(self, span: TimeRange) -> tuple[Annotation, ...]:
        """Annotations that begin in (start, end], 200 of the newest at most.

        Raises:
            SourceFailed: It did not answer, or refused, or answered something else; or did so less than a minute ago.
        """
        with self._lock:
            if self._failed is not None and self._steady() - self._failed[0] < REST_SECONDS:
                raise self._failed[1]
            try:
                found = tuple(_read(self._asked(span), self.settings.url))
            except SourceFailed as error:
                self._failed = self._steady(), error
                raise
            self._failed = None
        return tuple(one for one in found if span.start_ms < one.at_ms <= span.end_ms)

    def _asked(self, span: TimeRange) -> bytes:
        settings = self.settings
        until = self._steady() + settings.timeout_seconds
        params: list[tuple[str, str | int]] = [
            ("from", span.start_ms),
            ("to", span.end_ms),
            ("type", "annotation"),
            ("limit", MOST),
        ]
        params += [("tags", tag) for tag in settings.tags]
        held = bytearray()
        with self._session.open(
            "GET", settings.url + PATH, params=params, limit_bytes=MOST_BYTES, any_status=True
        ) as answer:
            for piece in answer.pieces():
                held += piece
                if self._steady() > until:
                    raise failures.of_exception(TimeoutError(), settings.url, settings.timeout_seconds)
            if answer.status != 200:
                raise _refused(answer.status, settings.url)
            if "json" not in answer.content_type:
                raise _refused(answer.status, settings.url, "it is no JSON: perhaps the page on which people log in")
        return bytes(held)


def _read(body: bytes, url: str) -> Iterator[Annotation]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _refused(200, url, "it is no JSON") from None
    if not isinstance(data, list):
        raise _refused(200, url, "it is no list of annotations")
    for one in data[:MOST]:
        at_ms = one.get("time") if isinstance(one, dict) else None
        if isinstance(at_ms, int) and not isinstance(at_ms, bool):
            yield Annotation(at_ms, failures.shown(_text(one.get("text"))), tuple(_tags(one.get("tags"))))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _tags(value: Any) -> Iterator[str]:
    for one in (value if isinstance(value, list) else [])[:MOST_TAGS]:
        if isinstance(one, str) and (clean := failures.shown(one)):
            yield clean


def _refused(status: int, url: str, detail: str = "") -> SourceFailed:
    hints = {
        401: "give a service account's token: token: $GRAFANA_TOKEN, or token: @file",
        403: "the service account needs the right to read annotations: the role Viewer has it",
        404: "the address is Grafana's own, with its sub-path where it has one, and without /api",
    }
    message = f"Grafana answers {PATH} with {status}{f': {detail}' if detail else ''}"
    hint = hints.get(status, "check that the address under deploys is that of a Grafana")
    return failures.failed("annotations-refused", message, url, hint)
