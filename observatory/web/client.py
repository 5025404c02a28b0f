"""Who stands behind a request: the connection's other end, or whom a trusted proxy names."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from msgspec import Struct
from werkzeug.datastructures import Headers

from observatory.settings.access import AccessSettings, Network

MOST_NAME = 200


class Client(Struct, frozen=True, kw_only=True):
    """A request's origin.

    Attributes:
        address: Of the machine that asks; what a trusted proxy says, else the connection's other end.
        proxied: Whether a trusted proxy passed the request on.
        secure: Whether that proxy says that it was asked by TLS.
        user: Whom that proxy logged in; None where it names nobody or more than one.
    """

    address: str
    proxied: bool = False
    secure: bool = False
    user: str | None = None


def client_of(peer: str, headers: Headers, access: AccessSettings) -> Client:
    """The client of a request.

    What headers say is believed from trusted proxies only. Of `X-Forwarded-For` the last address counts that is no
    trusted proxy's: those before it are whatever the client wrote. A name with a comma is two headers that were joined,
    one of them the client's own, and so it is none.
    """
    if not _within(peer, access.proxies):
        return Client(address=peer)
    address = peer
    for hop in reversed(headers.get("X-Forwarded-For", "").split(",")):
        if not (hop := hop.strip()):
            break
        address = hop
        if not _within(hop, access.proxies):
            break
    scheme = headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    name = headers.get(access.user_header, "").strip()
    named = bool(name) and len(name) <= MOST_NAME and "," not in name and name.isprintable()
    return Client(address=address, proxied=True, secure=scheme == "https", user=name if named else None)


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    if not networks:
        return False
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in network for network in networks)
