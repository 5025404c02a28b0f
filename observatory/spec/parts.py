"""What a channel carries and where it lives: messages and servers, as documents name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from observatory.location import Location, Placed


class Message(Placed, frozen=True, kw_only=True):
    """A message type on a channel; `schema` and `headers` are plain resolved data, never interpreted here.

    Attributes:
        definitions: What references lead to that are left standing in them, because they contain themselves.
    """

    beside: ClassVar = frozenset({"schema", "headers", "definitions", "location"})

    name: str
    title: str | None = None
    content_type: str | None = None
    schema_format: str | None = None
    schema: object = None
    headers: object = None
    definitions: Mapping[str, object] = field(default_factory=dict)
    location: Location | None = None


class Server(Placed, frozen=True, kw_only=True):
    """A broker as a document names it. `host` has variables filled by their defaults and credentials removed."""

    name: str
    host: str
    protocol: str
    protocol_version: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    location: Location | None = None
