"""Several objectives over time as one: the end of each curve is what the roll-up says."""

from __future__ import annotations

import numpy as np
import pytest
from web.factories import AT_MS, DAY_MS, snapshot

from observatory.evaluate.grouped import budget_left, even_share, grouped_burn
from observatory.evaluate.rollup import estate
from observatory.windows import TimeRange

WHOLE = TimeRange(AT_MS - 30 * DAY_MS, AT_MS)


def test_the_budget_left_ends_where_the_roll_up_is() -> None:
    made = snapshot()
    _, left = budget_left(made, made.status.objectives, WHOLE)
    assert left[-1] == pytest.approx(estate(made.status.objectives).remaining_ratio)


def test_the_budget_left_never_rises() -> None:
    made = snapshot()
    _, left = budget_left(made, made.status.objectives, WHOLE)
    assert (np.diff(left) <= 0).all()


def test_a_group_burns_by_added_counts() -> None:
    made = snapshot()
    # Three channels of 600 a minute; in the last five minutes one has 30 bad a minute: 150 of 9000 over 0.1 %.
    assert grouped_burn(made, made.status.objectives, 300.0)[-1] == pytest.approx(150 / 9000 / 0.001)


def test_a_group_that_nothing_measures_has_no_curve() -> None:
    made = snapshot()
    silent = [one for one in made.status.objectives if one.counts is None]
    assert len(budget_left(made, silent, WHOLE)[1]) == 0
    assert np.isnan(grouped_burn(made, silent, 300.0)).all()


def test_a_rolling_window_has_no_even_mark() -> None:
    made = snapshot()
    assert even_share(made, made.status.objectives) is None
