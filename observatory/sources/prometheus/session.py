"""The HTTP session: the only place where bytes from a server of metrics come in.

It is a `requests.Session`, so prometheus-api-client works through it and gets the same protection as the bulk
transfers: time limits for silence and for the whole, a limit for the length, no redirect to another host, and every
failure turned into a `SourceFailed` with its own code. Answers are asked for uncompressed, because gzip costs a
Prometheus server three to eight times the plain answer.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from observatory.errors import SourceFailed
from observatory.sources.prometheus import failures

CONNECT_SECONDS = 10.0
WHOLE_ANSWER_FACTOR = 10
BULK_LIMIT_BYTES = 1 << 30
SMALL_LIMIT_BYTES = 64 << 20
ERROR_LIMIT_BYTES = 1 << 16
PIECE_BYTES = 1 << 20
REDIRECTS = 3
CONNECT_PAUSES = (0.2, 0.4)
"""Seconds before the second and the third attempt to connect."""


class Answer:
    """One HTTP answer of which the head has arrived and the body has not."""

    def __init__(self, response: requests.Response, url: str, limit_bytes: int, timeout_seconds: float) -> None:
        self.response = response
        self.url = url
        self._limit = limit_bytes
        self._timeout = timeout_seconds
        self._deadline = time.monotonic() + WHOLE_ANSWER_FACTOR * timeout_seconds

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def content_type(self) -> str:
        return str(self.response.headers.get("Content-Type", "")).lower()

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives, content encoding undone.

        Raises:
            SourceFailed: Too long, too slow, or cut off.
        """
        seen = 0
        # An answer that is not encoded, as it was asked for, needs no decoder to pass through, piece by piece.
        encoded = "Content-Encoding" in self.response.headers
        try:
            while piece := self.response.raw.read1(PIECE_BYTES, decode_content=encoded):
                seen += len(piece)
                if seen > self._limit:
                    raise failures.too_large(self._limit, self.url)
                if time.monotonic() > self._deadline:
                    raise failures.of_exception(TimeoutError(), self.url, WHOLE_ANSWER_FACTOR * self._timeout)
                yield piece
        except (urllib3.exceptions.HTTPError, requests.RequestException, OSError) as error:
            raise failures.of_exception(error, self.url, self._timeout) from error

    def body(self) -> bytearray:
        """The whole body."""
        held = bytearray()
        for piece in self.pieces():
            held += piece
        return held

    def close(self) -> None:
        """Give the connection back; a half-read one is closed."""
        self.response.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _AsConfigured(AuthBase):
    """No credentials but those of the headers; without this, an entry in ~/.netrc would replace them."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class Session(requests.Session):
    """Connections to one server, shared by all threads.

    Warnings that answers carry are kept per thread until `take_warnings` fetches them.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout_seconds: float) -> None:
        super().__init__()
        self._base = url
        self._timeout = timeout_seconds
        self._heard = threading.local()
        self.headers.update({"Accept-Encoding": "identity", "User-Agent": "asyncapi-observatory"})
        self.headers.update(headers)
        self.auth = _AsConfigured()
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=no_retries(), pool_maxsize=16))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """A whole answer, checked to be a success object of the API; this is what prometheus-api-client calls.

        Raises:
            SourceFailed: Any other answer, or none.
        """
        del args
        word, address = _text(method), _text(url)
        with self.open(word, address, params=options.get("params"), data=options.get("data")) as answer:
            body = bytes(answer.body())
        if "/api/v1/" in address:
            self.hear(_success(body, answer))
        answer.response.raw = io.BytesIO(body)
        return answer.response

    def open(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int = SMALL_LIMIT_BYTES,
        any_status: bool = False,
    ) -> Answer:
        """An answer whose body is still to be read; its status is 200 unless `any_status`.

        Raises:
            SourceFailed: No connection, a redirect to another host, or a status that is no success.
        """
        for _ in range(REDIRECTS):
            response = self._send(method, url, params, data, headers)
            answer = Answer(response, url, limit_bytes, self._timeout)
            target = response.headers.get("Location") if response.is_redirect else None
            if target is None:
                break
            target = urljoin(url, target)
            answer.close()
            if _origin(target) != _origin(url) or method != "GET":
                raise failures.redirected(target, url)
            url, params = target, None
        else:
            raise failures.redirected(url, url)
        if answer.status != 200 and not any_status:
            with answer:
                raise failures.of_status(answer.status, beginning(answer), answer.content_type, url)
        return answer

    def _send(
        self, method: str, url: str, params: Any, data: Any, headers: Mapping[str, str] | None
    ) -> requests.Response:
        """Send a request; a GET that found no open port is tried again, what reached a server never is."""
        for pause in (*CONNECT_PAUSES, None):
            try:
                return super().request(
                    method,
                    url,
                    params=params,
                    data=data,
                    headers=dict(headers or {}),
                    stream=True,
                    allow_redirects=False,
                    timeout=(min(CONNECT_SECONDS, self._timeout), self._timeout),
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
                failure = failures.of_exception(error, url, self._timeout)
            if pause is None or method != "GET" or failure.problems[0].code != "source-refused":
                break
            time.sleep(pause)
        raise failure

    def hear(self, warnings: list[str]) -> None:
        """Remember what an answer warned of."""
        self._warnings().extend(warnings)

    def take_warnings(self) -> list[str]:
        """What the answers to this thread's requests warned of since the last call, without repeats."""
        taken = list(dict.fromkeys(self._warnings()))
        self._warnings().clear()
        return taken

    def _warnings(self) -> list[str]:
        if not hasattr(self._heard, "warnings"):
            self._heard.warnings = []
        held: list[str] = self._heard.warnings
        return held


def no_retries() -> Retry:
    """Retries are counted here, not inside urllib3, which would write a line to the log for each."""
    return Retry(total=0, connect=0, read=0, redirect=0, status=0, other=0)


def beginning(answer: Answer) -> bytes:
    """The first part of an error's body; an unreadable one is empty."""
    held = b""
    try:
        for piece in answer.pieces():
            held += piece
            if len(held) >= ERROR_LIMIT_BYTES:
                break
    except SourceFailed:
        return b""
    return held[:ERROR_LIMIT_BYTES]


def envelope_warnings(envelope: Mapping[str, Any], url: str) -> list[str]:
    """The warnings of an answer that says `success`.

    Raises:
        SourceFailed: It says `error`, or is no answer of the API.
    """
    if envelope.get("status") == "error":
        raise failures.failed(
            "source-query-refused",
            f"the server refuses the request: {failures.shown(str(envelope.get('error', 'no reason given')))}",
            url,
        )
    if envelope.get("status") != "success" or "data" not in envelope:
        raise failures.answer_invalid("no status and data", url)
    warnings = envelope.get("warnings")
    heard = [str(one) for one in warnings] if isinstance(warnings, list) else []
    if envelope.get("isPartial") is True:
        heard.append("the answer is partial")
    return heard


def _success(body: bytes, answer: Answer) -> list[str]:
    if "json" not in answer.content_type:
        raise failures.other_product(answer.content_type, answer.url)
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise failures.answer_invalid("it is no JSON", answer.url) from None
    if not isinstance(envelope, dict):
        raise failures.answer_invalid("it is no JSON object", answer.url)
    return envelope_warnings(envelope, answer.url)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value
