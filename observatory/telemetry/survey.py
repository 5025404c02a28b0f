"""A survey: what all sources have, asked in few requests, and the mapping that follows from it.

Requests grow with what a server has, by steps of many thousand series, and never with channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from observatory.errors import Problem, SourceFailed, in_order
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import MappingResult
from observatory.telemetry.discovery import Recognition, recognise_all, wanted
from observatory.telemetry.inventory import Inventory, InventoryRequest
from observatory.telemetry.mapping import map_catalog, override_labels
from observatory.telemetry.recipe import Profile
from observatory.windows import TimeRange


class SeriesServer(Protocol):
    """A server of series, as far as a survey needs it."""

    @property
    def name(self) -> str: ...

    def metric_names(self, span: TimeRange) -> frozenset[str]: ...

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory: ...


class SpanServer(Protocol):
    """A store of spans, as far as a survey needs it."""

    @property
    def name(self) -> str: ...

    def destinations(self, span: TimeRange) -> Inventory: ...


class Survey(Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        inventories: One per source that answered.
        recognised: Exporters seen, source by source.
        failed: Names of sources that gave no answer.
        problems: Of the sources and of the mapping.
    """

    inventories: tuple[Inventory, ...]
    recognised: tuple[Recognition, ...]
    mapping: MappingResult
    failed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def names(self) -> dict[str, frozenset[str]]:
        """Series names that each source has."""
        found: dict[str, frozenset[str]] = {}
        for inventory in self.inventories:
            found[inventory.source] = found.get(inventory.source, frozenset()) | inventory.names
        return found


def survey(
    catalog: Catalog,
    profiles: Sequence[Profile],
    metrics: Sequence[SeriesServer],
    spans: Sequence[SpanServer],
    span: TimeRange,
) -> Survey:
    """Ask every source once and map the catalogue onto the answers.

    Args:
        span: Series and spans of this time count as there, silent ones included.

    Raises:
        SourceFailed: There are sources, and none of them answered.
    """
    labels = override_labels(catalog)
    inventories: list[Inventory] = []
    failed: list[str] = []
    problems: list[Problem] = []
    for server in metrics:
        try:
            names = server.metric_names(span)
            inventories.append(server.inventory(wanted(profiles, names, labels), span))
        except SourceFailed as error:
            failed.append(server.name)
            problems += error.problems
    for store in spans:
        try:
            inventories.append(store.destinations(span))
        except SourceFailed as error:
            failed.append(store.name)
            problems += error.problems
    if failed and not inventories:
        raise SourceFailed(in_order(problems))
    recognised = recognise_all(profiles, inventories)
    mapping = map_catalog(catalog, profiles, inventories, recognised)
    problems += [problem for inventory in inventories for problem in inventory.problems]
    return Survey(
        inventories=tuple(inventories),
        recognised=recognised,
        mapping=mapping,
        failed=tuple(dict.fromkeys(failed)),
        problems=tuple(in_order([*problems, *mapping.problems])),
    )
