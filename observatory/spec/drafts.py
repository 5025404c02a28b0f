"""Drafts: what one document says of its channels and operations, before it meets the others.

Apart from what makes them of a document, because a draft that was kept needs none of that.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.bound_values import BindingFact
from observatory.spec.catalog import (
    Criticality,
    Document,
    Operation,
    Owner,
    RuntimeName,
    TelemetryOverride,
)
from observatory.spec.journey import WrittenJourney
from observatory.spec.parts import Message, Server

Level = Literal["operation", "message", "channel", "trait", "server", "info", "root"]
"""Where in a document something is written."""


class Naming(Struct, frozen=True, kw_only=True):
    """What is known about the names of one channel.

    Attributes:
        address: The name that stands for the channel in the catalogue; None where it is open.
        names: Best first.
        dead_letter: Address that a binding declares for what cannot be processed.
    """

    address: str | None
    names: tuple[RuntimeName, ...]
    dead_letter: str | None = None


class ChannelDraft(Struct, frozen=True, kw_only=True, eq=False):
    """A channel as one document describes it, before documents about the same address are joined.

    Plain values only: no cursor keeps the document in memory, and a draft can be kept for the next run.

    Attributes:
        hosts: Brokers it is on, of servers that speak its protocol.
        other_protocols: What else its servers speak.
        owner_at: Where its owner is written.
    """

    key: str
    protocol: str | None
    other_protocols: tuple[str, ...]
    naming: Naming
    hosts: frozenset[str]
    servers: tuple[Server, ...]
    title: str | None
    description: str | None
    bindings: object
    location: Location
    owner: Owner | None
    owner_level: Level | None
    owner_at: Location | None
    domain: str | None
    domain_from: str | None
    criticality: Criticality
    dead_letter: str | None
    telemetry: TelemetryOverride | None
    messages: tuple[Message, ...]
    facts: tuple[BindingFact, ...] = ()


class OperationDraft(Struct, frozen=True, kw_only=True, eq=False):
    """An operation whose channel ids are still open.

    Attributes:
        operation: Named after the service; where several documents share it, joining tells them apart.
        channel, reply_channel: Positions among the drafts of the document's channels.
    """

    operation: Operation
    channel: int
    reply_channel: int | None
    dead_letter: str | None


class DocumentDraft(Struct, frozen=True, kw_only=True, eq=False):
    """A document as it describes itself; `document.name` is its service until others are known."""

    document: Document
    channels: tuple[ChannelDraft, ...]
    operations: tuple[OperationDraft, ...]
    journeys: tuple[WrittenJourney, ...] = ()


class DocumentFile(Struct, frozen=True, kw_only=True):
    """A file that may be a document: its real path, its name in messages, whether somebody named it."""

    address: str
    shown: str
    named: bool


class DocumentRecord(Struct, frozen=True, kw_only=True, eq=False):
    """What a file gave.

    Attributes:
        readable: It is YAML or JSON.
        asyncapi: It has the key `asyncapi`.
        draft: None for what is no document of a known version.
        followed: Files it refers to: where the name stands, the name, and where it led (`Library.trace`).
        whole: Nothing came from the web, so `followed` says all that the record depends on.
    """

    readable: bool
    asyncapi: bool
    draft: DocumentDraft | None
    problems: tuple[Problem, ...]
    followed: tuple[tuple[str, str, str], ...]
    whole: bool


class OverlaidRecords(Struct, frozen=True, kw_only=True, eq=False):
    """What files gave with overlays laid under them.

    Attributes:
        problems: Of the overlays themselves.
        followed, whole: As of a record, for what overlays refer to on their way into documents.
    """

    records: tuple[DocumentRecord, ...]
    problems: tuple[Problem, ...]
    followed: tuple[tuple[str, str, str], ...]
    whole: bool
