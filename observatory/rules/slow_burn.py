"""A burn that is worth a ticket and no page, made to an objective's and its policy's measure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from observatory.objectives.budget import budget_ratio
from observatory.objectives.policy import Pair
from observatory.rules.document_rules import Measured, min_bad, reachable_pairs

SHORTEST = 20
"""Minutes that a slow burn lasts at least, so that no window is judged by a handful of records."""


def slow_shares(one: Measured, per_minute: float) -> list[float] | None:
    """Share of bad events per minute, halfway between the ticket's and the page's factor; None where none lies between.

    Windows hold only what there is of history, so that the ratio is the same in all of them from the first minute on.
    """
    tickets, pages = reachable_pairs(one, "ticket"), reachable_pairs(one, "page")
    if not tickets:
        return None
    budget = budget_ratio(one.objective.target)
    least = max(pair.factor for pair in tickets)
    most = min([pair.factor for pair in pages] + [1 / budget])
    if most <= least:
        return None
    share = (least + most) / 2 * budget
    wanted = max(min_bad(one, pair) for pair in tickets)
    return [share] * (max(SHORTEST, math.ceil(wanted / (share * per_minute)) + 5) + 1)


def slow_minutes(one: Measured) -> list[float] | None:
    """The same in minutes of time, of which each is either good or bad: a few bad ones after a quiet while.

    Engines whose ranges hold both ends see one bad minute more when scrapes fall on full minutes; neither way may
    it page. None where one minute is already too much.
    """
    tickets, pages = reachable_pairs(one, "ticket"), reachable_pairs(one, "page")
    if not tickets:
        return None
    budget = budget_ratio(one.objective.target)
    least = min(pair.factor for pair in tickets)
    most = min((pair.factor for pair in pages), default=1 / budget)
    # The quiet while is halfway between what one bad minute more would page for and what is too long for a ticket.
    for bad in (1, 2, 3, 5, 8, 13):
        quiet = round(((bad + 1) / (most * budget) + bad / (least * budget)) / 2)
        if quiet >= SHORTEST:
            break
    lasts = quiet + bad + 1
    if any(_burns(pair, seen, lasts, budget) for pair in pages for seen in (bad, bad + 1)):
        return None
    if not any(_burns(pair, bad, lasts, budget) for pair in tickets):
        return None
    return [*[0.0] * quiet, *[1.0] * bad, 0.0, 0.0]


def _burns(pair: Pair, bad: int, lasts: int, budget: float) -> bool:
    windows: Sequence[float] = (pair.long / 60, pair.short / 60)
    return all(bad / min(lasts, minutes) > pair.factor * budget for minutes in windows)
