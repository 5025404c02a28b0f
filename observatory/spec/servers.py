"""Servers: host and protocol as telemetry knows them, variables filled in, credentials taken out."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from observatory.errors import Problem
from observatory.spec.catalog import Server
from observatory.spec.declared import DeclaredServer
from observatory.spec.references import Cursor

FAMILIES: dict[str, str] = {
    "kafka-secure": "kafka",
    "amqps": "amqp",
    "mqtts": "mqtt",
    "secure-mqtt": "mqtt",
    "mqtt5": "mqtt",
    "mqtt-secure": "mqtt",
    "wss": "ws",
    "https": "http",
    "nats-secure": "nats",
    "tls": "nats",
    "stomps": "stomp",
    "rediss": "redis",
    "pulsar+ssl": "pulsar",
    "smfs": "solace",
    "smf": "solace",
    "solace": "solace",
    "jmss": "jms",
    "google-pubsub": "googlepubsub",
    "pubsub": "googlepubsub",
}
"""Spellings of a protocol, and the word by which bindings and the catalogue call it."""

DEFAULT_PORTS = {"kafka": "9092", "amqp": "5672", "mqtt": "1883", "nats": "4222", "redis": "6379", "pulsar": "6650"}


def family_of(protocol: str) -> str:
    """The word for a protocol: `kafka-secure` is kafka, `mqtt5` is mqtt."""
    word = protocol.strip().lower()
    return FAMILIES.get(word, word)


def read_server(name: str, cursor: Cursor, version_family: int) -> tuple[DeclaredServer | None, list[Problem]]:
    """A server object of either family; None when it is no mapping or has no address."""
    problems: list[Problem] = []
    written = cursor.text("url" if version_family == 2 else "host")
    if not isinstance(cursor.value, dict) or written is None:
        return None, problems
    filled = _fill(written, cursor)
    scheme, _, rest = filled.rpartition("://")
    netloc, slash, path = rest.partition("/")
    if "@" in netloc:
        # The reading of the document has reported and covered them.
        netloc = ",".join(part.rpartition("@")[2] for part in netloc.split(","))
    path = (slash + path) or (_fill(cursor.text("pathname") or "", cursor))
    protocol = cursor.text("protocol") or (urlsplit(filled).scheme if scheme else "")
    version = cursor.get("protocolVersion")
    server = Server(
        name=name,
        host=netloc,
        protocol=family_of(protocol),
        protocol_version=str(version.value) if version and isinstance(version.value, str | int | float) else None,
        description=cursor.text("description") or "",
        tags=tags_of(cursor),
        location=cursor.location(),
    )
    return DeclaredServer(server=server, path=path, cursor=cursor), problems


def tags_of(cursor: Cursor) -> tuple[str, ...]:
    """Names in the `tags` of an object."""
    tags = cursor.get("tags")
    return tuple(name for tag in (tags.items() if tags else ()) if (name := tag.text("name")) is not None)


def hosts_of(server: Server) -> frozenset[str]:
    """The brokers behind a server, for comparing documents: lower case, ports written out, one per list entry."""
    port = DEFAULT_PORTS.get(server.protocol)
    hosts = set()
    for part in server.host.lower().split(","):
        host = part.strip().rstrip("/")
        if host:
            hosts.add(host if port is None or re.search(r":[^\]:]*$", host) else f"{host}:{port}")
    return frozenset(hosts)


def _fill(text: str, cursor: Cursor) -> str:
    """Variables replaced by their default, or by their only allowed value; others stay as written."""
    variables = cursor.get("variables")

    def value(match: re.Match[str]) -> str:
        variable = variables.get(match[1]) if variables else None
        if variable is None:
            return match[0]
        default = variable.get("default")
        allowed = variable.get("enum")
        if default is not None:
            return str(default.value)
        if allowed is not None and isinstance(allowed.value, list) and len(allowed.value) == 1:
            return str(allowed.value[0])
        return match[0]

    return re.sub(r"\{([^{}]+)\}", value, text)
