"""One histogram in two kinds: classic series, and the classic series that native histograms stand for, as one measured
thing.

A migration scrapes both for a while, or ends one in the scrape that begins the other; it may be rolled back. Both kinds
show what the same process has counted. So series with the same labels are one series, whose samples come from either:
each instant counts once, and across the seam the counter goes on. Which buckets there are is another matter: one that
only one kind has begins or ends, as with any histogram that changes its buckets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from observatory.sources.base import SampleSet
from observatory.telemetry.inventory import LabelSets


def as_one(classic: SampleSet, native: SampleSet, spelled: Sequence[str] = ()) -> SampleSet:
    """Both sets, of which series with the same labels are one.

    Where both have a sample at one instant the classic one stays, but a stale marker gives way: the other kind went on.

    Args:
        spelled: Texts of `le`; a bucket with the same boundary is written the first of these ways, so that it is one
            bucket however each kind writes it.
    """
    texts = by_boundary(spelled)
    if not texts and not len(native):
        return classic
    labels: list[Mapping[str, str]] = []
    numbers: dict[frozenset[tuple[str, str]], int] = {}
    owners = []
    for one in (*classic.labels, *native.labels):
        written = _written(one, texts)
        number = numbers.setdefault(frozenset(written.items()), len(labels))
        if number == len(labels):
            labels.append(written)
        owners.append(number)
    sizes = np.concatenate((np.diff(classic.offsets), np.diff(native.offsets)))
    owner = np.repeat(np.asarray(owners, np.int64), sizes)
    t_ms = np.concatenate((classic.t_ms, native.t_ms))
    values = np.concatenate((classic.values, native.values))
    numbers_first = np.argsort(np.isnan(values), kind="stable")
    found = SampleSet.from_rows(labels, owner[numbers_first], t_ms[numbers_first], values[numbers_first])
    return replace(
        found,
        exact=classic.exact and native.exact,
        resolution_ms=max(classic.resolution_ms, native.resolution_ms),
        problems=tuple(dict.fromkeys((*classic.problems, *native.problems))),
    )


def by_boundary(texts: Iterable[str]) -> dict[float, str]:
    """The first text of each boundary, of numbers that `le` may be written as: "1" and "1.0" are one."""
    found: dict[float, str] = {}
    for text in texts:
        found.setdefault(float(text), text)
    return found


def _written(labels: Mapping[str, str], texts: Mapping[float, str]) -> Mapping[str, str]:
    le = labels.get("le")
    if le is None or not texts:
        return labels
    try:
        text = texts.get(float(le), le)
    except ValueError:
        return labels
    return labels if text == le else {**labels, "le": text}


def label_sets_of_both(classic: LabelSets, native: LabelSets) -> LabelSets:
    """The label sets of a histogram that has both kinds; a row that both have stands for the series of one of them."""
    counts: Counter[tuple[str, ...]] = Counter(dict(zip(classic.rows, classic.series, strict=True)))
    counts |= Counter(dict(zip(_rows(native, classic.labels), native.series, strict=True)))
    rows = sorted(counts)
    return LabelSets(classic.labels, tuple(rows), tuple([counts[row] for row in rows]))


def _rows(sets: LabelSets, labels: Sequence[str]) -> Iterable[tuple[str, ...]]:
    places = [sets.labels.index(label) for label in labels]
    return (tuple([row[place] for place in places]) for row in sets.rows)
