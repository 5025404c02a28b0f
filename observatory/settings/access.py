"""Who may ask the server: the keys of `serve` in observatory.yaml.

serve:
  users: users.txt                   people and tokens, as `observatory users add` writes them
  proxies: [10.0.0.7, 10.1.0.0/16]   addresses of proxies that log people in and name them in a header
  user_header: X-Forwarded-User      that header
  hosts: [slo.example.com]           names by which the server may be asked
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from msgspec import Struct

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.settings.unknown_keys import unknown_keys

Network = IPv4Network | IPv6Network
USER_HEADER = "X-Forwarded-User"
KEYS = ("users", "proxies", "user_header", "hosts")
MOST_LISTED = 100
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_NOT_FOR_USERS = frozenset(
    {"authorization", "cookie", "host", "origin", "x-forwarded-for", "x-forwarded-proto", "content-type"}
)


class AccessSettings(Struct, frozen=True, kw_only=True):
    """Who may ask the server, and by which name.

    Attributes:
        users: File of people and tokens with their hashes; None where nobody has a password here.
        proxies: Where the connections of trusted proxies come from; whoever can connect from there is believed.
        user_header: The header in which such a proxy names whom it logged in.
        hosts: Lower-case names that a Host header may hold beside those that are always right.
    """

    users: Path | None = None
    proxies: tuple[Network, ...] = ()
    user_header: str = USER_HEADER
    hosts: frozenset[str] = frozenset()


def read_access(reading: Reading, folder: Path, problems: list[Problem]) -> AccessSettings:
    """The keys of `serve`; every fault goes to `problems` with its place."""
    return _Part(reading, folder, problems).settings(reading.data["serve"])


class _Part(Struct, frozen=True):
    """That part of one settings file."""

    reading: Reading
    folder: Path
    problems: list[Problem]

    def settings(self, value: Any) -> AccessSettings:
        if not isinstance(value, dict):
            self._fault((), "serve is a mapping", "write serve: {users: users.txt}")
            return AccessSettings()
        self.problems.extend(unknown_keys(value, KEYS, ("serve",), self.reading))
        proxies = [self._proxy(at, item) for at, item in self._listed(value, "proxies")]
        hosts = [self._host(at, item) for at, item in self._listed(value, "hosts")]
        return AccessSettings(
            users=self._users(value.get("users")),
            user_header=self._user_header(value.get("user_header")),
            proxies=tuple(one for one in proxies if one is not None),
            hosts=frozenset(one for one in hosts if one is not None),
        )

    def _users(self, value: Any) -> Path | None:
        if value is None:
            return None
        if isinstance(value, str) and value.strip() and "\0" not in value:
            return self.folder / Path(value).expanduser()
        self._fault(("users",), "users is a path, relative to the settings file")
        return None

    def _user_header(self, value: Any) -> str:
        if isinstance(value, str) and _HEADER.fullmatch(value) and value.lower() not in _NOT_FOR_USERS:
            return value
        if value is not None:
            message = "user_header is the name of a header that only the proxy sets"
            self._fault(("user_header",), message, f"write {USER_HEADER}")
        return USER_HEADER

    def _proxy(self, at: tuple[str, ...], item: Any) -> Network | None:
        try:
            network = ip_network(item, strict=False) if isinstance(item, str) else None
        except ValueError:
            network = None
        if network is None:
            self._fault(at, "a proxy is an address or a network", "write 10.0.0.7 or 10.1.0.0/16")
        elif network.prefixlen == 0:
            message = f"{network} believes everybody who calls themselves a proxy"
            self._fault(at, message, "list the addresses of the proxies")
            return None
        return network

    def _host(self, at: tuple[str, ...], item: Any) -> str | None:
        if isinstance(item, str) and _HOST.fullmatch(item):
            return item.lower()
        self._fault(at, "a host is a name without scheme, port and path", "write slo.example.com")
        return None

    def _listed(self, value: dict[str, Any], key: str) -> list[tuple[tuple[str, ...], Any]]:
        items = value.get(key)
        if items is None:
            return []
        if not isinstance(items, list):
            return [((key,), items)]
        if len(items) > MOST_LISTED:
            self._fault((key,), f"{key} lists at most {MOST_LISTED}")
            return []
        return [((key, str(index)), item) for index, item in enumerate(items)]

    def _fault(self, at: tuple[str, ...], message: str, hint: str | None = None) -> None:
        place = self.reading.at(("serve", *at))
        self.problems.append(Problem(code="settings-value", message=message, location=place, hint=hint))
