"""The address of a shared ledger: server, database and credentials in one URL, or apart in a mapping."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from msgspec.structs import replace

from observatory.settings.secrets import take_credentials
from observatory.settings.values import ClickHouseSettings

KEYS = ("url", "headers", "timeout_seconds")
EXAMPLE = "http://clickhouse.example:8123/observatory"
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def clickhouse_at(url: str) -> ClickHouseSettings:
    """The server and database that an address names, its user and password as a header.

    Raises:
        ValueError: It is no address of that kind; the message does not repeat it, for it may hold a password.
    """
    clean, headers = take_credentials(url)
    parts = urlsplit(clean)
    database = parts.path.strip("/")
    found = ClickHouseSettings(url=urlunsplit((*parts[:2], "", "", "")), headers=headers)
    if not database:
        return found
    if not _DATABASE.fullmatch(database):
        raise ValueError("the path of the address is the name of a database: letters, digits and underscores")
    return replace(found, database=database)
