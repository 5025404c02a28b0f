"""Completing a catalogue from the files that were found: every format makes its claims, and the gaps are filled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from observatory.spec.catalog import Catalog
from observatory.spec.ownership.backstage import Backstage
from observatory.spec.ownership.claims import Estate, Findings
from observatory.spec.ownership.codeowners import claim_by_codeowners
from observatory.spec.ownership.entities import Entities
from observatory.spec.ownership.event_catalog import EventCatalog
from observatory.spec.ownership.filling import Filling
from observatory.spec.ownership.finding import Faults, File, Kind
from observatory.spec.ownership.pages import Pages
from observatory.spec.ownership.xregistry import XRegistry


def completed(catalog: Catalog, files: Iterable[File], roots: Sequence[Path], faults: Faults) -> Catalog:
    """The catalogue with what the files say where documents are silent; what is wrong with them goes to `faults`."""
    every, found = tuple(files), Findings()
    estate, pages = Estate(catalog), Pages(faults)

    def of(kind: Kind) -> list[File]:
        return [file for file in every if file.kind == kind]

    entities = Entities(pages, faults, roots)
    entities.read(of("backstage"))
    Backstage(entities, estate, found, faults).claim()
    event_catalog = EventCatalog(pages, estate, found, faults)
    event_catalog.read(of("eventcatalog"))
    event_catalog.claim()
    registry = XRegistry(pages, estate, found, faults)
    registry.read(of("xregistry"))
    registry.claim()
    claim_by_codeowners(iter(of("codeowners")), dict(estate.documents), found, faults)
    return Filling(catalog, found, faults).complete() if found else catalog
