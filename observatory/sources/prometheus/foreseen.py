"""How much a request is going to bring, by the series that discovery counted; so the compiled decoder is loaded before
it, or not at all, and never for what is nearly over."""

from __future__ import annotations

from observatory.sources.base import SeriesRequest
from observatory.telemetry.inventory import LabelSets
from observatory.windows import STEP_MS

BYTES_PER_SAMPLE = 2
"""Of a counter in chunks: seen are 1.3 to 2."""


def foreseen_bytes(known: LabelSets | None, request: SeriesRequest) -> int:
    """Bytes of chunks if all series that may be meant were there throughout, a sample each minute; 0 if none is known.

    Matchers that take all but some values, or a pattern, are not looked at: they leave more than there will be.
    """
    if known is None:
        return 0
    wanted = [
        (known.labels.index(one.label), frozenset(one.values))
        for one in request.matchers
        if one.label in known.labels and one.pattern is None and not one.negated
    ]
    series = sum(
        count
        for row, count in zip(known.rows, known.series, strict=True)
        if all(row[column] in values for column, values in wanted)
    )
    return series * (request.range.end_ms - request.range.start_ms) // STEP_MS * BYTES_PER_SAMPLE
