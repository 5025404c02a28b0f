"""The connection to one server: its address, its credentials, and the small questions.

Small questions (names, metadata, targets) go through prometheus-api-client; bulk answers are opened here and decoded
by `matrix` and `remote_read`. Both share one `Session`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

from observatory.errors import InputInvalid, Problem
from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import failures
from observatory.sources.prometheus.session import BULK_LIMIT_BYTES, Answer, Session, no_retries

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

LONGEST_URL = 4000
T = TypeVar("T")
Parameters = Sequence[tuple[str, str]]


class Connection:
    """One server, safe to use from several threads at once.

    Raises:
        InputInvalid: The URL is none of http or https.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        self.url, credentials = _address(settings.url)
        self.timeout_seconds = settings.timeout_seconds
        self.session = Session(self.url, settings.headers, settings.timeout_seconds)
        if credentials:
            self.session.auth = credentials
        self._lock = Lock()

    @cached_property
    def client(self) -> PrometheusConnect:
        """The same connection as prometheus-api-client knows it; notebooks may use it too."""
        from prometheus_api_client import PrometheusConnect

        with self._lock:
            return PrometheusConnect(url=self.url, session=self.session, retry=no_retries())

    def label_values(self, label: str, parameters: dict[str, Any]) -> list[str]:
        """Values of one label.

        Raises:
            SourceFailed: No usable answer.
        """
        values = self._asked(lambda: self.client.get_label_values(label, params=parameters))
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise failures.answer_invalid("the values of a label are no list of texts", self.url)
        return values

    def metadata(self) -> list[dict[str, str]]:
        """Entries with `metric_name`, `type`, `unit`, `help`.

        Raises:
            SourceFailed: No usable answer.
        """
        return list(self._asked(lambda: self.client.get_metric_metadata("")))

    def targets(self) -> list[dict[str, Any]]:
        """Active targets.

        Raises:
            SourceFailed: No usable answer; many compatible servers have no targets.
        """
        return list(self._asked(lambda: self.client.get_targets(state="active")["activeTargets"]))

    def _asked(self, question: Callable[[], T]) -> T:
        from prometheus_api_client import PrometheusApiClientException

        try:
            return question()
        except (KeyError, AttributeError, TypeError, ValueError, PrometheusApiClientException):
            raise failures.answer_invalid("data is missing or of another kind", self.url) from None

    def ask(self, path: str, parameters: Parameters, limit_bytes: int = BULK_LIMIT_BYTES) -> Answer:
        """The answer to a query, as POST where the URL would become too long.

        Raises:
            SourceFailed: No usable answer.
        """
        address = f"{self.url}{path}"
        if len(urlencode(list(parameters))) > LONGEST_URL:
            return self.session.open("POST", address, data=list(parameters), limit_bytes=limit_bytes)
        return self.session.open("GET", address, params=list(parameters), limit_bytes=limit_bytes)

    def close(self) -> None:
        """Close idle connections."""
        self.session.close()


def _address(url: str) -> tuple[str, tuple[str, str] | None]:
    """The URL without credentials and closing slash, and the credentials."""
    try:
        parts = urlsplit(url.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise InputInvalid(
            Problem(
                code="source-url-invalid",
                message="the address of a metrics source is no http or https URL",
                hint="write it like http://prometheus:9090",
            )
        )
    clean = failures.without_credentials(url.strip()).rstrip("/")
    if parts.username is None:
        return clean, None
    return clean, (unquote(parts.username), unquote(parts.password or ""))
