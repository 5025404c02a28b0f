"""A run of contract tests as counters: `messaging_contract_tests_total` by channel and outcome.

A run becomes series of its own (label `run`), zero when it started and its count when it ended: so runs add up, in any
order, and reading a report twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

METRIC = "messaging_contract_tests_total"
OUTCOMES = ("success", "error")
SHORTEST_MS = 1000
"""A run is at least this long, so that its two samples are apart."""

RunSeries = tuple[dict[str, str], list[int], list[float]]


def run_series(counts: Mapping[tuple[str, str], int], run: str, started_ms: int, ended_ms: int) -> Iterator[RunSeries]:
    """Series of one run.

    Args:
        counts: Tests by channel and outcome; outcomes other than success and error are left out.
    """
    for channel in sorted({channel for channel, outcome in counts if outcome in OUTCOMES}):
        for outcome in OUTCOMES:
            labels = {"__name__": METRIC, "channel": channel, "outcome": outcome, "run": run}
            yield labels, [started_ms, ended_ms], [0.0, float(counts.get((channel, outcome), 0))]
