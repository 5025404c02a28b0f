"""Entities of Backstage descriptors: read from their files, and found by reference."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from observatory.location import Location
from observatory.spec.ownership.claims import plain
from observatory.spec.ownership.finding import Faults, File
from observatory.spec.ownership.pages import Page, Pages

KINDS = ("api", "component", "system", "domain", "group", "user", "location")
"""Kinds that say something here; others are left alone, for anybody may invent kinds."""
MAX_ENTITIES = 50_000
MAX_TARGETS = 1_000
DEFAULT_NAMESPACE = "default"


class EntityRef(Struct, frozen=True):
    """A reference to an entity, `[kind:][namespace/]name`; compared without regard to case."""

    kind: str
    namespace: str
    name: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind.casefold(), self.namespace.casefold(), self.name.casefold()

    @property
    def shown(self) -> str:
        """The name, with the namespace where it is not the default one."""
        return self.name if self.namespace.casefold() == DEFAULT_NAMESPACE else f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind}:{self.namespace}/{self.name}"


class Entity(Struct, frozen=True, eq=False):
    """One entity and the page that it is."""

    ref: EntityRef
    page: Page
    metadata: dict[str, Any]
    spec: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.ref.kind

    @property
    def name(self) -> str:
        return self.ref.name

    @property
    def type(self) -> str:
        return str(self.spec.get("type", "")).lower()

    def at(self, *segments: str) -> Location:
        """The place of a part."""
        return self.page.at(*segments)

    def source(self, *segments: str) -> str:
        """The provenance of what stands at a part: `backstage catalog-info.yaml:12`."""
        return f"backstage {self.page.line(*segments)}"


class Entities(Struct):
    """All entities of all descriptors, those that locations lead to included."""

    pages: Pages
    faults: Faults
    roots: Sequence[Path]
    _by_key: dict[tuple[str, str, str], Entity] = field(default_factory=dict)
    _by_kind: dict[str, list[Entity]] = field(default_factory=dict)
    _files: set[Path] = field(default_factory=set)

    def read(self, files: Iterable[File]) -> None:
        """Read files and, local ones only, those that their locations name."""
        pending = list(files)
        while pending:
            file = pending.pop(0)
            if file.path in self._files:
                continue
            self._files.add(file.path)
            for page in self.pages.of(file):
                entity = self._entity(page)
                if entity is not None and entity.kind == "location":
                    pending += self._targets(entity)
                elif entity is not None:
                    self._keep(entity)

    def of_kind(self, kind: str) -> list[Entity]:
        """Entities of a kind, in the order of reading."""
        return self._by_kind.get(kind, [])

    def find(self, reference: EntityRef) -> Entity | None:
        return self._by_key.get(reference.key)

    def ref(self, entity: Entity, key: str, kind: str) -> EntityRef | None:
        """The reference under a key of the spec; what is no reference is reported."""
        value = entity.spec.get(key)
        return None if value is None else self._parsed(entity, value, kind, (key,))

    def refs(self, entity: Entity, key: str, kind: str) -> Iterator[tuple[EntityRef, str]]:
        """References of a list, each with its index."""
        values = entity.spec.get(key)
        for index, value in enumerate(values) if isinstance(values, list) else ():
            if (found := self._parsed(entity, value, kind, (key, str(index)))) is not None:
                yield found, str(index)

    def _parsed(self, entity: Entity, value: Any, kind: str, at: tuple[str, ...]) -> EntityRef | None:
        if isinstance(value, dict) and (name := plain(value.get("name"))) is not None:
            chosen = plain(value.get("kind")) or kind
            return EntityRef(chosen.lower(), plain(value.get("namespace")) or entity.ref.namespace, name)
        if isinstance(value, str) and (text := plain(value)) is not None:
            head, colon, rest = text.partition(":")
            named = rest if colon else head
            namespace, slash, name = named.partition("/")
            if (name if slash else namespace).strip():
                chosen = head.strip().lower() if colon and head.strip() else kind
                return EntityRef(chosen, namespace if slash else entity.ref.namespace, name if slash else namespace)
        message = f"{'.'.join(('spec', *at))} is no reference to a {kind}"
        hint = f"write it as {kind}:default/name, or the name alone"
        self.faults.add("ownership-form", message, entity.at("spec", *at), hint, file=entity.page.file)
        return None

    def _entity(self, page: Page) -> Entity | None:
        data = page.data
        if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
            self.faults.add("ownership-form", "this is no entity: it has no kind", page.at(), file=page.file)
            return None
        kind = data["kind"].strip().lower()
        if kind not in KINDS:
            return None
        metadata = data.get("metadata")
        name = plain(metadata.get("name")) if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or name is None:
            at = page.at("metadata", "name") if isinstance(metadata, dict) else page.at("kind")
            message = f"this {data['kind']} has no name"
            self.faults.add("ownership-form", message, at, "add metadata: {name: ...}", file=page.file)
            return None
        spec = data.get("spec")
        if spec is not None and not isinstance(spec, dict):
            self.faults.add("ownership-form", "the spec of an entity is a mapping", page.at("spec"), file=page.file)
        return Entity(
            ref=EntityRef(kind, plain(metadata.get("namespace")) or DEFAULT_NAMESPACE, name),
            page=page,
            metadata=metadata,
            spec=spec if isinstance(spec, dict) else {},
        )

    def _keep(self, entity: Entity) -> None:
        other = self._by_key.setdefault(entity.ref.key, entity)
        if other is not entity:
            message = f"there are two of {entity.ref}"
            hint = f"the first is believed: {other.page.line('metadata', 'name')}"
            self.faults.add("ownership-twice", message, entity.at("metadata", "name"), hint, severity="warning")
        elif len(self._by_key) <= MAX_ENTITIES:
            self._by_kind.setdefault(entity.kind, []).append(entity)

    def _targets(self, entity: Entity) -> Iterator[File]:
        """Files that a location names; web addresses are not fetched."""
        listed = entity.spec.get("targets")
        if isinstance(listed, list) and len(listed) >= MAX_TARGETS:
            message = f"this location names more than {MAX_TARGETS:,} files; the others are not read"
            self.faults.add("ownership-too-many", message, entity.at("spec", "targets"))
        named: list[tuple[Any, tuple[str, ...]]] = [(entity.spec.get("target"), ("target",))]
        named += [
            (one, ("targets", str(index))) for index, one in enumerate(listed if isinstance(listed, list) else [])
        ]
        for value, at in named[:MAX_TARGETS]:
            if not isinstance(value, str) or "://" in value or not value.strip():
                continue
            file = entity.page.file
            target = os.path.normpath(entity.page.folder / value.strip())
            shown = os.path.normpath(Path(file.shown).parent / value.strip())
            place = entity.at("spec", *at)
            try:
                real = Path(target).resolve()
                there = real.is_file()
            except (OSError, ValueError, RuntimeError):
                self.faults.add("ownership-reference", f"{value!r} is not a usable file name", place)
                continue
            allowed = [*self.roots, *([file.root] if file.root is not None else [])]
            if not any(real.is_relative_to(root) for root in allowed):
                message = f"{value!r} leads outside the folders that may be read"
                self.faults.add("reference-outside-roots", message, place, severity="warning")
            elif not there:
                message = f"there is no file {value!r} beside {Path(file.shown).name}"
                self.faults.add("ownership-reference", message, place, severity="warning")
            else:
                yield File("backstage", real, shown, named=file.named, root=file.root)
