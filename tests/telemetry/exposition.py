"""Exposition text as an inventory: what a server would have after one scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from prometheus_client.parser import text_string_to_metric_families

from observatory.telemetry.discovery import wanted
from observatory.telemetry.inventory import Inventory, InventoryRequest, LabelSets
from observatory.telemetry.recipe import Profile

Series = tuple[str, Mapping[str, str]]


def series_of(text: str) -> list[Series]:
    """Name and labels of every series. Line by line, for with its TYPE line the parser renames counters."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [
        (sample.name, sample.labels)
        for line in lines
        for family in text_string_to_metric_families(line + "\n")
        for sample in family.samples
    ]


def types_of(text: str) -> dict[str, str]:
    """The TYPE lines."""
    lines = [line.split() for line in text.splitlines() if line.startswith("# TYPE ")]
    return {name.strip('"'): kind for _, _, name, kind in lines}


def inventory_of(
    series: str | Sequence[Series], profiles: Sequence[Profile], source: str = "metrics", labels: Sequence[str] = ()
) -> Inventory:
    """What a source answers when it is asked what the profiles want to know."""
    rows = series_of(series) if isinstance(series, str) else series
    names = frozenset(name for name, _ in rows)
    return answer(rows, wanted(profiles, names, labels), source)


def answer(rows: Sequence[Series], request: InventoryRequest, source: str = "metrics") -> Inventory:
    """Label combinations with their numbers of series."""
    counted: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in request.labels}
    for name, labels in rows:
        if name in request.labels:
            counted[name][tuple(labels.get(label, "") for label in request.labels[name])] += 1
    return Inventory(
        source=source,
        names=frozenset(name for name, _ in rows),
        label_sets={
            name: LabelSets(request.labels[name], tuple(sorted(found)), tuple(found[row] for row in sorted(found)))
            for name, found in counted.items()
        },
    )
