"""Every way in which a server of metrics can fail to answer, as a Problem with its own code.

Texts that come from a server are cut and cleaned before they are shown: they are as untrusted as documents.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit, urlunsplit

import orjson
import requests
import urllib3

from observatory.errors import Problem, SourceFailed

SHOWN_CHARACTERS = 300


def without_credentials(url: str) -> str:
    """The URL without user, password, query and fragment, fit for messages."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))


def shown(text: str) -> str:
    """A server's text on one line, printable and of bounded length."""
    clean = "".join(c if c.isprintable() else " " for c in text[: 4 * SHOWN_CHARACTERS])
    clean = " ".join(clean.split())
    return clean if len(clean) <= SHOWN_CHARACTERS else clean[: SHOWN_CHARACTERS - 1] + "…"


def failed(code: str, message: str, url: str, hint: str | None = None) -> SourceFailed:
    """The exception for one finding about a server."""
    return SourceFailed(Problem(code=code, message=message, url=without_credentials(url), hint=hint))


def of_exception(error: Exception, url: str, timeout_seconds: float) -> SourceFailed:
    """What a failed connection or transfer means. The exception's own text is not shown: it may hold a header."""
    if isinstance(error, requests.exceptions.InvalidHeader | UnicodeError):
        return failed(
            "source-header-invalid",
            "a configured header has a value that HTTP cannot carry",
            url,
            "remove line breaks and characters beyond Latin-1 from the header's value",
        )
    causes = _causes(error)
    if any(isinstance(cause, requests.exceptions.SSLError | urllib3.exceptions.SSLError) for cause in causes):
        return failed(
            "source-tls",
            "no trusted TLS connection",
            url,
            "check that the URL's scheme is right and that the server's certificate is trusted here",
        )
    if any(isinstance(cause, urllib3.exceptions.NameResolutionError | socket.gaierror) for cause in causes):
        return failed("source-unresolved", "the host name is not known", url, "check the host part of the URL")
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError | ConnectionRefusedError) for cause in causes):
        return failed(
            "source-refused",
            "the server accepts no connection",
            url,
            "check that the server runs and that host and port are right",
        )
    timeouts = requests.exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError
    if any(isinstance(cause, timeouts) for cause in causes):
        return failed(
            "source-timeout",
            f"no answer within {timeout_seconds:g} s",
            url,
            "raise the timeout of this source, or see whether the server is overloaded",
        )
    return failed(
        "source-truncated",
        "the connection broke off before the answer was complete",
        url,
        "ask again; if it stays, look for a proxy between here and the server that cuts long answers",
    )


def _causes(error: BaseException) -> list[BaseException]:
    """The exception, what caused it, and what its libraries carry as `reason`."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 32:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def of_status(status: int, body: bytes, content_type: str, url: str) -> SourceFailed:
    """What an HTTP status other than 200 means."""
    said = _error_text(body)
    tail = f": {said}" if said else ""
    match status:
        case 401 if b"no org id" in body[:1000].lower():
            return failed(
                "source-unauthorized",
                "the server keeps tenants apart and was told none (401)",
                url,
                "name it: --header 'X-Scope-OrgID: TENANT', or `headers` of the source in observatory.yaml",
            )
        case 401:
            return failed(
                "source-unauthorized",
                "the server wants credentials, or refuses those it got (401)",
                url,
                "give the credentials by a header in the settings file or the environment",
            )
        case 403:
            return failed(
                "source-forbidden",
                "the server knows the credentials and does not allow this request (403)",
                url,
                "ask for the right to read metrics with this account",
            )
        case 404 | 405 | 410:
            return failed(
                "source-not-found",
                f"no Prometheus API at this address ({status})",
                url,
                "the URL is the part before /api/v1, such as http://prometheus:9090 or https://host/prometheus",
            )
        case 400 | 422:
            return failed("source-query-refused", f"the server refuses the request ({status}){tail}", url)
        case 429:
            return failed(
                "source-busy", f"the server limits requests (429){tail}", url, "ask less often, or raise the limit"
            )
        case 502 | 503 | 504:
            return failed(
                "source-unavailable",
                f"the server cannot answer now ({status}){tail}",
                url,
                "it may be starting or overloaded; ask again",
            )
        case _ if status >= 500:
            return failed("source-server-error", f"the server failed ({status}){tail}", url, "see the server's log")
        case _:
            return failed("source-status", f"unexpected HTTP status {status} ({shown(content_type)})", url)


def _error_text(body: bytes) -> str:
    """The `error` of the API's error object, or nothing; other bodies are not shown."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(data, dict) or not isinstance(data.get("error"), str):
        return ""
    return shown(data["error"])


def other_product(content_type: str, url: str) -> SourceFailed:
    """A page instead of data."""
    return failed(
        "source-other-product",
        f"something else than Prometheus answers here ({shown(content_type) or 'no content type'})",
        url,
        "check the URL: it may name a login page, a dashboard or another server",
    )


def answer_invalid(detail: str, url: str) -> SourceFailed:
    """Data in another shape than the API's."""
    return failed(
        "source-answer-invalid",
        f"the answer has not the form of the Prometheus API: {shown(detail)}",
        url,
        "check that the URL names a Prometheus-compatible server and not another JSON API",
    )


def too_large(limit_bytes: int, url: str) -> SourceFailed:
    """More than this process is willing to hold."""
    return failed(
        "source-too-large",
        f"the answer is longer than {limit_bytes / 2**20:g} MiB",
        url,
        "ask for a shorter range or narrow the source with labels",
    )


def redirected(target: str, url: str) -> SourceFailed:
    """The server sends us to another host, where our credentials have no business."""
    return failed(
        "source-redirected",
        f"the server redirects to {shown(without_credentials(target))}",
        url,
        "if that is right, write that address into the settings; credentials are not sent after a redirect",
    )


def warning(text: str, url: str) -> Problem:
    """A server answered and said that part may be missing."""
    return Problem(
        code="source-warning",
        severity="warning",
        message=f"the server warns: {shown(text)}",
        url=without_credentials(url),
        hint="the numbers may be incomplete until the server's warning is gone",
    )
