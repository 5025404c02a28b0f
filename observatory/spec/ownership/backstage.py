"""Backstage entities: `catalog-info.yaml` says who owns an API, which component provides it and who consumes it.

A document is claimed by the API whose definition it is; else by the API or component of its name; else by the only
component of the nearest descriptor above it.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, field

from observatory.errors import InputInvalid
from observatory.reading import read_text
from observatory.spec.catalog import Document, Owner
from observatory.spec.ownership.claims import Claim, Estate, Findings, Said, Use, near, plain
from observatory.spec.ownership.entities import Entities, Entity, EntityRef
from observatory.spec.ownership.finding import DESCRIPTORS, Faults

ESCALATIONS = ("pagerduty.com/service-id", "opsgenie.com/team", "splunk.com/on-call-team")
"""Annotations that name who is called; keys that could raise an alarm are secrets, and left alone."""
CHATS = ("chat", "slack", "teams", "contact", "email")
NO_SERVICE = ("library", "documentation")
"""Types of components that do not run."""


class Backstage(Struct):
    """Entities of all descriptors, and what they mean for the documents."""

    entities: Entities
    estate: Estate
    found: Findings
    faults: Faults
    _documents: dict[Entity, Document | None] = field(default_factory=dict)
    _claimants: dict[str, list[Entity]] = field(default_factory=lambda: defaultdict(list))
    _nearest: dict[str, tuple[Entity, ...]] = field(default_factory=dict)
    _under: Counter[tuple[Entity, ...]] = field(default_factory=Counter)
    _called: dict[str, Entity] = field(default_factory=dict)
    _beside: dict[Path, list[Entity]] = field(default_factory=lambda: defaultdict(list))
    _providing: dict[Entity, list[Entity]] = field(default_factory=lambda: defaultdict(list))
    _owners: dict[tuple[Entity, ...], Owner | None] = field(default_factory=dict)

    def claim(self) -> None:
        """Put what the entities say into `found`."""
        self._index()
        component_of: dict[Entity, str] = {}
        for document, _ in self.estate.documents.values():
            claiming = self._claimants.get(document.name, [])
            for other in claiming[1:]:
                self._twice(document, claiming[0], other)
            api = claiming[0] if claiming else None
            providers = self._providers(claiming)
            component = providers[0] if len(providers) == 1 else None
            alone = component is not None
            if component is None and not providers:
                component, alone = self._component_of(document)
            if component is not None and alone:
                component_of.setdefault(component, document.name)
            if api is not None or component is not None:
                self._claim(document, api, component, alone)
        for one in self.entities.of_kind("component"):
            self._check_apis(one)
            for consumed, index in self._apis(one, "consumesApis"):
                if (target := self._documents.get(consumed)) is not None:
                    self._consumes(one, index, target, component_of.get(one))

    def _index(self) -> None:
        """What is asked again for every document."""
        for api in self.entities.of_kind("api"):
            self._documents[api] = document = self._document_of(api)
            if document is not None:
                self._claimants[document.name].append(api)
        for component in self.entities.of_kind("component"):
            if component.type not in NO_SERVICE:
                if component.page.file.path.name.lower() in DESCRIPTORS:
                    self._beside[component.page.folder].append(component)
                if (document := self.estate.called(component.name)) is not None:
                    self._called.setdefault(document.name, component)
            for api, _ in self._apis(component, "providesApis"):
                self._providing[api].append(component)
        self._nearest = {name: self._components_above(path) for name, (_, path) in self.estate.documents.items()}
        self._under = Counter(self._nearest.values())

    # which document is meant

    def _document_of(self, api: Entity) -> Document | None:
        """The document that an API's definition is."""
        definition = api.spec.get("definition")
        if isinstance(definition, dict):
            for key in ("$text", "$yaml", "$json", "$openapi", "$asyncapi"):
                if isinstance(target := definition.get(key), str):
                    return self._at(api, target)
        if str(api.spec.get("type", "")).lower() != "asyncapi":
            return None
        titles = _inline_names(definition) if isinstance(definition, str) else []
        return self.estate.called(*titles) or self.estate.called(api.name)

    def _at(self, api: Entity, target: str) -> Document | None:
        """The document at the path of a placeholder; a web address is compared by the end of its path."""
        if "://" not in target:
            try:
                path = Path(os.path.normpath(api.page.folder / target)).resolve()
            except (OSError, ValueError, RuntimeError):
                return None
            return self.estate.by_path.get(path)
        try:
            parts = Path(urlsplit(target).path).parts
        except ValueError:
            return None
        shared = {name: _shared_tail(path.parts, parts) for name, (_, path) in self.estate.documents.items()}
        longest = max(shared.values(), default=0)
        # A bare file name is no address: asyncapi.yaml is called so everywhere.
        best = [name for name, length in shared.items() if length == longest and length >= 2]
        return self.estate.documents[best[0]][0] if len(best) == 1 else self.estate.called(api.name)

    def _component_of(self, document: Document) -> tuple[Entity | None, bool]:
        """The component of a document that no API claims, and whether it is the document's alone.

        Several components beside a document count where they have one owner; none of them is its service then.
        """
        if (named := self._called.get(document.name)) is not None:
            return named, True
        nearest = self._nearest[document.name]
        if not nearest or len({str(one.spec.get("owner")) for one in nearest}) > 1:
            return None, False
        return nearest[0], len(nearest) == 1 and self._under[nearest] == 1

    def _components_above(self, path: Path) -> tuple[Entity, ...]:
        """Components of the nearest descriptor in or above a document's folder."""
        return next((tuple(self._beside[folder]) for folder in path.parents if folder in self._beside), ())

    # what is said about it

    def _claim(self, document: Document, api: Entity | None, component: Entity | None, alone: bool) -> None:
        said = [one for one in (api, component) if one is not None]
        service = None
        if component is not None and alone and component.type not in NO_SERVICE:
            service = Said(component.name, component.source("metadata", "name"), component.at("metadata", "name"))
        self.found.claims.append(
            Claim(
                reader="backstage",
                document=document.name,
                owner=self._owner(said),
                domain=next((domain for one in said if (domain := self._domain(one)) is not None), None),
                service=service,
            )
        )

    def _owner(self, entities: Sequence[Entity]) -> Owner | None:
        """The owner that the first of some entities names, with what all of them and the team say about reaching it."""
        key = tuple(entities)
        if key not in self._owners:
            self._owners[key] = self._named_owner(entities)
        return self._owners[key]

    def _named_owner(self, entities: Sequence[Entity]) -> Owner | None:
        for entity in entities:
            reference = self.entities.ref(entity, "owner", "group")
            if reference is None:
                continue
            team = self._team(entity, reference)
            about = [*entities, *([team] if team is not None else [])]
            return Owner(
                team=reference.shown,
                contact=self._contact(team, about),
                escalation=_first(_annotation(one, key) for one in about for key in ESCALATIONS),
                runbook=_first(_link(one, ("runbook",)) for one in about),
                provenance=entity.source("spec", "owner"),
                location=entity.at("spec", "owner"),
            )
        return None

    def _team(self, entity: Entity, reference: EntityRef) -> Entity | None:
        """The entity of an owner; one that is not there is reported where a name is near, or where teams are known."""
        teams = self.entities.of_kind("group") + self.entities.of_kind("user")
        found = self.entities.find(reference)
        if found is not None or not teams or self.faults.full:
            return found
        slip = near(reference.name, [one.name for one in teams])
        meant = next((one for one in teams if one.name == slip), None)
        message = f"no {reference.kind} is called {reference.shown!r}"
        hint = f"did you mean {meant.ref!s}?" if meant is not None else "it may be defined in a file that is not read"
        at = entity.at("spec", "owner")
        self.faults.add("ownership-reference", message, at, hint, severity="warning" if meant else "info")
        return None

    def _contact(self, team: Entity | None, about: Sequence[Entity]) -> str | None:
        profile = team.spec.get("profile") if team is not None else None
        email = plain(profile.get("email")) if isinstance(profile, dict) else None
        return email or _first(_link(one, CHATS) for one in reversed(about))

    def _domain(self, entity: Entity) -> Said | None:
        """The domain of an entity, or of the system that it belongs to."""
        own = self._own_domain(entity)
        reference = self.entities.ref(entity, "system", "system") if own is None else None
        if reference is None:
            return own
        self._check(entity, "system", reference)
        system = self.entities.find(reference)
        return self._own_domain(system) if system is not None else None

    def _own_domain(self, entity: Entity) -> Said | None:
        reference = self.entities.ref(entity, "domain", "domain")
        if reference is None:
            return None
        self._check(entity, "domain", reference)
        return Said(reference.shown, entity.source("spec", "domain"), entity.at("spec", "domain"))

    def _check(self, entity: Entity, key: str, reference: EntityRef, *segments: str) -> None:
        """Report a reference that leads nowhere and is spelt like one that would lead somewhere."""
        known = self.entities.of_kind(reference.kind)
        if self.faults.full or self.entities.find(reference) is not None:
            return
        if slip := near(reference.name, [one.name for one in known]):
            message = f"no {reference.kind} is called {reference.shown!r}"
            at = entity.at("spec", key, *segments)
            self.faults.add("ownership-reference", message, at, f"did you mean {slip!r}?", severity="warning")

    # who provides and consumes

    def _providers(self, apis: Sequence[Entity]) -> list[Entity]:
        return list(dict.fromkeys(component for api in apis for component in self._providing.get(api, ())))

    def _apis(self, component: Entity, key: str) -> Iterator[tuple[Entity, str]]:
        for reference, index in self.entities.refs(component, key, "api"):
            if (found := self.entities.find(reference)) is not None:
                yield found, index

    def _check_apis(self, component: Entity) -> None:
        for key in ("providesApis", "consumesApis"):
            for reference, index in self.entities.refs(component, key, "api"):
                self._check(component, key, reference, index)

    def _consumes(self, component: Entity, index: str, document: Document, own: str | None) -> None:
        """A component that consumes an API receives what the API's application sends."""
        if own == document.name:
            return
        for channel_id in self.estate.sent_by.get(document.name, ()):
            self.found.uses.append(
                Use(
                    reader="backstage",
                    channel_id=channel_id,
                    action="receive",
                    provenance=component.source("spec", "consumesApis", index),
                    location=component.at("spec", "consumesApis", index),
                    document=own,
                    service=component.name,
                    owner=self._owner([component]),
                )
            )

    def _twice(self, document: Document, first: Entity, second: Entity) -> None:
        message = f"{second.name!r} and {first.name!r} both define {document.path}"
        hint = f"the first is believed: {first.page.line('metadata', 'name')}"
        self.faults.add("ownership-twice", message, second.at("metadata", "name"), hint, severity="warning")


