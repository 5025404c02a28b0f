"""Schema resolution of Avro 1.11: what a reader makes of each thing that a writer wrote, and where it fails.

Records, enums and fixed match by their unqualified names, or where the writer's full name is an alias of the reader's.
A field that the writer does not have needs a default; one that the reader does not have is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from observatory.spec.changes.avro.types import AvroField, AvroType
from observatory.spec.changes.verdict import Reason

PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
"""What a reader may make of a primitive type besides itself."""
MAX_REASONS = 200
MAX_STEPS = 50_000


class Resolution(Struct):
    """One direction of one pair of schemas."""

    _open: set[tuple[int, int]] = field(default_factory=set)
    _steps: int = 0

    def reasons(self, writer: AvroType, reader: AvroType) -> list[Reason]:
        """Where the reader fails on something that the writer may write."""
        found: list[Reason] = []
        for reason in self._resolve(writer, reader, "$"):
            found.append(reason)
            if len(found) >= MAX_REASONS:
                break
        return found

    def _resolve(self, writer: AvroType, reader: AvroType, path: str) -> Iterator[Reason]:
        # A type that contains itself is resolved while it is being resolved.
        pair = (id(writer), id(reader))
        if pair in self._open:
            return
        self._steps += 1
        if self._steps > MAX_STEPS:
            if self._steps == MAX_STEPS + 1:
                yield Reason(path=path, keyword="schema", message="the schemas are too large to decide", proved=False)
            return
        self._open.add(pair)
        try:
            yield from self._resolve_new(writer, reader, path)
        finally:
            self._open.discard(pair)

    def _resolve_new(self, writer: AvroType, reader: AvroType, path: str) -> Iterator[Reason]:
        if writer.kind == "union":
            for branch in writer.inner:
                yield from self._resolve(branch, reader, path)
        elif reader.kind == "union":
            yield from self._into_union(writer, reader, path)
        elif not _matches(writer, reader):
            yield self._mismatch(writer, reader, path)
        else:
            yield from self._logical(writer, reader, path)
            if writer.kind == "record":
                yield from self._record(writer, reader, path)
            elif writer.kind == "enum":
                yield from self._enum(writer, reader, path)
            elif writer.kind == "array":
                yield from self._resolve(writer.inner[0], reader.inner[0], f"{path}[]")
            elif writer.kind == "map":
                yield from self._resolve(writer.inner[0], reader.inner[0], f"{path}.*")

    def _into_union(self, writer: AvroType, reader: AvroType, path: str) -> Iterator[Reason]:
        matching = [branch for branch in reader.inner if _matches(writer, branch)]
        if not matching:
            message = f"the writer may write {writer.spoken()}, which no branch of {reader.spoken()} takes"
            yield Reason(path=path, keyword="union", message=message, proved=True)
            return
        best: list[Reason] | None = None
        for branch in matching:
            found = list(self._resolve(writer, branch, path))
            if not any(reason.proved for reason in found):
                yield from found
                return
            if best is None or len(found) < len(best):
                best = found
        yield from best or ()

    def _record(self, writer: AvroType, reader: AvroType, path: str) -> Iterator[Reason]:
        by_name = {one.name: one for one in writer.fields}
        for one in reader.fields:
            source = _source(one, by_name)
            if source is not None:
                yield from self._resolve(source.type, one.type, f"{path}.{one.name}")
            elif not one.has_default:
                message = f"the reader's field {one.name!r} has no default, and the writer does not write it"
                yield Reason(path=f"{path}.{one.name}", keyword="default", message=message, proved=True)

    def _enum(self, writer: AvroType, reader: AvroType, path: str) -> Iterator[Reason]:
        unknown = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
        if unknown and (reader.symbol is None or reader.symbol not in reader.symbols):
            message = f"the reader's enum has no {' and no '.join(unknown[:5])}, and no default to fall back on"
            yield Reason(path=path, keyword="symbols", message=message, proved=True)

    def _logical(self, writer: AvroType, reader: AvroType, path: str) -> Iterator[Reason]:
        if not writer.logical or not reader.logical or writer.logical == reader.logical:
            return
        if writer.logical[0] == reader.logical[0] == "decimal":
            message = (
                f"decimals match only with the same precision and scale: ({', '.join(writer.logical[1:])}) was"
                f" written, ({', '.join(reader.logical[1:])}) is read"
            )
            yield Reason(path=path, keyword="logicalType", message=message, proved=True)
            return
        names = writer.logical[0], reader.logical[0]
        message = f"{names[0]} was written and is read as {names[1]}: it resolves, and may mean another value"
        yield Reason(path=path, keyword="logicalType", message=message, proved=False)

    def _mismatch(self, writer: AvroType, reader: AvroType, path: str) -> Reason:
        if writer.kind == reader.kind == "fixed" and _same_name(writer, reader):
            message = f"fixed {reader.name} has {writer.size} bytes for the writer and {reader.size} for the reader"
            return Reason(path=path, keyword="size", message=message, proved=True)
        if writer.kind == reader.kind and writer.name:
            message = (
                f"the writer's {writer.spoken()} is neither the name nor an alias of the reader's {reader.spoken()}"
            )
            return Reason(path=path, keyword="name", message=message, proved=True)
        message = f"the writer writes {writer.spoken()}, which is not read as {reader.spoken()}"
        return Reason(path=path, keyword="type", message=message, proved=True)


def _same_name(writer: AvroType, reader: AvroType) -> bool:
    return writer.short_name == reader.short_name or writer.name in reader.aliases


def _matches(writer: AvroType, reader: AvroType) -> bool:
    """Whether two schemas that are no unions match at their top."""
    if writer.kind != reader.kind:
        return reader.kind in PROMOTIONS.get(writer.kind, ())
    if writer.kind == "fixed":
        return writer.size == reader.size and _same_name(writer, reader)
    return not writer.name or _same_name(writer, reader)


def _source(wanted: AvroField, by_name: dict[str, AvroField]) -> AvroField | None:
    """The writer's field that is read into a field of the reader."""
    return next((by_name[name] for name in (wanted.name, *wanted.aliases) if name in by_name), None)
