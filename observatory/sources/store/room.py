"""Room for new series: where a store is full, points of series that it knows are taken, and those of new ones are not.

A label with a new value for each message fills any store. It must not cost what is measured besides.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec.structs import replace

from observatory.sources.base import Int64
from observatory.sources.batch import NO_POINT, Batch, Labels
from observatory.sources.store.series import SeriesDictionary

FULL = "store-full"
"""The code under which it is explained."""


def with_room(batch: Batch, series: SeriesDictionary, most: int) -> Batch:
    """The batch, less points with new series for which there is no room; earlier points come first.

    Args:
        most: Series that there may be.
    """
    samples = batch.samples
    owners = np.repeat(np.arange(len(samples.labels)), np.diff(samples.offsets))
    needed: dict[int, set[bytes]] = {}
    _collect(needed, series, samples.labels, owners, batch.sample_points)
    _collect(needed, series, batch.deltas.labels, batch.deltas.owner, batch.deltas.points)
    room = most - len(series.labels)
    entered: set[bytes] = set()
    refused = []
    for point in sorted(needed, key=lambda one: (one == NO_POINT, one)):
        more = needed[point] - entered
        if len(entered) + len(more) <= room:
            entered |= more
        else:
            refused.append(point)
    if refused:
        why = f"the store has {len(series.labels):,} series, and no room for new ones"
        batch = batch.without(refused, f"{why} [{FULL}]")
    new = series.unknown(batch.beginnings.labels)
    beyond = list(new)[max(room - len(entered), 0) :]
    kept = np.isin(np.arange(len(batch.beginnings.labels)), beyond, invert=True)
    return replace(batch, beginnings=batch.beginnings.where(kept))


def _collect(
    needed: dict[int, set[bytes]], series: SeriesDictionary, labels: Iterable[Labels], owners: Int64, points: Int64
) -> None:
    """Note which new series each point needs."""
    new = series.unknown(labels)
    own = np.isin(owners, list(new))
    for owner, point in zip(owners[own].tolist(), points[own].tolist(), strict=True):
        needed.setdefault(point, set()).add(new[owner])