def _inline_names(text: str) -> list[str]:
    """Service and title in an inline definition, which is a copy of a document."""
    try:
        data = read_text(text, "definition", lenient=True).data
    except InputInvalid:
        return []
    info = data.get("info") if isinstance(data, dict) and "asyncapi" in data else None
    found = [info.get("x-service-name"), info.get("title")] if isinstance(info, dict) else []
    return [word for word in found if isinstance(word, str)]


def _first(values: Iterator[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _annotation(entity: Entity, key: str) -> str | None:
    annotations = entity.metadata.get("annotations")
    return plain(annotations.get(key)) if isinstance(annotations, dict) else None


def _link(entity: Entity, words: Sequence[str]) -> str | None:
    """The address of the first link whose type, icon or title is or holds one of the words."""
    links = entity.metadata.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and _named(link, words) and (url := plain(link.get("url"))) is not None:
            return url
    return None


def _named(link: Mapping[str, Any], words: Sequence[str]) -> bool:
    kinds = {str(link.get(key, "")).strip().lower() for key in ("type", "icon")}
    title = str(link.get("title", "")).lower().split()
    return any(word in kinds or word in title or f"{word}s" in title for word in words)


def _shared_tail(one: Sequence[str], other: Sequence[str]) -> int:
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        length += 1
    return length
