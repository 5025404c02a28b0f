"""xRegistry endpoints: which consumer group reads which topic, which AsyncAPI documents seldom say.

An endpoint is placed by its protocol and the name in its options (topic, subject, node), or the end of its address.
Roles are those of the client: a `consumer` endpoint is where somebody receives. Its group belongs to the operation of
the service that its labels name, else to the only operation there that names no group; else it stands for itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field

from observatory.location import Location
from observatory.spec.catalog import Action, Channel, Owner
from observatory.spec.ownership.claims import ChannelClaim, Estate, Findings, Said, Use, plain
from observatory.spec.ownership.finding import Faults, File
from observatory.spec.ownership.pages import Page, Pages
from observatory.spec.parts import Server
from observatory.spec.servers import family_of, hosts_of
from observatory.spec.suggestions import hint_for

USAGES = ("producer", "consumer", "subscriber")
NAMES = ("topic", "subject", "subjectfilter", "topicfilter", "node", "queue")
GROUPS = ("consumergroup", "queuegroup", "sharedsubscriptiongroup")
SERVICE_LABELS = ("service", "service.name", "application", "app")
OWNER_LABELS = ("owner", "team")
ROLES: dict[str, Action] = {"producer": "send", "consumer": "receive", "subscriber": "receive"}


class Endpoint(Struct, frozen=True):
    """One endpoint of a registry file; `prefix` is its path there."""

    page: Page
    prefix: tuple[str, ...]
    data: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        found = self.data.get("protocoloptions")
        return found if isinstance(found, dict) else {}

    @property
    def protocol(self) -> str:
        """The family of the protocol, empty where none is named: `MQTT/5.0` is mqtt."""
        written = self.data.get("protocol")
        return family_of(written.partition("/")[0]) if isinstance(written, str) else ""

    def at(self, *segments: str) -> Location:
        """The place of a part, or of the endpoint's id."""
        return self.page.at(*self.prefix, *segments, key=not segments)

    def source(self, *segments: str) -> str:
        """The provenance of what stands at a part: `xregistry shop.xreg.json:12`."""
        return f"xregistry {self.page.line(*self.prefix, *segments)}"

    def label(self, *keys: str) -> Said | None:
        """The first label of some names; extension attributes of the endpoint count as well."""
        labels = self.data.get("labels")
        for key in keys:
            if isinstance(labels, dict) and (value := plain(labels.get(key))) is not None:
                return Said(value, self.source("labels", key), self.at("labels", key))
            if (value := plain(self.data.get(key))) is not None:
                return Said(value, self.source(key), self.at(key))
        return None

    def option(self, *keys: str) -> Said | None:
        """The first option of some names."""
        for key in keys:
            if (value := plain(self.options.get(key))) is not None:
                path = ("protocoloptions", key)
                return Said(value, self.source(*path), self.at(*path))
        return None

    def addresses(self) -> Iterator[str]:
        """Network addresses, as options of the protocol or, in older files, of the endpoint."""
        for holder in (self.options, self.data):
            listed = holder.get("endpoints")
            for one in listed if isinstance(listed, list) else ():
                if isinstance(one, str):
                    yield one
                elif isinstance(one, dict):
                    servers = one.get("bootstrap.servers")
                    found = [one.get("uri"), one.get("url"), *(servers if isinstance(servers, list) else [servers])]
                    yield from (text for text in found if isinstance(text, str))

    def hosts(self) -> frozenset[str]:
        """Brokers, spelt as those of documents are."""
        hosts: set[str] = set()
        for address in self.addresses():
            rest = address.partition("://")[2] or address
            host = rest.partition("/")[0].rpartition("@")[2]
            hosts |= hosts_of(Server(name="", host=host, protocol=self.protocol))
        return frozenset(hosts)

    def place(self) -> str | None:
        """The name on the broker: from the options, else the path of the address where the protocol keeps it there."""
        named = self.option(*NAMES)
        if named is not None:
            return _template(named.value, self.protocol)
        if self.protocol in ("amqp", "mqtt"):
            for address in self.addresses():
                try:
                    path = unquote(urlsplit(address).path).strip("/")
                except ValueError:
                    continue
                if path:
                    return path
        return None


