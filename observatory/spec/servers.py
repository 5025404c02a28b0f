"""Servers: host and protocol as telemetry knows them, variables filled in, credentials taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import TYPE_CHECKING

from observatory.errors import Problem
from observatory.spec.expansion import PARAMETER, filled
from observatory.spec.parts import Server

if TYPE_CHECKING:
    from observatory.spec.declared import DeclaredServer
    from observatory.spec.references import Cursor

MAX_HOSTS = 50
"""Brokers that the variables of one server may make."""

FAMILIES: dict[str, str] = {
    "mqtt3": "mqtt",
    "mqtt5": "mqtt",
    "mqtt+ws": "mqtt",
    "mqtt+wss": "mqtt",
    "tls": "nats",
    "smf": "solace",
    "smfs": "solace",
    "websocket": "ws",
    "websockets": "ws",
    "google-pubsub": "googlepubsub",
    "google-cloud-pubsub": "googlepubsub",
    "gcp-pubsub": "googlepubsub",
    "pubsub": "googlepubsub",
    "aws-sqs": "sqs",
    "aws-sns": "sns",
    "amqp091": "amqp",
    "amqp-0-9-1": "amqp",
    "amqp-1": "amqp1",
    "amqp1.0": "amqp1",
}
"""Spellings of a protocol, and the word by which bindings and the catalogue call it."""

PROTOCOLS = frozenset(
    {"amqp", "amqp1", "anypointmq", "googlepubsub", "http", "ibmmq", "jms", "kafka", "mercure", "mqtt", "nats"}
    | {"pulsar", "redis", "ros2", "sns", "solace", "sqs", "stomp", "ws"}
)
"""Words by which bindings call protocols; a spelling that says `secure` in one of the usual ways is the same one."""

_SECURE = re.compile(r"^(?:secure-|tls\+|ssl\+)|(?:[-+](?:secure|ssl|tls)|s)$")

DEFAULT_PORTS = {
    "amqp": "5672", "amqp1": "5672", "ibmmq": "1414", "kafka": "9092", "mqtt": "1883", "nats": "4222", "pulsar": "6650",
    "redis": "6379", "solace": "55555", "stomp": "61613", "ws": "80",
}  # fmt: skip
SECURE_PORTS = {"amqp": "5671", "amqp1": "5671", "mqtt": "8883", "pulsar": "6651", "solace": "55443", "ws": "443"}
"""Ports of brokers that listen for encrypted connections elsewhere; the others have one port for both."""

_HOST = re.compile(r"\s*(?:\[[^\]]*\]|[^:]*)(?::(?:[0-9]*|\{[^}]*\}))?\s*")
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://")


@lru_cache(maxsize=1024)
def family_of(protocol: str) -> str:
    """The word for a protocol: `kafka-secure` is kafka, `mqtt5` is mqtt, `rediss` is redis."""
    word = protocol.strip().lower()
    if word in PROTOCOLS:
        return word
    if word in FAMILIES:
        return FAMILIES[word]
    plain = _SECURE.sub("", word, count=1)
    return plain if plain in PROTOCOLS else FAMILIES.get(plain, word)


def is_secure(protocol: str) -> bool:
    """True for a spelling that says that connections are encrypted."""
    word = protocol.strip().lower()
    if word in PROTOCOLS or word in FAMILIES:
        return word in ("tls", "mqtt+wss", "smfs")
    return _SECURE.search(word) is not None


def speaks(server: Server, protocol: str | None) -> bool:
    """Whether a server is one of a protocol; AMQP 1.0 goes by the name of the older AMQP where no version is given."""
    return server.protocol == protocol or (server.protocol == "amqp" and protocol == "amqp1")


def read_server(name: str, cursor: Cursor, version_family: int) -> tuple[DeclaredServer | None, list[Problem]]:
    """A server object of either family; None when it is no mapping or has no address."""
    problems: list[Problem] = []
    key = "url" if version_family == 2 else "host"
    written = cursor.text(key)
    if not isinstance(cursor.value, dict) or written is None:
        return None, problems
    scheme, host, path = _parts(_fill(written, cursor))
    if "@" in host:
        # The reading of the document has reported and covered them.
        host = ",".join(part.rpartition("@")[2] for part in host.split(","))
    protocol = cursor.text("protocol") or scheme
    version = cursor.get("protocolVersion")
    known = str(version.value) if version and isinstance(version.value, str | int | float) else None
    family = family_of(protocol)
    if family == "amqp" and known is not None and re.match(r"v?1(\.|$)", known):
        family = "amqp1"
    server = Server(
        name=name,
        host=host,
        protocol=family,
        protocol_version=known,
        description=cursor.text("description") or "",
        tags=tags_of(cursor),
        location=cursor.location(),
    )
    path = path or _fill(cursor.text("pathname") or "", cursor)
    secure = is_secure(protocol) or (scheme != "" and is_secure(scheme))
    listed = tuple(_listed_hosts(cursor, written))
    from observatory.spec.declared import DeclaredServer

    return DeclaredServer(server=server, path=path, cursor=cursor, secure=secure, listed_hosts=listed), problems


def _parts(address: str) -> tuple[str, str, str]:
    """Scheme, hosts and path of an address; of a list of addresses all hosts, separated by commas.

    What follows a question mark belongs to no name, and may hold secrets.
    """
    schemes: list[str] = []
    hosts: list[str] = []
    path = ""
    for one in re.split(r",(?=\s*[A-Za-z][A-Za-z0-9+.-]*://)", address):
        match = _SCHEME.match(one)
        schemes.append(match[1].lower() if match else "")
        host, rest = _host_and_rest((one[match.end() :] if match else one).strip())
        hosts.append(host)
        path = path or re.split(r"[?#]", rest)[0]
    return schemes[0], ",".join(hosts), path


def _host_and_rest(text: str) -> tuple[str, str]:
    end = re.search(r"[/?#]", text)
    host, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
    if "@" in rest and not all(_HOST.fullmatch(part) for part in host.split(",")):
        # A password with a slash in it: what stands before the sign is no host, and is not shown.
        after, rest = _host_and_rest(text.rpartition("@")[2])
        return f"@{after}", rest
    return host, rest


def tags_of(cursor: Cursor) -> tuple[str, ...]:
    """Names in the `tags` of an object."""
    tags = cursor.get("tags")
    return tuple(name for tag in (tags.items() if tags else ()) if (name := tag.text("name")) is not None)


def hosts_of(server: Server, *, secure: bool = False, listed: Sequence[str] = ()) -> frozenset[str]:
    """The brokers behind a server, for comparing documents: lower case, ports written out, one per list entry.

    Args:
        secure: Whether connections are encrypted, which on some protocols means another port.
        listed: Hosts that the listed values of its variables make: each is a broker too, of an environment or region.
    """
    port = (secure and SECURE_PORTS.get(server.protocol)) or DEFAULT_PORTS.get(server.protocol)
    hosts = set()
    for part in ",".join([server.host, *listed]).lower().split(","):
        host = part.strip().rstrip("/")
        if host:
            hosts.add(host if port is None or re.search(r":[^\]:]*$", host) else f"{host}:{port}")
    return frozenset(hosts)


def _listed_hosts(cursor: Cursor, written: str) -> Iterator[str]:
    """Hosts that the listed values of variables make, the first ones, without credentials."""
    variables = cursor.get("variables")
    listed: dict[str, list[str]] = {}
    for name in PARAMETER.findall(written) if variables else ():
        variable = variables.get(name) if variables else None
        values = variable.get("enum") if variable else None
        if values is not None and isinstance(values.value, list):
            listed[name] = [str(value) for value in values.value if isinstance(value, str | int)]
    if any(len(values) > 1 for values in listed.values()):
        for chosen in islice(product(*listed.values()), MAX_HOSTS):
            _, host, _ = _parts(_fill(filled(written, dict(zip(listed, chosen, strict=True))), cursor))
            yield ",".join(part.rpartition("@")[2] for part in host.split(","))


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
