"""How much a server holds of each hour is asked by queries that every server takes, however many channels there are."""

from __future__ import annotations

import pytest
from sample_cases import T0, Loaded

from observatory.sources.base import SeriesRequest
from observatory.telemetry.binding import Matcher
from observatory.windows import TimeRange

HOUR_MS = 3_600_000
SPAN = TimeRange(T0 // HOUR_MS * HOUR_MS, T0 // HOUR_MS * HOUR_MS + 4 * HOUR_MS)


def channels(count: int) -> SeriesRequest:
    names = tuple(f"orders.{number:05}.eu-west.v1" for number in range(count))
    return SeriesRequest("case_total", (Matcher("case", (*names, "steady")),), SPAN)


def test_a_short_list_of_channels_is_counted_alone(loaded: Loaded) -> None:
    found = loaded.source().marks([channels(10)], SPAN)

    assert len(found) == 4
    assert max(found.values()) in (240, 241)  # one each 15 seconds, that on an edge perhaps twice


@pytest.mark.parametrize("count", [2_000, 4_000])
def test_beyond_what_a_query_may_be_long_everything_is_counted_once(loaded: Loaded, count: int) -> None:
    everything = SeriesRequest("case_total", (), SPAN)

    found = loaded.source().marks([channels(count), channels(count + 1)], SPAN)

    assert found == loaded.source().marks([everything], SPAN)
    assert sum(found.values()) > 2_000
