"""A store that is known to hold nothing: it answers at once, and its file is not opened.

Beside a server the store is often only the place where counted days are kept, and there is no file of its own, or one
that stays empty. Whoever has opened it and found it so leaves a note among the kept days: which file that was, and how
it looked. While the file looks the same, with no log beside it and nobody who lends it, nothing can have been written
into it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
import orjson

from observatory.sources.base import (
    Float64,
    HopQuery,
    Int64,
    MessageQuery,
    SampleSet,
    SeriesRequest,
    SourceState,
    Span,
)
from observatory.sources.store.writes import ANY_HOUR
from observatory.telemetry.binding import SpanSelector
from observatory.telemetry.inventory import Inventory, InventoryRequest
from observatory.windows import Grid, TimeRange

NOTE = "empty.json"
_BESIDE = (".wal", ".sock")
"""Files beside a store that is being written."""


class _Writable(Protocol):
    """A store that is open."""

    def writes(self) -> dict[int, int]: ...

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory: ...


class EmptyStore:
    """The answers of a store that holds nothing.

    Args:
        writes: What `Store.writes` said of it, by which kept days know the file.
    """

    name = "store"
    kind = "store"

    def __init__(self, path: Path, writes: Mapping[int, int]) -> None:
        self.path = path
        self._writes = dict(writes)

    def writes(self) -> dict[int, int]:
        return dict(self._writes)

    def state(self) -> SourceState:
        return SourceState(self.name, self.kind, "ok", str(self.path))

    def metric_names(self, span: TimeRange) -> frozenset[str]:  # noqa: ARG002
        return frozenset()

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:  # noqa: ARG002
        return Inventory(source=self.name)

    def samples(self, request: SeriesRequest) -> SampleSet:  # noqa: ARG002
        return SampleSet.of(())

    def earliest_ms(self) -> int | None:
        return None

    def count_hops(self, queries: Sequence[HopQuery], grid: Grid) -> dict[str, Float64]:
        return {query.key: np.zeros(grid.steps) for query in queries}

    def count_messages(self, queries: Sequence[MessageQuery], grid: Grid) -> dict[str, Float64]:
        return {query.key: np.zeros(grid.steps) for query in queries}

    def hop_latencies(self, selector: SpanSelector, span: TimeRange) -> tuple[Int64, Float64]:  # noqa: ARG002
        return np.empty(0, np.int64), np.empty(0, np.float64)

    def span_presence(self, grid: Grid) -> Float64:
        return np.zeros(grid.steps)

    def destinations(self, span: TimeRange) -> Inventory:  # noqa: ARG002
        return Inventory(source=self.name)

    def sample_traces(self, selector: SpanSelector | None, span: TimeRange, limit: int) -> list[str]:  # noqa: ARG002
        return []

    def trace(self, trace_id: str) -> list[Span]:  # noqa: ARG002
        return []


def known_empty(path: Path, kept: Path) -> EmptyStore | None:
    """The store, where it was found empty and nothing has happened to its file since.

    Args:
        kept: The folder of kept days beside it.
    """
    try:
        note = orjson.loads((kept / NOTE).read_bytes())
        looks = _looks(path)
        if looks is None or note["looks"] != looks:
            return None
        return EmptyStore(path, {int(hour): int(token) for hour, token in note["writes"]})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_if_empty(store: _Writable, path: Path, kept: Path) -> None:
    """Leave word where a store holds nothing while its file looks as it does; where that is not possible, nothing."""
    looks, writes = _looks(path), store.writes()
    told = store.inventory(InventoryRequest({}), TimeRange(0, 1)).metadata
    if looks is None or told or set(writes) - {ANY_HOUR}:
        return
    unfinished = kept / f"{NOTE}.{os.getpid()}"
    with suppress(OSError):
        kept.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(orjson.dumps({"looks": looks, "writes": [list(one) for one in writes.items()]}))
        unfinished.replace(kept / NOTE)


def _looks(path: Path) -> list[int] | None:
    """Which file this is and when it was changed; None where it is not there, or somebody may be writing to it."""
    if any(path.with_name(f"{path.name}{suffix}").exists() for suffix in _BESIDE):
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
