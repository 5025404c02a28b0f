"""Words and numbers of the summary's sentences."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.review.account import ObjectiveAccount
from observatory.units import format_count

NAMED = 5
"""Subjects that a sentence names before it counts the rest."""


def name_of(one: ObjectiveAccount) -> str:
    """`latency of orders.v1 for billing-v2`; the objective's own name where it has one."""
    o = one.objective
    group = f" for {o.consumer_group}" if o.consumer_group else ""
    return f"{o.name} of {o.address or o.channel_key}{group}"


def target_of(one: ObjectiveAccount) -> str:
    """Its target as a percentage."""
    return f"{one.objective.target * 100:.8g} %"


def spent_share(budget: object) -> float | None:
    """Of the budget, how much is spent; None where that is not known."""
    left = getattr(budget, "remaining_ratio", None)
    return None if left is None else 1 - left


def spent_words(one: ObjectiveAccount) -> str:
    """Bad events, or minutes, beside those that were allowed."""
    assert one.budget is not None
    unit = "slices of a minute" if one.objective.sli in ("lag", "saturation", "freshness") else "events"
    spent, allowed = format_count(round(one.budget.spent)), format_count(round(one.budget.allowed))
    return f"{spent} bad {unit} where {allowed} were allowed"


def incident_words(count: int) -> str:
    """The end of a sentence: how many incidents there were."""
    return f", in {count} incident{'' if count == 1 else 's'}" if count else ", without one incident that paged"


def ids_of(accounts: Sequence[ObjectiveAccount]) -> tuple[str, ...]:
    """Their ids, for the subjects of a finding."""
    return tuple(one.objective.id for one in accounts)


def percent(share: float) -> str:
    """A share for a sentence: whole percents from ten on, tenths below."""
    return f"{share * 100:,.0f} %" if share >= 0.1 else f"{share * 100:.1f} %"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`; from the sixth on they are counted."""
    shown = list(dict.fromkeys(names))
    rest = len(shown) - NAMED
    if rest > 0:
        return ", ".join(shown[:NAMED]) + f" and {rest} more"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}"


def count_words(value: float) -> str:
    """A count for a sentence: millions and billions in words."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.3g} {word}"
    return format_count(round(value))
