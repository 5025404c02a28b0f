"""SQL over spans: one text for any number of channels, with every value outside of it."""

from __future__ import annotations

import pytest

from observatory.compile import sql
from observatory.sources.base import HopQuery, MessageQuery
from observatory.telemetry.binding import SpanSelector
from observatory.windows import Grid, TimeRange

GRID = Grid(1_000, 60_000, 5)
HOSTILE = "x'); DROP TABLE spans; --"


def test_the_text_does_not_depend_on_what_is_asked() -> None:
    plain = sql.hop_counts([HopQuery("a", SpanSelector(("orders",)))], GRID)
    hostile = SpanSelector((HOSTILE, "b"), system=HOSTILE, service=HOSTILE, consumer_group=HOSTILE, measure="start-end")
    many = sql.hop_counts([HopQuery(HOSTILE, hostile, 0.5)] * 1000, Grid(7, 15_000, 9))
    assert plain.text == many.text
    assert sql.hop_latencies(hostile, GRID.range).text == sql.hop_latencies(SpanSelector(()), TimeRange(0, 1)).text
    counted = sql.message_counts([MessageQuery("a", hostile, "consumer", "error")], GRID)
    assert counted.text == sql.message_counts([], GRID).text


def test_asks_become_columns_and_spellings_rows_of_their_own() -> None:
    asks = [
        HopQuery("a", SpanSelector(("x", "y", "x"), system="kafka", consumer_group="g"), 0.25),
        HopQuery("b", SpanSelector(("z",), measure="start-end")),
    ]
    parameters = sql.hop_counts(asks, GRID).parameters
    assert parameters["number"] == [0, 1]
    assert parameters["system"] == ["kafka", None]
    assert parameters["consumer_group"] == ["g", None]
    assert parameters["bound_ns"] == [250_000_000, None]
    assert (parameters["from_end"], parameters["to_end"]) == ([True, False], [False, True])
    assert (parameters["spelling_number"], parameters["spelling"]) == ([0, 0, 1], ["x", "y", "z"])


def test_times_are_nanoseconds_of_the_grid() -> None:
    parameters = sql.hop_counts([], GRID).parameters
    assert (parameters["from_ns"], parameters["until_ns"]) == (1_000_000_000, 301_000_000_000)
    assert parameters["step_ns"] == 60_000_000_000


@pytest.mark.parametrize(("outcome", "failed"), [(None, None), ("error", True), ("success", False)])
def test_an_outcome_is_whether_the_span_failed(outcome: str | None, failed: bool | None) -> None:
    query = MessageQuery("m", SpanSelector(("orders",)), "consumer", outcome)  # type: ignore[arg-type]
    assert sql.message_counts([query], GRID).parameters["failed"] == [failed]
