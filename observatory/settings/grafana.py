"""Where people explore series: the keys of `grafana` in observatory.yaml.

grafana:
  url: https://grafana.example.com   the address that browsers ask
  datasource: P1809F7CD0C75ACF3      uid of the data source that has the same series
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.settings.secrets import take_credentials
from observatory.settings.unknown_keys import unknown_keys

KEYS = ("url", "datasource")
EXAMPLE = "write grafana: {url: https://grafana.example.com, datasource: P1809F7CD0C75ACF3}"
_UID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class GrafanaSettings(Struct, frozen=True, kw_only=True):
    """A Grafana that links lead to; it is never asked.

    Attributes:
        url: Without credentials, and without a slash at its end.
        datasource: Uid of the data source with the series of the metrics source.
    """

    url: str
    datasource: str


def read_grafana(reading: Reading, folder: Path, problems: list[Problem]) -> GrafanaSettings | None:
    """The keys of `grafana`; every fault goes to `problems` with its place."""
    del folder
    value = reading.data["grafana"]
    found = len(problems)

    def fault(at: tuple[str, ...], message: str, hint: str | None = EXAMPLE, code: str = "settings-value") -> None:
        problems.append(Problem(code=code, message=message, location=reading.at(("grafana", *at)), hint=hint))

    if not isinstance(value, dict):
        fault((), "grafana is a mapping")
        return None
    problems += unknown_keys(value, KEYS, ("grafana",), reading)
    url = ""
    credentials: dict[str, str] = {}
    try:
        url, credentials = take_credentials(str(value.get("url", "")))
    except ValueError as error:
        fault(("url",) if "url" in value else (), f"url of grafana: {error}", code="settings-url")
    if credentials:
        fault(("url",), "links to Grafana carry no user and no password", "leave them out: people log in there")
    uid = str(value.get("datasource", ""))
    if not _UID.fullmatch(uid):
        place = ("datasource",) if "datasource" in value else ()
        fault(place, "datasource is the uid of a data source: letters, digits, - and _")
    return GrafanaSettings(url=url, datasource=uid) if len(problems) == found else None
