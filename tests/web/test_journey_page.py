"""The journey page: hop by hop, where the loss lies, and what is said where nothing is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import pytest
from figure_text import figure_text
from msgspec.structs import replace
from web.factories import CARD, LABEL, QUIET, HandMadeEstate, measurement, objective
from web.test_pages import PAGES, POLICIES, drawn, service
from web.test_panel_goldens import graphs

from observatory.evaluate.journeys import JourneyEvidence, judge_journey
from observatory.evaluate.snapshot import Snapshot
from observatory.objectives.journeys import Hop, JourneyObjective
from observatory.objectives.policy import load_policies
from observatory.spec.catalog import Channel
from observatory.web.app import draw_drawer, draw_panel
from observatory.web.service import Service


def travelling(made: Snapshot, *channels: Channel, name: str = "paid") -> Snapshot:
    """The snapshot with a journey over some channels, promised to 99 %."""
    hops = tuple(Hop(objective=replace(objective(one), target=0.99), optional=False) for one in channels)
    whole = replace(objective(channels[0]), id=f"shop/journeys/{name}", name=name, target=0.99)
    journey = JourneyObjective(objective=whole, document="shop", hops=hops)
    measured = tuple(measurement(one) for one in channels)
    evidence = JourneyEvidence(
        measured=measured,
        rows=tuple(made.ledger.rows.get(one.key) for one in measured),
        failed=(False,) * len(channels),
    )
    judged = judge_journey(journey, evidence, made.ledger.grid, load_policies()["google-30d"])
    return replace(
        made,
        journeys=(*made.journeys, journey),
        hops={**made.hops, journey.id: measured},
        status=replace(made.status, journeys=(*made.status.journeys, judged)),
    )


@dataclass
class Travelling(HandMadeEstate):
    """An estate with two journeys: one leads by the channel that burns, of the other a hop is not known."""

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        made = travelling(super().snapshot(at_ms, previous), LABEL, CARD)
        return travelling(made, LABEL, QUIET, name="told")


@pytest.fixture
def travels() -> Service:
    return service(Travelling())


def test_a_journey_is_one_line_with_its_share_its_bounds_and_its_target(travels: Service) -> None:
    text = drawn("journey", "journeys", of=travels).replace("\\", "")
    # 1,200 and 3,600 fail on one channel and 60 on the other, of 600 a minute for 30 days: 25,920,000.
    row = text[text.index('"data-to":"shop/journeys/paid"') :]
    for cell in ('"Meeting"', '"99.98 %"', '"99 %"', '"98 %"', '"pay-core"'):
        assert cell in row
    assert row.count('"99.98 %"') == 2  # the share, and its bounds, which are the same to four digits


def test_a_journey_of_which_a_hop_is_not_known_comes_first_and_says_so(travels: Service) -> None:
    text = drawn("journey", "hops", of=travels)
    assert "shop/journeys/told" in text
    assert "Nothing is known of the whole journey" in text
    assert "step 2 of shop/journeys/told" in text


def test_the_view_names_the_journey_whose_hops_are_shown(travels: Service) -> None:
    text = drawn("journey", "hops", search="?journey=shop%2Fjourneys%2Fpaid", of=travels).replace("\\", "")
    assert "4,860 of 25,920,000 journeys were lost; most at hop 2, billing/on payments.card.settled" in text
    assert "by failing there: 99 % of what the hops lose." in text
    assert '"href":"/channel/kafka%3Apayments.card.settled"' in text
    assert "estimated from the counters of its hops" in text
    assert "Counters do not join the hops of one message" in text
    assert '"pay-core"," (#pay)"' in text


def test_failures_at_each_hop_are_those_that_the_journey_is_judged_by(travels: Service) -> None:
    text = drawn("journey", "course", search="?range=1h&journey=shop%2Fjourneys%2Fpaid", of=travels)
    assert '"name": "2 on payments.card.settled"' in text
    assert '"range": ["2026-11-20 11:00:00"' in text


def test_the_figure_of_failures_at_each_hop_is_its_golden(travels: Service, golden: Callable[[str, str], None]) -> None:
    search = "?from=2026-11-20T11:55:00Z&to=2026-11-20T12:00:00Z&journey=shop%2Fjourneys%2Fpaid"
    target = {"type": "panel", "page": "journey", "panel": "course", "argument": ""}
    (found,) = graphs(draw_panel(travels, PAGES, POLICIES, search, target))
    golden(figure_text(go.Figure(found.figure)), "panels/hop-course.json")


def test_a_journeys_number_opens_to_its_hops_and_to_the_counts_of_each_hour(travels: Service) -> None:
    asked = {"explain": "objective.cells-24x3600-23:shop/journeys/paid", "search": "?range=24h"}
    (found,) = draw_drawer(travels, PAGES, POLICIES, asked)
    text = found.to_plotly_json()["props"]["data-tree"]
    assert '"burn rate, 11:00 to 12:00"' in text
    assert "(1,200 ÷ 36,000) ÷ (1 − 99 %) = 3.3×" in text
    assert travels.standing.snapshot
    paid = next(one for one in travels.standing.snapshot.status.journeys if one.journey.id == "shop/journeys/paid")
    assert paid.assumption
    assert paid.assumption in text
    for cell in ('"Hops"', '"payments.card.settled"', '"shipping.label.created"', '"25,915,200"', '"25,919,940"'):
        assert cell in text


def drawer(travels: Service, reference: str) -> str:
    (found,) = draw_drawer(travels, PAGES, POLICIES, {"explain": reference, "search": "?range=24h"})
    return str(found.to_plotly_json()["props"]["data-tree"])


def test_every_number_of_a_hop_opens_to_the_hops_counts_window_profile_and_query(travels: Service) -> None:
    assert travels.standing.snapshot
    paid = next(one for one in travels.standing.snapshot.status.journeys if one.journey.id == "shop/journeys/paid")
    hop = paid.hops[1]
    assert hop.status.counts
    page = drawn("journey", "hops", search="?journey=shop%2Fjourneys%2Fpaid", of=travels).replace("\\", "")
    for aspect in ("ratio", "total", "share", "failed", "missing", "state"):
        assert f'"data-explain":"hop.{aspect}:2 shop/journeys/paid"' in page
        text = drawer(travels, f"hop.{aspect}:2 shop/journeys/paid")
        assert f'"{hop.status.counts.good:,.0f}"' in text
        assert f'"{hop.status.counts.total:,.0f}"' in text
        for words in ("Coverage", "Window", "30d: ", "exact, from raw samples", "otel_semconv_messaging", "[30d]"):
            assert words in text, (aspect, words)


def test_what_a_journey_loses_at_a_hop_shows_its_arithmetic(travels: Service) -> None:
    failed = drawer(travels, "hop.failed:2 shop/journeys/paid")
    assert "failed = bad ÷ events per journey = 4,800 ÷ 1 = 4,800" in failed
    share = drawer(travels, "hop.share:2 shop/journeys/paid")
    assert "(failed + never came) ÷ lost at all hops = (4,800 + 0) ÷ 4,860 = 99 %" in share
    assert ") ÷ (1 − 99 %) = " in drawer(travels, "hop.burn-1h:2 shop/journeys/paid")


def test_the_figure_of_a_journeys_hops_opens_to_each_of_them(travels: Service) -> None:
    text = drawer(travels, "panel:journey/course")
    assert '"Hops"' in text
    assert '"data-explain":"hop.total:1 ' in text.replace('": "', '":"')


@pytest.mark.parametrize("key", ["", "0 shop/journeys/paid", "9 shop/journeys/paid", "x shop/journeys/paid", "1 other"])
def test_a_hop_that_is_not_there_is_nothing_to_explain(key: str, travels: Service) -> None:
    assert "Nothing to explain" in drawer(travels, f"hop.ratio:{key}")


def test_the_filter_leaves_journeys_that_come_by_a_channel(travels: Service) -> None:
    text = drawn("journey", "journeys", search="?q=notify", of=travels)
    assert "told" in text
    assert "shop/journeys/paid" not in text
    assert "No journey comes by a channel" in drawn("journey", "journeys", search="?q=refund", of=travels)


def test_an_estate_without_journeys_says_how_to_declare_one() -> None:
    text = drawn("journey", "journeys")
    assert "No journeys declared" in text
    assert "x-slo-journeys" in text
