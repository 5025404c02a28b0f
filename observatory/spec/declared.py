"""What one document declares, in the same shape for 2.x and 3.x, each part with the cursor it was read from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct, field

from observatory.errors import Problem
from observatory.spec.catalog import Action
from observatory.spec.drafts import Level
from observatory.spec.parts import Server
from observatory.spec.references import Cursor


class DeclaredServer(Struct, frozen=True, kw_only=True, eq=False):
    """A server with its variables filled in.

    Attributes:
        path: What follows the host: the virtual host of an AMQP broker, the path of a WebSocket server.
        secure: The protocol's spelling says that connections are encrypted.
        listed_hosts: Hosts that the listed values of its variables make, the default among them.
    """

    server: Server
    path: str
    cursor: Cursor
    secure: bool = False
    listed_hosts: tuple[str, ...] = ()


class DeclaredMessage(Struct, frozen=True, kw_only=True, eq=False):
    """A message and the name it goes by in its channel; the cursor has its traits merged."""

    name: str
    cursor: Cursor


class DeclaredChannel(Struct, frozen=True, kw_only=True, eq=False):
    """A channel of one document.

    Attributes:
        address: None when it is left open.
        address_from: `address`, or `channel key (2.x)`.
        key_cursor: Where the channel's key stands, which for a referenced channel is another place than `cursor`.
        servers: Those it is on; all servers of the document when it names none.
    """

    key: str
    address: str | None
    address_from: str
    cursor: Cursor
    key_cursor: Cursor
    servers: tuple[DeclaredServer, ...]
    messages: tuple[DeclaredMessage, ...]

    def enums(self) -> dict[str, list[str]]:
        """Allowed values of each parameter that lists them: `enum` in 3.x, `schema.enum` or `schema.const` in 2.x.

        A `default` allows others beside it, and lists nothing.
        """
        found: dict[str, list[str]] = {}
        parameters = self.cursor.get("parameters")
        for name, parameter in parameters.entries() if parameters else ():
            for holder in (parameter, parameter.get("schema")):
                const = holder.get("const") if holder else None
                values = holder.get("enum") if holder else None
                if const is not None:
                    found[name] = [_in_address(const.value)]
                elif values is not None and isinstance(values.value, list) and values.value:
                    found[name] = list(dict.fromkeys(_in_address(value) for value in values.value))
        return found


def _in_address(value: object) -> str:
    """A parameter's value as it stands in an address: as JSON writes it, text without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class DeclaredOperation(Struct, frozen=True, kw_only=True, eq=False):
    """An operation of one document.

    Attributes:
        cursor: Own values and traits merged by the rule of the version.
        own: The operation as written.
        traits: The traits merged into one, later ones over earlier ones; None where there are none.
    """

    name: str
    action: Action
    channel: DeclaredChannel
    cursor: Cursor
    own: Cursor
    traits: Cursor | None
    messages: tuple[DeclaredMessage, ...]
    reply_channel: DeclaredChannel | None = None


class DeclaredDocument(Struct, kw_only=True, eq=False):
    """A whole document; `problems` grows while it is read.

    Attributes:
        unplaced: Operations that cannot be used, for want of a channel or a direction.
        by_address: For each channel key what overlays say about its runtime address.
    """

    root: Cursor
    version: str
    family: Literal[2, 3]
    servers: dict[str, DeclaredServer] = field(default_factory=dict)
    channels: list[DeclaredChannel] = field(default_factory=list)
    operations: list[DeclaredOperation] = field(default_factory=list)
    unplaced: list[Cursor] = field(default_factory=list)
    by_address: dict[str, list[Cursor]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _own_levels: dict[str, list[tuple[Level, Cursor]]] = field(default_factory=dict)
    _keys: frozenset[str] | None = None

    @property
    def info(self) -> Cursor | None:
        return self.root.get("info")

    def operation_levels(self, operation: DeclaredOperation, key: str) -> Iterator[tuple[Level, Cursor]]:
        """Where a key is written for an operation, most specific first.

        In 2.x a trait overrides the operation, so it shows as the operation's own value. In 3.x a trait that the
        operation does not repeat ranks below the channel; one that it does repeat is merged under it.
        """
        if not self._may_hold(key):
            return
        own = key in operation.own.keys()  # noqa: SIM118 (merged layers)
        if (own or self.family == 2) and (found := operation.cursor.get(key)) is not None:
            yield "operation", found
        for message in operation.messages:
            if (found := message.cursor.get(key)) is not None:
                yield "message", found
        yield from self._channel_level(operation.channel, key)
        if not own and self.family == 3 and operation.traits and (found := operation.traits.get(key)) is not None:
            yield "trait", found
        yield from self._shared_levels(operation.channel, key)

    def channel_levels(self, channel: DeclaredChannel, key: str) -> Iterator[tuple[Level, Cursor]]:
        """Where a key is written for a channel as a whole, most specific first."""
        if not self._may_hold(key):
            return
        yield from self._channel_level(channel, key)
        yield from self._shared_levels(channel, key)

    def document_levels(self, key: str) -> Iterator[tuple[Level, Cursor]]:
        """Where a key is written for the document: on `info`, then at the root."""
        if key not in self._own_levels:
            info = self.info.get(key) if self.info else None
            found: list[tuple[Level, Cursor | None]] = [("info", info), ("root", self.root.get(key))]
            self._own_levels[key] = [(level, value) for level, value in found if value is not None]
        yield from self._own_levels[key]

    def _may_hold(self, key: str) -> bool:
        """Whether a key is written anywhere in the files of the document; most documents use few extensions."""
        references = self.root.references
        if references.overlays or self.by_address:
            return True
        if self._keys is None:
            self._keys = frozenset[str]().union(*(one.reading.keys or () for one in references.library.sources()))
        return key in self._keys

    def _channel_level(self, channel: DeclaredChannel, key: str) -> Iterator[tuple[Level, Cursor]]:
        if (found := channel.cursor.get(key)) is not None:
            yield "channel", found
        for overlay in self.by_address.get(channel.key, ()):
            if (found := overlay.get(key)) is not None:
                yield "channel", found

    def _shared_levels(self, channel: DeclaredChannel, key: str) -> Iterator[tuple[Level, Cursor]]:
        for server in channel.servers:
            if (found := server.cursor.get(key)) is not None:
                yield "server", found
        yield from self.document_levels(key)


def with_traits(cursor: Cursor, family: Literal[2, 3]) -> tuple[Cursor, Cursor | None]:
    """An object with its traits merged, and the traits alone.

    Deep merge after references are followed. Among traits the later one wins; against the object, the traits win in
    2.x and the object wins in 3.x.
    """
    listed = cursor.get("traits")
    traits = [one for one in (listed.items() if listed else ()) if isinstance(one.value, dict)]
    if not traits:
        return cursor, None
    last, *rest = reversed(traits)
    merged = last.over(rest)
    return (merged.over([cursor]) if family == 2 else cursor.over([merged])), merged
