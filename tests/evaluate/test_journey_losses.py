"""Where a journey loses messages: failures and absences per hop, each counted once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from observatory.evaluate.journey_losses import HopLoss, hop_losses, worst_hop
from observatory.indicators.counts import Counts


@dataclass
class Hop:
    """What the losses look at in a hop."""

    good: float
    total: float
    optional: bool = False
    unarrived: float = 0.0
    events_per_journey: float | None = 1.0
    known: bool = True

    @property
    def status(self) -> Hop:
        return self

    @property
    def counts(self) -> Counts | None:
        return Counts(self.good, self.total) if self.known else None


@dataclass
class Journey:
    """What the losses look at in a journey."""

    hops: tuple[Hop, ...]
    joined: bool = False


def lost(*hops: Hop, joined: bool = False) -> list[tuple[float, float] | None]:
    found = hop_losses(Journey(hops, joined))  # type: ignore[arg-type]
    return [(one.failed, one.missing) if one else None for one in found]


def test_what_fails_at_a_hop_is_lost_there() -> None:
    assert lost(Hop(1000, 1000), Hop(990, 1000), Hop(960, 990)) == [(0, 0), (10, 0), (30, 0)]


def test_what_never_comes_is_lost_before_the_first_hop_that_misses_it_and_not_again() -> None:
    assert lost(Hop(1000, 1000), Hop(900, 900, unarrived=100), Hop(880, 880, unarrived=120)) == [
        (0, 0),
        (0, 100),
        (0, 20),
    ]


def test_what_goes_elsewhere_before_an_optional_hop_is_not_lost_there_nor_later() -> None:
    hops = (Hop(1000, 1000), Hop(400, 400, optional=True, unarrived=600), Hop(390, 390, unarrived=610))
    assert lost(*hops) == [(0, 0), (0, 0), (0, 10)]


def test_spans_say_who_did_not_come_those_who_failed_before_among_them() -> None:
    hops = (Hop(1000, 1000), Hop(900, 1000), Hop(890, 890, unarrived=110))
    assert lost(*hops, joined=True) == [(0, 0), (100, 0), (0, 10)]


def test_failures_of_several_events_are_shared_among_their_journeys() -> None:
    assert lost(Hop(100, 100), Hop(270, 300, events_per_journey=3.0)) == [(0, 0), (10, 0)]


def test_a_hop_that_nothing_counts_has_no_loss() -> None:
    assert lost(Hop(100, 100), Hop(0, 0, known=False), Hop(90, 100)) == [(0, 0), None, (10, 0)]


def test_shares_add_up_to_one_and_the_worst_hop_is_the_first_of_equals() -> None:
    found = hop_losses(Journey((Hop(75, 100), Hop(50, 75), Hop(50, 50))))  # type: ignore[arg-type]
    assert [one.share for one in found if one] == [pytest.approx(0.5), pytest.approx(0.5), 0.0]
    assert worst_hop(found) == 0


def test_where_nothing_is_lost_no_hop_is_the_worst() -> None:
    assert worst_hop([HopLoss(failed=0.0, missing=0.0, share=0.0), None]) is None