class XRegistry(Struct):
    """All endpoints, and what they mean for channels and operations."""

    pages: Pages
    estate: Estate
    found: Findings
    faults: Faults
    _endpoints: list[Endpoint] = field(default_factory=list)

    def read(self, files: Iterable[File]) -> None:
        """Read the `endpoints` of registry files."""
        for file in files:
            for page in self.pages.of(file):
                held = page.data.get("endpoints") if isinstance(page.data, dict) else None
                if held is None:
                    continue
                if not isinstance(held, dict):
                    message = "endpoints is a mapping from ids to endpoints"
                    self.faults.add("ownership-form", message, page.at("endpoints"), file=file)
                    continue
                for key, value in held.items():
                    if isinstance(value, dict):
                        self._endpoints.append(Endpoint(page, ("endpoints", key), value))
                    else:
                        message = f"the endpoint {key!r} is a mapping"
                        self.faults.add("ownership-form", message, page.at("endpoints", key), file=file)

    def claim(self) -> None:
        """Put what the endpoints say into `found`."""
        places: dict[str, set[str]] = defaultdict(set)
        for endpoint in self._endpoints:
            shared, place = endpoint.data.get("channel"), endpoint.place()
            if isinstance(shared, str) and place is not None:
                places[shared].add(place)
        for endpoint in self._endpoints:
            roles = self._roles(endpoint)
            shared = endpoint.data.get("channel")
            # Endpoints of one `channel` belong together: what one leaves out, another may say.
            beside = places.get(shared, set()) if isinstance(shared, str) else set()
            place = endpoint.place() or (next(iter(beside)) if len(beside) == 1 else None)
            if place is None or not roles:
                continue
            for channel in self._channels(endpoint, place):
                self._on(endpoint, channel, roles)

    def _roles(self, endpoint: Endpoint) -> list[str]:
        written = endpoint.data.get("usage")
        listed = [written] if isinstance(written, str) else written if isinstance(written, list) else []
        if not listed:
            message = f"the endpoint {endpoint.prefix[-1]!r} has no usage"
            hint = "write usage: [producer] or [consumer]"
            self.faults.add("ownership-form", message, endpoint.at(), hint, file=endpoint.page.file)
        roles: list[str] = []
        for index, word in enumerate(listed):
            if isinstance(word, str) and word.strip().lower() in USAGES:
                roles.append(word.strip().lower())
            else:
                at = endpoint.at("usage", str(index)) if isinstance(written, list) else endpoint.at("usage")
                hint = hint_for(str(word), USAGES)
                self.faults.add("ownership-form", f"{word!r} is no usage", at, hint, file=endpoint.page.file)
        return roles

    def _channels(self, endpoint: Endpoint, place: str) -> list[Channel]:
        families = [endpoint.protocol] if endpoint.protocol else []
        found = self.estate.channels_at(place, families, endpoint.hosts())
        if len(found) > 1:
            message = f"the endpoint {endpoint.prefix[-1]!r} could be on {len(found)} channels called {place!r}"
            hint = "name its broker under protocoloptions.endpoints"
            self.faults.add("ownership-reference", message, endpoint.at(), hint, severity="warning")
            return []
        return found

    def _on(self, endpoint: Endpoint, channel: Channel, roles: list[str]) -> None:
        owner, domain, service = _owner(endpoint), endpoint.label("domain"), endpoint.label(*SERVICE_LABELS)
        if "producer" in roles and (owner is not None or domain is not None):
            self.found.channels.append(
                ChannelClaim(reader="xregistry", channel_id=channel.id, owner=owner, domain=domain)
            )
        group = endpoint.option(*GROUPS)
        for action in dict.fromkeys(ROLES[role] for role in roles):
            said = group if action == "receive" else None
            if service is None and said is None:
                continue
            source = said or service
            if source is not None:
                self.found.uses.append(
                    Use(
                        reader="xregistry",
                        channel_id=channel.id,
                        action=action,
                        provenance=source.provenance,
                        location=source.location,
                        service=service.value if service is not None else None,
                        group=said.value if said is not None else None,
                        owner=owner,
                    )
                )


def _owner(endpoint: Endpoint) -> Owner | None:
    team = endpoint.label(*OWNER_LABELS)
    if team is None:
        return None
    contact, escalation, runbook = (endpoint.label(key) for key in ("contact", "escalation", "runbook"))
    return Owner(
        team=team.value,
        contact=contact.value if contact else None,
        escalation=escalation.value if escalation else None,
        runbook=runbook.value if runbook else None,
        provenance=team.provenance,
        location=team.location,
    )


def _template(name: str, protocol: str) -> str:
    """A filter as the template that it fits: `a/+/b` of MQTT and `a.*.b` of NATS are `a/{}/b` and `a.{}.b`."""
    wildcard, separator = {"mqtt": ("+", "/"), "nats": ("*", ".")}.get(protocol, ("", ""))
    if not wildcard:
        return name
    return separator.join("{}" if part == wildcard else part for part in name.split(separator))
