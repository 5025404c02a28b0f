"""Dashboards into a Grafana by its HTTP API: a folder, and one dashboard per file, known by its uid.

Pushed twice, the second push changes nothing: what is there already is compared first, and only a difference is sent.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from observatory import __version__
from observatory.covering import covered
from observatory.errors import InputInvalid, Problem, SourceFailed
from observatory.location import Location

TIMEOUT_SECONDS = (10.0, 60.0)
"""To connect, and between two packets of an answer."""
MOST_BYTES = 16 << 20
"""Of an answer that is read; a dashboard of ours has a hundredth of it."""
KEPT_BY_GRAFANA = ("id", "version")
"""Keys of a dashboard that Grafana counts itself."""


def read_token(file: Path | None, variable: str) -> str | None:
    """The token of a file, or else of an environment variable; None where neither gives one.

    Raises:
        InputInvalid: The file cannot be read, is empty, or holds more than one word.
    """
    if file is None:
        text, place = os.environ.get(variable, ""), variable
        if not text.strip():
            return None
    else:
        place = str(file)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise InputInvalid(
                Problem(code="file-unreadable", message=f"{file} cannot be read: {error}", location=Location(place))
            ) from error
    token = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise InputInvalid(
            Problem(
                code="grafana-token",
                message=f"{place} holds no token",
                hint="write the token of a Grafana service account, one word, and nothing else",
            )
        )
    return token


def push_dashboards(files: Mapping[str, str], *, url: str, token: str | None, folder: str) -> dict[str, str]:
    """Put every dashboard into a folder; by file name whether it was `created`, `replaced` or left `unchanged`.

    Args:
        files: Dashboards as JSON by file name.
        folder: Title of the folder. Its uid follows from the title, so that a second run finds it.

    Raises:
        SourceFailed: `grafana-unreachable` or `grafana-refused`; dashboards before that one are in place.
    """
    with requests.Session() as session:
        # The token goes where it was meant to go, and never along with a redirect or instead of what .netrc says.
        session.trust_env = False
        session.headers["Accept"] = "application/json"
        session.headers["User-Agent"] = f"observatory/{__version__}"
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        api = _Api(session, url.rstrip("/"))
        folder_uid = api.folder(folder)
        return {name: api.dashboard(json.loads(text), folder_uid) for name, text in files.items()}


class _Api:
    """The few requests that a push needs."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self._session = session
        self._url = url

    def folder(self, title: str) -> str:
        """The folder's uid; it is made when it is missing."""
        uid = f"observatory-{sha256(title.encode()).hexdigest()[:12]}"
        if self._get(f"/api/folders/{uid}") is None:
            self._post("/api/folders", {"uid": uid, "title": title})
        return uid

    def dashboard(self, wanted: dict[str, Any], folder_uid: str) -> str:
        """What became of a dashboard."""
        present = self._get(f"/api/dashboards/uid/{quote(str(wanted['uid']), safe='')}")
        if present is not None:
            held, meta = present.get("dashboard"), present.get("meta")
            same_place = isinstance(meta, dict) and meta.get("folderUid") == folder_uid
            if same_place and isinstance(held, dict) and _own(held) == _own(wanted):
                return "unchanged"
        message = f"observatory {__version__}"
        body = {"dashboard": {**wanted, "id": None}, "folderUid": folder_uid, "overwrite": True, "message": message}
        self._post("/api/dashboards/db", body)
        return "created" if present is None else "replaced"

    def _get(self, path: str) -> dict[str, Any] | None:
        """The answer; None where Grafana knows no such thing."""
        return self._asked("GET", path, None)

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        if self._asked("POST", path, body) is None:
            raise self._refused(path, 404, "")

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any] | None:
        try:
            with self._session.request(
                method, self._url + path, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            ) as answer:
                content = answer.raw.read(MOST_BYTES + 1, decode_content=True)
                status = answer.status_code
        except (requests.RequestException, OSError, UnicodeError) as error:
            raise self._unreachable(error) from error
        if status == 404:
            return None
        if status != 200 or len(content) > MOST_BYTES:
            raise self._refused(path, status, _message(content))
        try:
            data = json.loads(content)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise self._refused(path, status, "it is no JSON object")
        return data

    def _unreachable(self, error: Exception) -> SourceFailed:
        return SourceFailed(
            Problem(
                code="grafana-unreachable",
                message=f"Grafana at {covered(self._url)} does not answer: {type(error).__name__}",
                hint="check the URL of --push, and that Grafana runs; the files are written all the same",
            )
        )

    def _refused(self, path: str, status: int, said: str) -> SourceFailed:
        hints = {
            401: "give a service account's token by --token-file or OBSERVATORY_GRAFANA_TOKEN",
            403: "the service account needs the right to write dashboards and folders: the role Editor has it",
            404: "check the URL of --push: it is Grafana's own, with its sub-path where it has one",
            412: "a folder or dashboard of that name is there already; choose another --folder",
        }
        return SourceFailed(
            Problem(
                code="grafana-refused",
                message=f"Grafana at {covered(self._url)} answers {path} with {status}{f': {said}' if said else ''}",
                hint=hints.get(status, "the files are written all the same; import them by hand, or push again"),
            )
        )


def _own(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in dashboard.items() if key not in KEPT_BY_GRAFANA}


def _message(content: bytes) -> str:
    """What Grafana says in its `message`, on one line and cut."""
    try:
        data = json.loads(content)
    except ValueError:
        return ""
    said = data.get("message") if isinstance(data, dict) else None
    return " ".join(str(said).split())[:200] if said else ""
