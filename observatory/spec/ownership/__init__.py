"""Ownership: what files beside the documents say about owners, domains, services and consumer groups.

Documents and overlays are believed first. Where they are silent, Backstage entities, EventCatalog pages, xRegistry
endpoints and CODEOWNERS fill what is missing, in this order, and every value says where it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from observatory.errors import in_order
from observatory.spec.catalog import Catalog
from observatory.spec.ownership.finding import Faults, find

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
    if files:
        # The readers of four formats, which most estates have no file of.
        from observatory.spec.ownership.completing import completed

        catalog = completed(catalog, files.values(), roots, faults)
    return replace(catalog, problems=tuple(in_order([*catalog.problems, *faults.problems])))
