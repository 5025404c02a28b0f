"""Births: whether the first value of a series counts events of its own, or a history that nobody saw.

A counter that appears with the value 1 has counted one event, if it did not exist a moment before. That it did not is
known when its target was scraped before without it, or when its process started within what is known. It is not known
at the first scrapes of a server, at the edge of its retention and of the range that was read, nor when a target is
scraped for the first time without saying when its process started: then the first value is where counting begins.
Where the client library exports when each series was created (`x_created`), that decides. Of a level, such as the depth
of a dead-letter queue, the start of the process says nothing: what an exporter finds when it starts has been there.

Neither is believed against the values. An exporter that has just started may hand on what a broker has counted for
months, and one that warms up answers a scrape or two without its series. So a first value that would have needed ten
times the highest rate at which any counter of the source rose about that time is a history, too; see `rates`.

A series can also be an old one under a new name, see `renames`: its first value continues the old one's last.

All of this is judged by the samples between a block's lookback and its end: an old name has to end within it. So a
block that is kept holds what counting it anew gives. Where the target had been dark for longer than that, the blocks
before decide, see `unsettled`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from observatory.ledger.increments import Birth
from observatory.ledger.rates import ALWAYS_BELIEVED, BELIEVED_RATES, NearRate
from observatory.ledger.renames import renamed
from observatory.ledger.targets import DEFAULT_CADENCE_MS, Targets, target_of
from observatory.sources.base import SampleSet

EDGE_MS = 300_000
"""Newcomers within this much of the first knowledge are not told apart from series that were there before."""
_LONGEST_MS = 1 << 50


def newcomers(samples: SampleSet, known_since_ms: int) -> list[int]:
    """Series whose first sample is late enough to be a birth; samples must be fit."""
    sizes = np.diff(samples.offsets)
    some = np.flatnonzero(sizes > 0)
    first = samples.t_ms[samples.offsets[:-1][some]]
    found: list[int] = some[first > known_since_ms + EDGE_MS].tolist()
    return found


def births(
    source: str,
    samples: SampleSet,
    candidates: Iterable[int],
    targets: Targets,
    known_since_ms: int,
    created: Mapping[int, int],
    busiest: NearRate,
    *,
    from_zero: bool = True,
) -> tuple[dict[int, Birth], dict[int, Birth], set[int]]:
    """Those of the candidates that are births, with the instant since when they can have counted; those of which more
    must be known, because they began before what is known here or nothing tells when; and those that would be births,
    were their first value not out of all proportion.

    Args:
        created: When series were created, in milliseconds, where that is exported.
        busiest: The highest rate of any counter of the source about an instant; asked only when needed.
        from_zero: Whether the series begin at zero with their process, as counters do and levels do not.
    """
    candidates = list(candidates)
    formers = renamed(source, samples, candidates, targets)
    found: dict[int, Birth] = {}
    earlier: dict[int, Birth] = {}
    histories: set[int] = set()
    for index in candidates:
        former = formers.get(index)
        if former is not None:
            found[index] = Birth(former.last_ms, former.value, new=False)
            continue
        target = targets[target_of(source, samples.labels[index])]
        at = int(samples.offsets[index])
        first_ms, value = int(samples.t_ms[at]), float(samples.values[at])
        since_ms = created.get(index)
        # It speaks for this very series, so it outweighs what is known of its target and its process.
        says = since_ms is not None and since_ms <= first_ms
        if not says:
            since_ms = target.scraped_before(first_ms)
        started_ms = target.started_at(first_ms) if since_ms is None and from_zero else None
        if started_ms is not None and started_ms <= first_ms:
            since_ms, says = started_ms, True
        if since_ms is None:
            earlier[index] = Birth(first_ms - _needed_ms(value, first_ms, busiest), open=True)
            continue
        if _needed_ms(value, first_ms, busiest) > max(first_ms - since_ms, target.cadence_ms or DEFAULT_CADENCE_MS):
            histories.add(index)
        elif says and since_ms <= known_since_ms + EDGE_MS:
            earlier[index] = Birth(since_ms, created=True, open=started_ms is not None)
        else:
            found[index] = Birth(since_ms, created=says)
    return found, earlier, histories


def _needed_ms(value: float, first_ms: int, busiest: NearRate) -> int:
    """How long a newcomer must have counted for its first value to be believed."""
    if value <= ALWAYS_BELIEVED:
        return 0
    rate = BELIEVED_RATES * busiest(first_ms)
    return math.ceil(min(value / rate, _LONGEST_MS)) if rate > 0 else _LONGEST_MS
