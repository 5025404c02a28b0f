"""Ownership: what files beside the documents say about owners, domains, services and consumer groups.

Documents and overlays are believed first. Where they are silent, Backstage entities, EventCatalog pages, xRegistry
endpoints and CODEOWNERS fill what is missing, in this order, and every value says where it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from observatory.errors import in_order
from observatory.spec.catalog import Catalog
from observatory.spec.ownership.backstage import Backstage
from observatory.spec.ownership.claims import Estate, Findings
from observatory.spec.ownership.codeowners import claim_by_codeowners
from observatory.spec.ownership.entities import Entities
from observatory.spec.ownership.event_catalog import EventCatalog
from observatory.spec.ownership.filling import Filling
from observatory.spec.ownership.finding import Faults, File, Kind, find
from observatory.spec.ownership.pages import Pages
from observatory.spec.ownership.xregistry import XRegistry

__all__ = ["with_ownership"]


def with_ownership(catalog: Catalog, named: Sequence[Path], roots: Sequence[Path]) -> Catalog:
    """A catalogue completed by ownership files.

    Nothing is fetched, and nothing outside the roots is read but what is named.

    Args:
        named: Files and folders: descriptors, an EventCatalog, xRegistry files, CODEOWNERS.
        roots: Real paths of the folders that may be read. `catalog-info.yaml` and CODEOWNERS beside or above a
            document are found there without being named.
    """
    faults = Faults()
    files = find(catalog.documents, named, roots, faults)
    found = Findings()
    if files:
        estate, pages = Estate(catalog), Pages(faults)

        def of(kind: Kind) -> list[File]:
            return [file for file in files.values() if file.kind == kind]

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
    if found:
        catalog = Filling(catalog, found, faults).complete()
    return replace(catalog, problems=tuple(in_order([*catalog.problems, *faults.problems])))
