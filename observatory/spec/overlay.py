"""Overlay files: what the owners of the documents do not say, said by somebody who cannot touch them.

    documents:
      payments:                                  # name of the document, its file name, or the end of its path
        /operations/onOrderPlaced:               # JSON pointer; an empty one is the document itself
          x-consumer-group: payments-v1
          action: receive                        # corrects a direction
        /channels/orders:
          address: orders.v1                     # fills an open address
          names: {queue: billing.orders}         # names that bindings cannot express
        "":
          servers: {main: {host: 'broker:9092', protocol: kafka}}
    addresses:
      orders.v1: {x-owner: pay-core}             # or with the protocol: kafka:orders.v1; action and names too

What the document says itself stands; an overlay shows where it is silent. `action` and `names` correct.
`schemas/overlay.json` describes the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading import read, segments_of
from observatory.spec.bindings import naming_of, protocols_of
from observatory.spec.corrections import BY_ADDRESS, PLACES, ambiguous_action, corrections_at, faults_of, shared_faults
from observatory.spec.declared import DeclaredDocument
from observatory.spec.extensions import EXTENSIONS
from observatory.spec.files import Source
from observatory.spec.references import Cursor, References
from observatory.spec.secrets import without_secrets
from observatory.spec.servers import family_of
from observatory.spec.suggestions import hint_for, meant

TOP_KEYS = ("documents", "addresses")


class Overlays(Struct):
    """Overlay files that were read; entries by pointer are already in force."""

    problems: list[Problem] = field(default_factory=list)
    _addresses: list[tuple[str, Cursor, Location]] = field(default_factory=list)

    @classmethod
    def read(cls, paths: Sequence[Path], references: References, sources: Sequence[Source]) -> Overlays:
        """Read overlay files and lay their entries under the documents."""
        overlays = cls()
        for path in paths:
            try:
                source = Source(str(path.resolve()), without_secrets(read(path)))
            except InputInvalid as error:
                overlays.problems += error.problems
                continue
            overlays.problems += source.reading.problems
            overlays._read_file(Cursor(references, source, (), source.data), references, sources)
        return overlays

    def by_address(self, documents: Sequence[DeclaredDocument]) -> None:
        """Put entries by runtime address in force; one that no channel has is a problem."""
        if not self._addresses:
            return
        known: dict[str, list[tuple[DeclaredDocument, str]]] = {}
        for document in documents:
            for channel in document.channels:
                operations = [one for one in document.operations if one.channel is channel]
                protocol = next(iter(protocols_of(channel, operations)), None)
                naming = naming_of(channel, operations, protocol)
                for address in {naming.address, *(name.value for name in naming.names)} - {None}:
                    for word in (str(address), f"{protocol}:{address}"):
                        known.setdefault(word, []).append((document, channel.key))
        for word, value, at in self._addresses:
            protocol, colon, rest = word.partition(":")
            written = f"{family_of(protocol)}:{rest}" if colon and word not in known else word
            if written not in known:
                near = meant(word, known)
                hint = f"did you mean {near!r}?" if near else None
                self._add("overlay-target", f"no channel has the address {word!r}", at, hint)
            for document, key in known.get(written, ()):
                if (fault := ambiguous_action(value, document, key)) is not None:
                    self.problems.append(fault)
                else:
                    document.by_address.setdefault(key, []).append(value)

    def _read_file(self, root: Cursor, references: References, sources: Sequence[Source]) -> None:
        if not isinstance(root.value, dict):
            self._add("overlay-form", "an overlay is a mapping with documents and addresses", root.location())
            return
        self._known_keys(root, TOP_KEYS)
        for key, names in self._mapping(root, "documents"):
            targets = [source for source in sources if _means(key, source)]
            if len(targets) != 1:
                some = "no document" if not targets else f"{len(targets)} documents"
                paths = [Path(source.reading.path) for source in sources]
                known = [word for path in paths for word in (path.stem, path.name)]
                hint = hint_for(key, known) if not targets and known else "name more of its path"
                at = root.location("documents", key, key=True)
                self._add("overlay-target", f"{some} can be meant by {key!r}", at, hint)
                continue
            for pointer, value in self._entries(names):
                self._lay(pointer, value, names.location(pointer, key=True), references, targets[0])
        for address, value in self._mapping(root, "addresses"):
            at = root.location("addresses", address, key=True)
            self._known_keys(value, (*EXTENSIONS, *BY_ADDRESS))
            self.problems += shared_faults(value)
            self._addresses.append((address, value, at))

    def _lay(self, pointer: str, value: Cursor, at: Location, references: References, target: Source) -> None:
        try:
            segments = segments_of(pointer.removeprefix("#"))
        except ValueError as error:
            self._add("overlay-target", str(error), at)
            return
        cursor: Cursor | None = Cursor(references, target, (), target.data)
        for segment in segments:
            raw = cursor.raw(segment) if cursor else None
            if cursor is not None and isinstance(cursor.value, list) and segment.isdecimal():
                items = list(cursor.items())
                raw = items[int(segment)] if int(segment) < len(items) else None
            if raw is None:
                near = meant(segment, cursor.keys()) if cursor else None
                hint = f"did you mean {near!r}?" if near else None
                self._add("overlay-target", f"{target.reading.path} has nothing at {pointer!r}", at, hint)
                return
            cursor = raw.follow()
        if cursor is None or not isinstance(cursor.value, dict):
            self._add("overlay-target", f"what {target.reading.path} has at {pointer!r} is no mapping", at)
            return
        misplaced = [key for key in PLACES if key in value.value and key not in corrections_at(segments)]
        self._known_keys(value, (*EXTENSIONS, *corrections_at(segments), *misplaced))
        family = 2 if str(target.data.get("asyncapi")).startswith("2") else 3
        self.problems += faults_of(value, segments, cursor, family)
        kept = references.overlays.get(cursor.identity)
        references.overlays[cursor.identity] = value if kept is None else kept.over([value])

    def _mapping(self, holder: Cursor, key: str) -> Iterator[tuple[str, Cursor]]:
        found = holder.get(key)
        return self._entries(found) if found is not None else iter(())

    def _entries(self, holder: Cursor) -> Iterator[tuple[str, Cursor]]:
        if not isinstance(holder.value, dict):
            self._add("overlay-form", "this is a mapping in an overlay", holder.location())
            return
        for key, value in holder.entries():
            if isinstance(value.value, dict):
                yield key, value
            else:
                self._add("overlay-form", f"what stands under {key!r} is a mapping", value.location())

    def _known_keys(self, holder: Cursor, known: Sequence[str]) -> None:
        for key in holder.value if isinstance(holder.value, dict) else ():
            if key not in known:
                at = holder.location(key, key=True)
                self._add("overlay-key", f"an overlay has no key {key!r} here", at, hint_for(key, known))

    def _add(self, code: str, message: str, at: Location, hint: str | None = None) -> None:
        self.problems.append(Problem(code=code, message=message, location=at, hint=hint))


def _means(key: str, source: Source) -> bool:
    """Whether a word in an overlay means a document: its name, its file name, or the end of its path."""
    path = Path(source.reading.path)
    words = {path.name, path.stem, str(path), _title_slug(source)}
    return key in words or path.as_posix().endswith("/" + key)


def _title_slug(source: Source) -> str:
    info = source.data.get("info") if isinstance(source.data, dict) else None
    if not isinstance(info, dict):
        return ""
    named = info.get("x-service-name") or source.data.get("x-service-name")
    title = named or info.get("title")
    return str(named) if named else re.sub(r"[^\w.]+", "-", str(title or "").strip().lower()).strip("-.")
