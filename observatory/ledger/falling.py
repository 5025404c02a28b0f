"""Falling: counters that fall again and again are no counters, or not those of one process.

A release that turns a counter into a gauge, an exporter that shows events since the last scrape, a balancer before two
processes: each fall is taken for a restart, and the new value counts in full. Nobody can tell from the values what was
meant, so it is said how often they fell. A process in a crash loop looks alike, and is worth a word as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from observatory.compile.plan import PlannedRequest
from observatory.errors import Problem
from observatory.ledger.answers import RESTARTED_KINDS
from observatory.ledger.marks import HOUR_MS
from observatory.ledger.pages import Page
from observatory.ledger.targets import GAP_CADENCES, TargetKey
from observatory.windows import format_instant

LEAST_FALLS = 10
"""In an hour; a process may well restart every ten minutes."""
LEAST_SHARE = 0.2
"""Of the scrapes of that hour."""


def falling(pages: Sequence[Page], requests: Sequence[PlannedRequest]) -> Iterator[Problem]:
    """One problem for each target whose counters fell in many scrapes of an hour, of the worst hour."""
    worst: dict[TargetKey, tuple[int, int, int]] = {}
    metrics: dict[TargetKey, set[str]] = {}
    for page in pages:
        for key, instants in page.falls.items():
            if len(instants) < LEAST_FALLS:
                continue
            hours, falls = np.unique(np.asarray(instants) // HOUR_MS, return_counts=True)
            at = int(falls.argmax())
            if falls[at] < LEAST_FALLS:
                continue
            scrapes = _scrapes_an_hour(page, key)
            if falls[at] >= LEAST_SHARE * scrapes:
                worst[key] = max(worst.get(key, (0, 0, 0)), (int(falls[at]), int(hours[at]) * HOUR_MS, scrapes))
                metrics.setdefault(key, set()).update(_counters(page, key, requests))
    for key, (fell, since_ms, scrapes) in sorted(worst.items()):
        _, job, instance = key
        yield Problem(
            code="counter-falls",
            severity="warning",
            message=f"counters of {job or 'no job'} at {instance or 'no instance'} ({_some(metrics[key])}) fell in "
            f"{fell} of the {scrapes} scrapes of the hour since {format_instant(since_ms)}; each fall is taken for a "
            "restart, so if there were none far too many events are counted",
            hint="when the metric became a gauge, or counts since the last scrape, give its profile another kind; when "
            "several processes share one instance, scrape each of them",
        )


def _scrapes_an_hour(page: Page, key: TargetKey) -> int:
    gaps_ms = [int(gap) for head, gap in zip(page.seams.heads, page.seams.gap_ms, strict=True) if head.target == key]
    cadence_ms = min(gaps_ms, default=HOUR_MS) / GAP_CADENCES
    return max(1, round(HOUR_MS / cadence_ms))


def _counters(page: Page, key: TargetKey, requests: Sequence[PlannedRequest]) -> Iterable[str]:
    return (
        requests[head.series[0]].metric
        for head in page.seams.heads
        if head.target == key and head.kind in RESTARTED_KINDS
    )


def _some(names: Iterable[str]) -> str:
    first, *rest = sorted(names)
    return first if not rest else f"{first} and {len(rest)} more"
