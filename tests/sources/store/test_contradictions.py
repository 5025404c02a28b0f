"""Late values of counters: believed unless they add a fall; and of one instant there is one value."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from observatory.sources.store.contradictions import NEIGHBOUR_MS, contradictions

Points = Sequence[tuple[int, float]]
KEPT: Points = [(10, 100.0), (20, 110.0), (30, 5.0), (40, 15.0)]
"""The process began anew between 20 and 30."""


def judged(late: Points, kept: Points = KEPT, *, counter: bool = True) -> tuple[list[bool], list[bool]]:
    """By late sample, whether it is another value of its instant, and whether it does not fit."""
    rows = [
        (np.zeros(len(points), np.int64), np.array([t for t, _ in points]), np.array([value for _, value in points]))
        for points in (late, kept)
    ]
    (other, _), (unfit, _) = contradictions(rows[0], rows[1], lambda _number: counter)
    return other.tolist(), unfit.tolist()


@pytest.mark.parametrize(
    ("late", "unfit"),
    [
        ([(15, 105.0)], [False]),
        ([(15, 100.0)], [False]),
        ([(15, 111.0)], [True]),
        ([(15, 99.0)], [True]),
        ([(25, 115.0)], [False]),  # The old process counted on, or the new one had begun.
        ([(25, 3.0)], [False]),
        ([(25, 50.0)], [True]),  # Two starts in one stretch.
        ([(5, 400.0)], [False]),  # Nothing is known of what was before.
        ([(12, 105.0), (14, 3.0), (16, 104.0)], [False] * 3),  # A restart that nobody had seen.
        ([(12, 105.0), (14, 111.0), (35, 7.0)], [True, True, False]),
        ([(15, math.nan)], [False]),
    ],
)
def test_a_late_value_of_a_counter_is_believed_unless_it_adds_a_fall(late: Points, unfit: list[bool]) -> None:
    assert judged(late)[1] == unfit
    assert judged(late, counter=False)[1] == [False] * len(late)


def test_neighbours_that_are_far_away_say_nothing() -> None:
    assert judged([(15, 400.0)], [(10, 100.0), (15 + NEIGHBOUR_MS, 110.0)])[1] == [True]
    assert judged([(15, 400.0)], [(10, 100.0), (16 + NEIGHBOUR_MS, 110.0)])[1] == [False]


def test_of_one_instant_there_is_one_value() -> None:
    assert judged([(10, 100.0), (20, 111.0), (30, math.nan)], counter=False)[0] == [False, True, False]


def test_a_stale_marker_is_no_neighbour() -> None:
    assert judged([(18, 111.0)], [(10, 100.0), (15, math.nan), (20, 110.0)])[1] == [True]
