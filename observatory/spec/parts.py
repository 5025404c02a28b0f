"""What a channel carries and where it lives: messages and servers, as documents name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from observatory.location import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message type on a channel; `schema` and `headers` are plain resolved data, never interpreted here.

    Attributes:
        definitions: What references lead to that are left standing in them, because they contain themselves.
    """

    name: str
    title: str | None = None
    content_type: str | None = None
    schema_format: str | None = None
    schema: object = field(default=None, compare=False)
    headers: object = field(default=None, compare=False)
    definitions: Mapping[str, object] = field(default_factory=dict, compare=False)
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A broker as a document names it. `host` has variables filled by their defaults and credentials removed."""

    name: str
    host: str
    protocol: str
    protocol_version: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    location: Location | None = field(default=None, compare=False)
