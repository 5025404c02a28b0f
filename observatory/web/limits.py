"""How often one client may do a thing: token buckets, in bounded memory, with the time as an argument."""

from __future__ import annotations

import math
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

MOST_CLIENTS = 10_000


class Limit:
    """A bucket for each client: `burst` at once, then `per_second`.

    The clients that were seen last are remembered, ten thousand of them; who is forgotten starts with a full bucket.
    """

    def __init__(self, *, burst: float, per_second: float, most_clients: int = MOST_CLIENTS) -> None:
        self._burst, self._per_second, self._most = burst, per_second, most_clients
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, client: str, now_seconds: float) -> int:
        """Take one from the client's bucket: 0, or where it is empty the seconds until there is one, at least 1."""
        with self._lock:
            left = self._at(client, now_seconds)
            if left >= 1:
                self._keep(client, left - 1, now_seconds)
                return 0
            self._keep(client, left, now_seconds)
            return self._seconds_until_one(left)

    def give_back(self, client: str, now_seconds: float) -> None:
        """Undo a `take` that turned out not to count."""
        with self._lock:
            self._keep(client, min(self._burst, self._at(client, now_seconds) + 1), now_seconds)

    def __len__(self) -> int:
        return len(self._left)

    def _at(self, client: str, now: float) -> float:
        left, seen = self._left.get(client, (self._burst, now))
        return min(self._burst, left + max(0.0, now - seen) * self._per_second)

    def _keep(self, client: str, left: float, now: float) -> None:
        self._left[client] = (left, now)
        self._left.move_to_end(client)
        while len(self._left) > self._most:
            self._left.popitem(last=False)

    def _seconds_until_one(self, left: float) -> int:
        return max(1, math.ceil((1 - left) / self._per_second))


def client_key(address: str) -> str:
    """What stands for one client: an IPv4 address, or the /64 of an IPv6 address, which one machine has whole."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else str(ip_network((found, 64), strict=False))
    return str(found)
