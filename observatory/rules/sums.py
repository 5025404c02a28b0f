"""Sums of the two recorded counts over a window, and what alerts compare.

A rule group evaluates every minute and records, each time, the events of the last five minutes. Neighbouring records
overlap, so every event is found in five of them, and a plain sum over a window, divided by five, would count the events
of the last minutes only in part: an alert on it comes two minutes late. Therefore a window's events are

    newest record  +  sum of the older records / 5

where the older records begin three minutes back. The newest five minutes are counted in full, the seam between the two
parts weighs one event as one on average, and the sum reaches back exactly one window:

    sum(x or sum_over_time(x[1h less 5m, less half a step] offset 3m) / 5), with a label that tells the two apart

Either part may be missing: a rule has no older records in its first minutes, and no newest one once telemetry has
stopped. What burned before then still stands in the windows that reach back to it, as the status counts it. A window
of five minutes is the newest record alone; there the last one speaks for `HELD` seconds, until the alert on absent
telemetry has taken over, so that a page does not resolve because what failed has died.

Half a step less makes the number of records the same whether the range includes its left end (Prometheus 2) or not
(Prometheus 3). Everything is a sum of counts; no ratio is ever averaged.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from observatory.compile.names import SLI_GOOD, SLI_TOTAL
from observatory.compile.promql import quote
from observatory.units import compact_duration

RECORD = 300.0
"""Seconds that one record covers; part of the recorded names."""
STEP = 60.0
"""Seconds between records: the interval of the group that records them."""
HELD = 1800.0
"""Seconds for which a last record stands in where there is no newer one; longer than absent telemetry waits."""


def series(name: str, labels: Mapping[str, str]) -> str:
    """A selector of a recorded series by exact labels."""
    return name + "{" + ",".join(f"{label}={quote(value)}" for label, value in labels.items()) + "}"


def events(name: str, labels: Mapping[str, str], seconds: float) -> str:
    """PromQL for the number of events in the last `seconds`, a whole number of minutes and at least five.

    Raises:
        ValueError: The window is shorter than a record.
    """
    if seconds < RECORD:
        raise ValueError(f"a window of {compact_duration(seconds)} is shorter than a record of 5m")
    newest = series(name, labels)
    if seconds < RECORD + STEP:
        return f"({newest} or last_over_time({newest}[{compact_duration(HELD)}]))"
    overlap = round(RECORD / STEP)
    length = compact_duration(seconds - RECORD - STEP / 2)
    offset = compact_duration(RECORD - (overlap - 1) / 2 * STEP)
    older = f"sum_over_time({newest}[{length}] offset {offset}) / {overlap}"
    # Without a label of their own the older records would count as the newest one, which comes before them.
    return f'sum({newest} or label_replace({older}, "part", "older", "", ""))'


class Records(Struct, frozen=True):
    """Two recorded counts: their labels, and under which names they are kept."""

    labels: Mapping[str, str]
    good: str = SLI_GOOD
    total: str = SLI_TOTAL


def error_ratio(counts: Records, seconds: float) -> str:
    """PromQL for the share of bad events in a window; no answer where there was no event, never NaN."""
    good, total = events(counts.good, counts.labels, seconds), events(counts.total, counts.labels, seconds)
    return f"1 - {good} / ({total} > 0)"


def bad_events(counts: Records, seconds: float) -> str:
    """PromQL for the number of bad events in a window."""
    total, good = (events(name, counts.labels, seconds) for name in (counts.total, counts.good))
    return f"{total} - {good}"


def decimal(value: float) -> str:
    """A number as people write it: 14.4 times 0.001 is 0.0144 and not 0.014400000000000001."""
    return f"{value:.12g}"
