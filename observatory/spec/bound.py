"""One channel seen through one protocol: its bindings, those of its operations and servers, and names made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from observatory.location import Location
from observatory.spec.catalog import NameKind, RuntimeName
from observatory.spec.declared import DeclaredChannel, DeclaredOperation, DeclaredServer
from observatory.spec.references import Cursor
from observatory.spec.servers import family_of, speaks
from observatory.spec.templates import runtime_name


class Bound(Struct, frozen=True):
    """One channel seen through one protocol."""

    protocol: str
    channel: DeclaredChannel
    operations: Sequence[DeclaredOperation]

    @property
    def binding(self) -> Cursor | None:
        """The channel binding."""
        return binding_of(self.channel.cursor, self.protocol)

    def operation_bindings(self) -> Iterator[Cursor]:
        """Bindings of the operations that have one."""
        for operation in self.operations:
            if (found := binding_of(operation.cursor, self.protocol)) is not None:
                yield found

    def servers(self) -> list[DeclaredServer]:
        """The channel's servers of this protocol."""
        return [server for server in self.channel.servers if speaks(server.server, self.protocol)]

    def server_bindings(self) -> Iterator[Cursor]:
        """Bindings of the servers that have one."""
        for server in self.channel.servers:
            if (found := binding_of(server.cursor, self.protocol)) is not None:
                yield found

    def name(
        self, kind: NameKind, text: str, provenance: str, location: Location | None, *, wildcards: bool = True
    ) -> RuntimeName:
        """A name whose text may hold parameters of the channel."""
        return runtime_name(
            kind,
            text,
            provenance,
            protocol=self.protocol,
            enums=self.channel.enums() if "{" in text else None,
            location=location,
            wildcards=wildcards,
        )

    def address(self, kind: NameKind, *, wildcards: bool = True) -> list[RuntimeName]:
        """The channel's address as a name; nothing where it is open or empty."""
        channel = self.channel
        if not channel.address:
            return []
        at = address_location(channel)
        return [self.name(kind, channel.address, channel.address_from, at, wildcards=wildcards)]

    def bound(self, holder: Cursor | None, key: str, kind: NameKind, called: str) -> list[RuntimeName]:
        """A name that a binding holds under a key."""
        text = holder.text(key) if holder else None
        if not text or holder is None:
            return []
        return [self.name(kind, text, f"{called} binding", holder.location(key))]

    def listed(self, holder: Cursor | None, key: str, kind: NameKind, called: str) -> list[RuntimeName]:
        """Names that a binding lists under a key."""
        found = holder.get(key) if holder else None
        return [
            self.name(kind, one.value, f"{called} binding", one.location())
            for one in (found.items() if found else ())
            if isinstance(one.value, str) and one.value
        ]


def address_location(channel: DeclaredChannel) -> Location:
    """Where the address of a channel is written."""
    if channel.address_from == "address":
        return channel.cursor.location("address")
    if channel.address_from == "overlay" and (overlay := channel.cursor.references.overlay_of(channel.cursor)):
        return overlay.location("address")
    return channel.key_cursor.location(key=True)


def bindings_of(holder: Cursor, protocol: str) -> Iterator[Cursor]:
    """Whatever an object has bound to a protocol, the protocol's own spelling first; most often a mapping."""
    bindings = holder.get("bindings")
    if bindings is None or not isinstance(bindings.value, dict):
        return
    keys = bindings.keys()
    for key in (*(key for key in keys if key == protocol), *(key for key in keys if key != protocol)):
        if family_of(key) == protocol and (found := bindings.get(key)) is not None:
            yield found


def binding_of(holder: Cursor, protocol: str) -> Cursor | None:
    """The binding of an object for a protocol, whichever spelling of the protocol it uses.

    Of two spellings the protocol's own one stands: `mqtt` beside an empty `mqtt5`.
    """
    bindings = holder.get("bindings")
    if bindings is None or not isinstance(bindings.value, dict):
        return None
    own = bindings.get(protocol)  # most often there is one spelling, and it is this one
    if own is not None and isinstance(own.value, dict):
        return own
    return next((found for found in bindings_of(holder, protocol) if isinstance(found.value, dict)), None)
