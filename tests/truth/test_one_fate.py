"""What one scrape of a target shows is all of one kind: few errors among millions are no more new than the millions."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, Series, bad, counter, events, handled, row_of, scrapes, total
from truth import test_histograms as histograms

from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 24 * HOUR_MS)
t = scrapes(GRID.start_ms - 2 * HOUR_MS, END_MS)
number = np.arange(len(t), dtype=np.float64)
late = t > END_MS - 3 * HOUR_MS
up: Series = ({"__name__": "up", "job": "svc", "instance": "a:1"}, t, np.ones(len(t)))


@pytest.mark.parametrize("errors", [3.0, 30.0, 900.0])
def test_recorded_sums_that_lose_a_part_count_on_and_so_do_those_of_few_errors(errors: float) -> None:
    part = np.where(late, 2 / 3, 1.0)
    job = {"job": "recorded", "instance": ""}
    series: list[Series] = [
        ({**handled("success"), **job}, t, np.floor((6e6 + 60.0 * number) * part)),
        ({**handled("error"), **job}, t, np.floor(errors * part)),
    ]

    row = row_of(series, events(), GRID)

    seen = int(late.sum())
    assert (bad(row), total(row)) == (0.0, 60.0 * (1440 - seen) + 40.0 * (seen - 1))
    assert row.recovered.resets == 0


def test_few_errors_that_an_exporter_shows_late_are_as_old_as_the_millions_beside_them() -> None:
    series: list[Series] = [
        up,
        counter(handled("success", "old:1"), t, 50.0),
        (handled("success", topic="internal"), t, np.zeros(len(t))),
        (handled("success", topic="orders"), t[late], 7e6 + 5.0 * number[late]),
        (handled("error", topic="orders"), t[late], np.full(int(late.sum()), 900.0)),
    ]

    row = row_of(series, events(), GRID)

    assert (bad(row), total(row)) == (0.0, 50.0 * 1440 + 5.0 * (late.sum() - 1))


def test_counters_of_a_broker_that_come_back_after_their_exporter_restarted_have_gone_on() -> None:
    away = (number >= 800) & (number < 815)
    series: list[Series] = [
        up,
        (handled("success", topic="internal"), t, np.where(number < 800, number, number - 800)),
        (handled("success", topic="orders"), t[~away], (7e6 + 5.0 * number)[~away]),
        (handled("error", topic="orders"), t[~away], np.full(int((~away).sum()), 900.0)),
    ]

    row = row_of(series, events(), GRID)

    assert (bad(row), total(row)) == (0.0, pytest.approx(5.0 * 1440 + 1439.0))


@pytest.mark.parametrize("held", [900.0, 1_500.0, 30_000.0])
def test_a_histogram_is_a_newcomer_as_a_whole_or_not_at_all(held: float) -> None:
    shown = np.full(int(late.sum()), held)
    labels = {"job": "svc", "instance": "a:1"}
    series: list[Series] = [
        up,
        ({"__name__": "seconds_count", **labels, "topic": "quiet"}, t, np.floor(number / 100)),
        ({"__name__": "seconds_bucket", **labels, "topic": "quiet", "le": "0.5"}, t, np.floor(number / 100)),
        ({"__name__": "seconds_count", **labels}, t[late], shown),
        ({"__name__": "seconds_bucket", **labels, "le": "0.5"}, t[late], np.floor(shown * 0.6)),
    ]

    row = histograms.row_of(series, histograms.latency(0.5), GRID)

    believed = held <= 1_000.0
    assert float((row.total - row.good).sum()) == (0.4 * held if believed else 0.0)
    assert bool((row.good <= row.total).all())
