"""One document in the catalogue's words: its operations and channels with everything that is inherited filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.bindings import naming_of, protocols_of
from observatory.spec.bound import Bound
from observatory.spec.bound_values import BindingFact, ConsumerIdentity
from observatory.spec.catalog import Document, Operation, Owner
from observatory.spec.consumers import client_of, consumers_of
from observatory.spec.corrections import corrected_action, corrected_naming
from observatory.spec.declared import DeclaredChannel, DeclaredDocument, DeclaredMessage, DeclaredOperation
from observatory.spec.drafts import ChannelDraft, DocumentDraft, Level, OperationDraft
from observatory.spec.extensions import APPLICATION_BINDINGS, GROUP_HINTS, ExtensionReader
from observatory.spec.facts import channel_facts, operation_facts
from observatory.spec.journey_reading import journeys_of_document
from observatory.spec.objective_reading import ObjectiveReading
from observatory.spec.parts import Message
from observatory.spec.recursion import recursive_parts
from observatory.spec.references import Cursor
from observatory.spec.servers import hosts_of, speaks

Levels = Iterator[tuple[Level, Cursor]]
T = TypeVar("T")


@dataclass(slots=True)
class Description:
    """Reads one declared document into drafts."""

    declared: DeclaredDocument
    service: str
    extensions: ExtensionReader
    problems: list[Problem] = field(default_factory=list)
    channels: list[ChannelDraft] = field(default_factory=list)
    operations: list[OperationDraft] = field(default_factory=list)
    _messages: dict[object, Message] = field(default_factory=dict)
    _objectives: ObjectiveReading = field(init=False)
    _server_facts: dict[object, tuple[BindingFact, ...]] = field(default_factory=dict)
    _service_from: str | None = None

    def __post_init__(self) -> None:
        self._objectives = ObjectiveReading(self.declared, self.problems)

    def draft(self) -> DocumentDraft:
        """The document with its channels and operations."""
        self._describe()
        document = self._document()
        return DocumentDraft(
            document=document,
            channels=tuple(self.channels),
            operations=tuple(self.operations),
            journeys=journeys_of_document(
                self.declared, self.extensions, self.problems, owner=document.owner, domain=document.domain
            ),
        )

    def _document(self) -> Document:
        info = self.declared.info
        owner, _ = self._owner(self.declared.document_levels("x-owner"))
        domain, domain_from = self._sourced_text("x-domain", self.declared.document_levels("x-domain"))
        return Document(
            name=self.service,
            path=self.declared.root.source.reading.path,
            version=self.declared.version,
            title=(info.text("title") if info else None) or self.service,
            service=self.service,
            description=(info.text("description") if info else None) or "",
            owner=owner,
            domain=domain,
            service_provenance=self._service_provenance(),
            domain_provenance=domain_from,
        )

    def _describe(self) -> None:
        on: dict[int, list[DeclaredOperation]] = {}
        for operation in self.declared.operations:
            on.setdefault(id(operation.channel), []).append(operation)
        positions = {id(channel): position for position, channel in enumerate(self.declared.channels)}
        for channel in self.declared.channels:
            self.channels.append(self._channel(channel, on.get(id(channel), [])))
        names: set[str] = set()
        for operation in self.declared.operations:
            beside = [other for other in on[id(operation.channel)] if other is not operation]
            self.operations.append(self._operation(operation, positions, beside, names))
        self._objectives.report_unused()

    def _channel(self, channel: DeclaredChannel, operations: list[DeclaredOperation]) -> ChannelDraft:
        levels = self.declared.channel_levels
        protocol = next(iter(protocols_of(channel, operations)), None)
        naming = corrected_naming(naming_of(channel, operations, protocol), self.declared, channel, protocol or "")
        owner, owner_level, owner_at = self._written_owner(levels(channel, "x-owner"))
        domain, domain_from = self._sourced_text("x-domain", levels(channel, "x-domain"))
        cursor = channel.cursor
        bindings = cursor.get("bindings")
        dead_letter = self._first(levels(channel, "x-dead-letter"), self.extensions.dead_letter)
        return ChannelDraft(
            key=channel.key,
            protocol=protocol,
            other_protocols=tuple(sorted({one.server.protocol for one in channel.servers} - {protocol, ""})),
            naming=naming,
            hosts=frozenset[str]().union(
                *(
                    hosts_of(one.server, secure=one.secure, listed=one.listed_hosts)
                    for one in channel.servers
                    if speaks(one.server, protocol)
                )
            ),
            servers=tuple(one.server for one in channel.servers),
            title=cursor.text("title") or cursor.text("summary"),
            description=cursor.text("description"),
            bindings=bindings.plain() if bindings else None,
            location=channel.key_cursor.location(key=True),
            owner=owner,
            owner_level=owner_level,
            owner_at=owner_at,
            domain=domain,
            domain_from=domain_from,
            criticality=self._first(levels(channel, "x-criticality"), self.extensions.criticality) or "normal",
            dead_letter=dead_letter or naming.dead_letter,
            telemetry=self._first(levels(channel, "x-telemetry"), self.extensions.telemetry),
            facts=channel_facts(Bound(protocol or "", channel, operations), self.service, self._server_facts),
            messages=tuple(self._message(message) for message in channel.messages),
        )

    def _operation(
        self,
        declared: DeclaredOperation,
        positions: dict[int, int],
        beside: list[DeclaredOperation],
        names: set[str],
    ) -> OperationDraft:
        position = positions[id(declared.channel)]
        declared, action_from = self._corrected(declared)
        cursor = declared.cursor

        def levels(key: str) -> Levels:
            return self.declared.operation_levels(declared, key)

        name = self._unique_name(declared, names)
        consumers = self._consumers(declared, self.channels[position])
        group = consumers[0] if len(consumers) == 1 else None
        bindings = cursor.get("bindings")
        owner, _ = self._owner(levels("x-owner"))
        service, service_from = self._sourced_text("x-service-name", levels("x-service-name"))
        domain, domain_from = self._sourced_text("x-domain", levels("x-domain"))
        operation = Operation(
            key=f"{self.service}/{name}",
            document=self.service,
            name=name,
            service=service or self.service,
            service_provenance=service_from or self._service_provenance(),
            action=declared.action,
            action_provenance=action_from,
            channel_id="",
            channel_key=declared.channel.key,
            messages=tuple(self._message(message) for message in declared.messages),
            consumer_group=group.value if group else None,
            consumer_group_provenance=group.provenance if group else None,
            consumers=consumers,
            title=cursor.text("title") or cursor.text("summary"),
            description=cursor.text("description") or "",
            owner=owner,
            domain=domain,
            domain_provenance=domain_from,
            criticality=self._first(levels("x-criticality"), self.extensions.criticality) or "normal",
            objectives=self._objectives.of(declared, beside),
            telemetry=self._first(levels("x-telemetry"), self.extensions.telemetry),
            bindings=bindings.plain() if bindings else None,
            facts=operation_facts(declared, self.channels[position].protocol, self.service, f"{self.service}/{name}"),
            location=declared.own.location(key=True),
        )
        dead_letter = cursor.get("x-dead-letter")
        return OperationDraft(
            operation=operation,
            channel=position,
            reply_channel=None if declared.reply_channel is None else positions[id(declared.reply_channel)],
            dead_letter=self.extensions.dead_letter(dead_letter) if dead_letter else None,
        )

    def _corrected(self, declared: DeclaredOperation) -> tuple[DeclaredOperation, str | None]:
        """The operation with the direction that an overlay gives it, and where it gives it."""
        action, provenance = corrected_action(self.declared, declared)
        return (replace(declared, action=action) if action != declared.action else declared), provenance

    def _unique_name(self, declared: DeclaredOperation, names: set[str]) -> str:
        name = declared.name
        if name in names:
            message = f"two operations are called {name!r}"
            at = declared.own.location("operationId")
            self._add("operation-duplicate", message, at, "operationId is unique in a document")
            name = f"{declared.channel.key}.{'publish' if declared.action == 'receive' else 'subscribe'}"
        names.add(name)
        return name

    def _consumers(self, declared: DeclaredOperation, draft: ChannelDraft) -> tuple[ConsumerIdentity, ...]:
        """Who consumes: by the binding, else by the extensions, else the client where a protocol has nothing else."""
        if declared.action != "receive":
            return ()
        if bound := consumers_of(declared, draft.protocol, draft.naming):
            return bound
        named = self._named_group(declared) or client_of(declared, draft.protocol)
        return (named,) if named else ()

    def _named_group(self, declared: DeclaredOperation) -> ConsumerIdentity | None:
        def group(text: str, key: str, level: Level, value: Cursor) -> ConsumerIdentity:
            provenance = self._provenance(key, level, value)
            return ConsumerIdentity(kind="group", value=text, provenance=provenance, location=value.location())

        for level, value in self.declared.operation_levels(declared, "x-consumer-group"):
            if text := self.extensions.text("x-consumer-group", value):
                return group(text, "x-consumer-group", level, value)
        for hint in GROUP_HINTS:
            for level, value in self.declared.operation_levels(declared, hint):
                if isinstance(value.value, str) and value.value.strip():
                    return group(value.value.strip(), hint, level, value)
        for level, value in self.declared.operation_levels(declared, APPLICATION_BINDINGS):
            named = value.get(GROUP_HINTS[0])
            if named is not None and isinstance(named.value, str) and named.value.strip():
                return group(named.value.strip(), f"{GROUP_HINTS[0]} in {APPLICATION_BINDINGS}", level, named)
        return None

    def _message(self, declared: DeclaredMessage) -> Message:
        cursor = declared.cursor
        key = (declared.name, cursor.identities)
        if key not in self._messages:
            payload, form = cursor.get("payload"), cursor.text("schemaFormat")
            if payload is not None and isinstance(payload.value, dict) and "schemaFormat" in payload.value:
                form, payload = payload.text("schemaFormat"), payload.get("schema")
            headers = cursor.get("headers")
            schema, header_schema = payload.plain() if payload else None, headers.plain() if headers else None
            self._messages[key] = Message(
                name=declared.name,
                title=cursor.text("title"),
                content_type=cursor.text("contentType") or self.declared.root.text("defaultContentType"),
                schema_format=form,
                schema=schema,
                headers=header_schema,
                definitions=recursive_parts(cursor.references, schema, header_schema),
                location=cursor.location(),
            )
        return self._messages[key]

    def _owner(self, levels: Levels) -> tuple[Owner | None, Level | None]:
        owner, level, _ = self._written_owner(levels)
        return owner, level

    def _written_owner(self, levels: Levels) -> tuple[Owner | None, Level | None, Location | None]:
        for level, value in levels:
            if owner := self.extensions.owner(value, self._provenance("x-owner", level, value)):
                return owner, level, value.location()
        return None, None, None

    def _provenance(self, key: str, level: Level, value: Cursor) -> str:
        overlaid = value.source in {overlay.source for overlay in value.references.overlays.values()} or any(
            value.source is overlay.source for overlays in self.declared.by_address.values() for overlay in overlays
        )
        if not overlaid:
            return f"{key} on {level}"
        at = value.location(key=True)
        return f"overlay {at.path}:{at.line}"

    def _sourced_text(self, key: str, levels: Levels) -> tuple[str | None, str | None]:
        """The first text and where it comes from."""
        for level, value in levels:
            if (text := self.extensions.text(key, value)) is not None:
                return text, self._provenance(key, level, value)
        return None, None

    def _service_provenance(self) -> str:
        """Where `service_name` finds the name."""
        if self._service_from is None:
            _, said = self._sourced_text("x-service-name", self.declared.document_levels("x-service-name"))
            self._service_from = said or ("id" if _name_in_id(self.declared) else "title")
        return self._service_from

    @staticmethod
    def _first(levels: Levels, read: Callable[[Cursor], T | None]) -> T | None:
        return next((found for _, value in levels if (found := read(value)) is not None), None)

    def _add(self, code: str, message: str, at: Location | None, hint: str | None = None) -> None:
        self.problems.append(Problem(code=code, message=message, location=at, hint=hint))


def service_name(declared: DeclaredDocument, extensions: ExtensionReader) -> str:
    """The application that a document describes: `x-service-name`, else the end of its id, else its title."""
    for _, value in declared.document_levels("x-service-name"):
        if text := extensions.text("x-service-name", value):
            return text
    if tail := _name_in_id(declared):
        return slug(tail)
    title = declared.info.text("title") if declared.info else None
    stem = re.sub(r"\.(ya?ml|json)$", "", declared.root.source.reading.path.rsplit("/", 1)[-1])
    return slug(title or "") or slug(stem) or "document"


def _name_in_id(declared: DeclaredDocument) -> str:
    """The last part of the document's id, empty where there is none."""
    return re.split(r"[:/#]", (declared.root.text("id") or "").rstrip(":/#"))[-1]


def slug(text: str) -> str:
    """Lower case, with hyphens between words; letters and digits of any alphabet stay."""
    return re.sub(r"[^\w.]+", "-", text.strip().lower()).strip("-.")[:100]
