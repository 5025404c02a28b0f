"""What ownership files say, before anybody decides whom to believe."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from msgspec import Struct, field

from observatory.location import Location
from observatory.spec.catalog import Action, Catalog, Channel, Document, Owner
from observatory.spec.ownership.finding import Kind
from observatory.spec.servers import family_of, hosts_of

READERS: tuple[Kind, ...] = ("backstage", "eventcatalog", "xregistry", "codeowners")
"""Whom to believe first where the documents are silent."""
PLACES = ("topic", "queue", "subject", "destination", "path")
"""Kinds of runtime names by which ownership files name a channel."""
MAX_TEXT = 1000
MAX_NAMES = 5_000
"""Names among which a near one is looked for."""
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")
_PARAMETER = re.compile(r"\{[^{}]*\}")


class Said(Struct, frozen=True):
    """A text and where it is written."""

    value: str
    provenance: str
    location: Location


class Claim(Struct, frozen=True, kw_only=True):
    """What one source says about a document: who owns it, to which domain it belongs, which service it describes."""

    reader: Kind
    document: str
    owner: Owner | None = None
    domain: Said | None = None
    service: Said | None = None


class ChannelClaim(Struct, frozen=True, kw_only=True):
    """What one source says about a channel itself."""

    reader: Kind
    channel_id: str
    owner: Owner | None = None
    domain: Said | None = None


class Use(Struct, frozen=True, kw_only=True):
    """Somebody who sends to a channel or receives from it.

    Attributes:
        document: The document that describes the same application, where there is one.
        service: What the application is called; None for a consumer group of an unknown one.
        group: The consumer group, where the source says.
    """

    reader: Kind
    channel_id: str
    action: Action
    provenance: str
    location: Location
    document: str | None = None
    service: str | None = None
    group: str | None = None
    owner: Owner | None = None


class Findings(Struct):
    """Everything that the files say, in the order of reading."""

    claims: list[Claim] = field(default_factory=list)
    channels: list[ChannelClaim] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.claims or self.channels or self.uses)


class Estate(Struct, frozen=True, dict=True):
    """Documents and channels as ownership files may mean them."""

    catalog: Catalog

    @cached_property
    def documents(self) -> Mapping[str, tuple[Document, Path]]:
        """Each document by its name, with its real path."""
        return {one.name: (one, Path(one.path).resolve()) for one in self.catalog.documents}

    @cached_property
    def by_path(self) -> Mapping[Path, Document]:
        return {path: document for document, path in self.documents.values()}

    def called(self, *names: str) -> Document | None:
        """The only document whose service, or else whose title, is one of the names, however they are spelt."""
        for known in self._names:
            found = {one.name: one for name in names for one in known.get(folded(name), ())}
            if found:
                return next(iter(found.values())) if len(found) == 1 else None
        return None

    @cached_property
    def _names(self) -> tuple[Mapping[str, list[Document]], ...]:
        services: dict[str, list[Document]] = defaultdict(list)
        titles: dict[str, list[Document]] = defaultdict(list)
        for one in self.catalog.documents:
            services[folded(one.service)].append(one)
            titles[folded(one.title)].append(one)
        return services, titles

    @cached_property
    def _channels(self) -> Mapping[str, list[Channel]]:
        found: dict[str, list[Channel]] = defaultdict(list)
        for channel in self.catalog.channels:
            shapes = {shape_of(channel.address)} if channel.address else set()
            shapes |= {shape_of(name.value) for name in channel.names if name.kind in PLACES}
            for shape in shapes:
                found[shape].append(channel)
        return found

    def channels_at(
        self, address: str, protocols: Iterable[str] = (), hosts: frozenset[str] = frozenset()
    ) -> list[Channel]:
        """Channels with an address; of several, those on the protocols and brokers that are named."""
        found = self._channels.get(shape_of(address), [])
        families = {family_of(word) for word in protocols}
        if families:
            found = [one for one in found if one.protocol is None or alike(one.protocol, families)]
        if hosts and len(found) > 1:
            there = [one for one in found if any(hosts_of(server) & hosts for server in one.servers)]
            found = there or found
        return found

    @cached_property
    def sent_by(self) -> Mapping[str, tuple[str, ...]]:
        """Ids of the channels that each document sends on."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for operation in self.catalog.operations:
            if operation.action == "send":
                found[operation.document][operation.channel_id] = None
        return {name: tuple(ids) for name, ids in found.items()}

    @cached_property
    def channels_of_message(self) -> Mapping[str, tuple[str, ...]]:
        """Ids of the channels that carry a message, by its name without regard to spelling."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for operation in self.catalog.operations:
            for message in operation.messages:
                for name in {folded(message.name), folded(message.title or "")} - {""}:
                    found[name][operation.channel_id] = None
        return {name: tuple(ids) for name, ids in found.items()}


def plain(value: object) -> str | None:
    """A text as it can be shown: one printable line, without credentials in addresses; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        return None
    return _CREDENTIALS.sub("", text)


def folded(text: str) -> str:
    """A name without what differs by habit: case, hyphens, blanks."""
    return re.sub(r"[\W_]+", "", text.casefold())


def alike(protocol: str, families: Iterable[str]) -> bool:
    """Whether a channel's protocol is among some; what speaks AMQP 1.0 is often declared as plain amqp."""
    plain = {"amqp" if family == "amqp1" else family for family in families}
    return ("amqp" if protocol == "amqp1" else protocol) in plain


def shape_of(address: str) -> str:
    """An address with its parameters blanked: `a/{x}` and `a/{y}` are the same place."""
    return _PARAMETER.sub("{}", address)


def near(word: str, known: Sequence[str]) -> str | None:
    """The known word that differs by a slip of the pen; None when nothing is that near."""
    wanted = word.casefold()
    likely = {one.casefold(): one for one in known[:MAX_NAMES] if abs(len(one) - len(word)) <= 2}
    found = get_close_matches(wanted, list(likely), 1, 0.85)
    return likely[found[0]] if found else None
