"""Statements to a ClickHouse server over its HTTP interface."""

from __future__ import annotations

from http import HTTPStatus

import requests

from observatory.errors import Problem, SourceFailed
from observatory.settings import ClickHouseSettings

CONNECT_SECONDS = 5.0
MOST_ANSWER_BYTES = 1 << 30
MOST_ERROR_BYTES = 2000
_PIECE_BYTES = 1 << 20


class Connection:
    """One server and database; safe in several threads at a time: nothing of it changes once it is made."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self.url = settings.url
        self._database = settings.database
        self._timeouts = (CONNECT_SECONDS, settings.timeout_seconds)
        self._session = requests.Session()
        # A proxy or a .netrc of the environment is nobody's intention here: addresses and credentials are settings.
        self._session.trust_env = False
        self._session.headers.update(settings.headers)

    def run(self, statement: str, body: bytes = b"") -> bytes:
        """The answer to a statement; what follows it, such as rows to insert, is the body.

        Raises:
            SourceFailed: `ledger-unavailable`; the server did not answer, or refused.
        """
        try:
            with self._session.post(
                f"{self.url}/",
                params={"database": self._database, "query": statement},
                data=body,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as answer:
                if answer.status_code != HTTPStatus.OK:
                    told = answer.raw.read(MOST_ERROR_BYTES, decode_content=True).decode("utf-8", "replace").strip()
                    raise self._failed(told.splitlines()[0] if told else f"it answered {answer.status_code}")
                found = bytearray()
                for piece in answer.iter_content(_PIECE_BYTES):
                    found += piece
                    if len(found) > MOST_ANSWER_BYTES:
                        raise self._failed("its answer is too long")
                return bytes(found)
        except requests.RequestException as error:
            raise self._failed(_reason(error)) from error

    def close(self) -> None:
        """End idle connections."""
        self._session.close()

    def _failed(self, why: str) -> SourceFailed:
        return SourceFailed(
            Problem(
                code="ledger-unavailable",
                severity="warning",
                message=f"the shared ledger cannot be used, so days are counted again: {why}",
                url=self.url,
                hint="is it the HTTP interface (port 8123), and may the user create, read and insert?",
            )
        )


def _reason(error: requests.RequestException) -> str:
    match error:
        case requests.Timeout():
            return "it did not answer in time"
        case requests.ConnectionError():
            return "no connection"
        case _:
            return type(error).__name__
