"""References to web addresses, for those who allowed them: bounded in size, time and scheme."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from observatory.errors import InputInvalid, Problem
from observatory.reading.faults import MAX_BYTES

TIMEOUT_SECONDS = 10.0
"""How long a server may be silent."""
WHOLE_SECONDS = 60.0
"""How long an answer may take as a whole; a server that sends a byte now and then is never silent."""
_PIECE = 64 * 1024


class _SafeRedirects(HTTPRedirectHandler):
    """Redirects stay on the web: a server may not send us to a file."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        _require_web(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def absolute(target: str, base: str) -> str:
    """The address of a reference, seen from the file or page that holds it."""
    return urljoin(base, target) if urlsplit(base).scheme in {"http", "https"} else target


def without_credentials(url: str) -> str:
    """The address without user and password, for messages."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def fetch(url: str) -> str:
    """The text behind a web address.

    Raises:
        InputInvalid: Another scheme, no answer, an error, too large, or not UTF-8.
    """
    _require_web(url)
    shown = without_credentials(url)
    request = Request(url, headers={"Accept": "application/yaml, application/json, text/plain"})  # noqa: S310
    try:
        with build_opener(_SafeRedirects).open(request, timeout=TIMEOUT_SECONDS) as answer:
            raw = _read(answer)
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputInvalid(_failed(f"{shown} cannot be fetched: {reason}")) from None
    if len(raw) > MAX_BYTES:
        raise InputInvalid(_failed(f"{shown} is larger than {MAX_BYTES // 1024**2} MiB"))
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise InputInvalid(_failed(f"{shown} is not UTF-8 text")) from None


def _read(answer: HTTPResponse, clock: Callable[[], float] = time.monotonic) -> bytes:
    """The body of an answer, one byte more than the bound at most."""
    until = clock() + WHOLE_SECONDS
    parts: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and (part := answer.read1(_PIECE)):
        parts.append(part)
        size += len(part)
        if clock() > until:
            raise TimeoutError(f"the answer takes longer than {WHOLE_SECONDS:g} s")
    if size <= MAX_BYTES and answer.length:
        raise HTTPException("the answer ended before it was complete")
    return b"".join(parts)


def _failed(message: str) -> Problem:
    return Problem(code="reference-file-missing", message=message)


def _require_web(url: str) -> None:
    if urlsplit(url).scheme.lower() not in {"http", "https"}:
        message = f"{without_credentials(url)} is neither a file nor a web address"
        raise InputInvalid(Problem(code="reference-remote", message=message))
