"""Windows before on pages: equal to the status, filled in when they are counted, and honest about what is not known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, Answering, counter, scrapes
from msgspec.structs import replace
from one_channel import BILLED, BILLING, PROCESSED
from web.test_states import text_of

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.evaluate.estate import Estate
from observatory.objectives.policy import load_policies
from observatory.settings import Settings
from observatory.sources.base import SampleSet
from observatory.sources.store import Store
from observatory.web.app import draw_drawer, draw_panel
from observatory.web.parts import percent, whole_percent
from observatory.web.server import build_site
from observatory.web.service import Service, Standing

PROMISE = """\
    x-consumer-group: billing
    x-slo:
      - {sli: availability, target: 99%, window: 4d}
"""
DOCUMENT = BILLING.replace("    x-slo: {availability: 99%}\n", PROMISE).replace("billing}", "billing, x-domain: money}")
AT_MS = END_MS + 30 * 60_000
POLICIES = load_policies()
LABELS = {**BILLED, "messaging_consumer_group_name": "billing", "__name__": PROCESSED}
ID = "billing/onOrder/availability"


def served(folder: Path, days: float) -> tuple[Service, Store]:
    """A service over a store of so many days, in which 2 of 99 failed until four days ago, and 1 of 98 since."""
    document = folder / "billing.yaml"
    document.write_text(DOCUMENT, encoding="utf-8")
    t_ms = scrapes(AT_MS - round(days * DAY_MS), AT_MS, every_ms=120_000)
    failed = np.where(t_ms < AT_MS - 4 * DAY_MS, 2.0, 0.5)
    store = Store.open(None)
    store.append_samples(
        SampleSet.of([counter(LABELS, t_ms, 97.0), counter({**LABELS, "error_type": "Timeout"}, t_ms, failed)])
    )
    estate = Estate(Settings(documents=(document,)), Answering((store,), (store,)))
    return Service(estate, clock=lambda: AT_MS), store


def drawn(service: Service, **options: object) -> str:
    panel = PanelDeclaration(id="one", kind="trend", title="Trend", options=options)
    pages = {"p": PageDeclaration(id="p", title="P", path="/p", panels=(panel,))}
    target = {"page": "p", "panel": "one", "argument": ""}
    return text_of(draw_panel(service, pages, POLICIES, "?range=24h", target))


def looked_back(service: Service) -> Standing:
    service.refresh()
    while service.look_back():
        pass
    return service.standing


def test_a_page_that_waits_for_the_window_before_says_that_it_is_being_counted(tmp_path: Path) -> None:
    service, store = served(tmp_path, 9)
    with store:
        first = service.refresh()
        waiting = drawn(service)
        after = looked_back(service)

    assert '"data-state":"loading"' in waiting
    assert "Being counted" in waiting
    assert (first.version, after.version) == (1, 2)
    assert '"data-state":"loading"' not in drawn(service)


@pytest.mark.parametrize("by", ["domains", "objectives"])
def test_a_page_shows_the_numbers_of_the_status(by: str, tmp_path: Path) -> None:
    service, store = served(tmp_path, 9)
    with store:
        standing = looked_back(service)
    assert standing.snapshot is not None
    told = standing.snapshot.status.to_json()
    (one,) = told["objectives"]
    before = one["before"]
    text = drawn(service, by=by)

    assert before["ratio"] == pytest.approx(97 / 99, abs=1e-4)
    assert before["ratio"] == told["domains"][0]["before"]["ratio"] == told["estate"]["before"]["ratio"]
    assert before["budget"] == told["estate"]["before"]["budget"]
    for shown in (
        percent(before["ratio"], 0.99),
        percent(one["ratio"], 0.99),
        whole_percent(before["budget"]["remaining_ratio"]),
        f"▲ {100 * (one['ratio'] - before['ratio']):.2f} pt",
        {"domains": "1 of 1", "objectives": "missed"}[by] if by == "objectives" else "counted",
    ):
        assert shown in text, shown
    assert f'"data-value":"{before["ratio"]!r}"' in text


def test_the_api_tells_the_window_before_as_the_page_does(tmp_path: Path) -> None:
    service, store = served(tmp_path, 9)
    with store:
        site = build_site(service.estate, clock=lambda: AT_MS)
        looked_back(site.service)
        with site.server.test_client() as client:
            answer = json.loads(client.get("/api/status", headers={"Host": "localhost"}).get_data())
    assert site.service.standing.snapshot is not None
    assert answer == site.service.standing.snapshot.status.to_json()
    assert answer["objectives"][0]["before"]["end"] == "2026-11-16T00:00:00Z"


def test_a_window_before_of_which_a_part_is_known_says_since_when(tmp_path: Path) -> None:
    service, store = served(tmp_path, 5.5)
    with store:
        looked_back(service)
    text = drawn(service)

    assert "counted since 14 November" in text
    assert " pt" not in text


def test_without_anything_before_there_is_a_state_and_no_number(tmp_path: Path) -> None:
    service, store = served(tmp_path, 3)
    with store:
        looked_back(service)
    text = drawn(service)

    assert '"data-state":"no_data"' in text
    assert "No data of the window before" in text
    assert "100.00 %" not in text


def test_a_number_of_the_window_before_opens_to_its_counts_window_and_query(tmp_path: Path) -> None:
    service, store = served(tmp_path, 9)
    with store:
        standing = looked_back(service)
    assert standing.snapshot is not None
    before = standing.snapshot.status.to_json()["objectives"][0]["before"]
    for word in (f"objective.before-ratio:{ID}", "domain.before-budget:money", "estate.before-missed"):
        text = text_of(draw_drawer(service, {}, POLICIES, {"explain": word, "search": ""}))
        assert f"{before['good']:,.0f}" in text
        assert f"{before['total']:,.0f}" in text
        assert "[4d]" in text
        assert "otel_semconv_messaging" in text
    text = text_of(draw_drawer(service, {}, POLICIES, {"explain": f"objective.before-ratio:{ID}", "search": ""}))
    assert "before the present 4d: 11-12 00:00 to 11-16 00:00 UTC" in text
    assert "More events were bad than the target allows." in text


@pytest.mark.parametrize(
    "word", [f"objective.change-budget:{ID}", "domain.change-budget:money", "estate.change-budget"]
)
def test_a_change_opens_to_both_windows_and_their_difference(word: str, tmp_path: Path) -> None:
    service, store = served(tmp_path, 9)
    with store:
        standing = looked_back(service)
    assert standing.snapshot is not None
    (one,) = standing.snapshot.status.to_json()["objectives"]
    left, before = one["budget"]["remaining_ratio"], one["before"]["budget"]["remaining_ratio"]
    text = text_of(draw_drawer(service, {}, POLICIES, {"explain": word, "search": ""}))

    assert f"change = now − before = ▲ {100 * (left - before):.1f} pt" in text
    assert f"now: left = 1 − spent ÷ allowed = 1 − {one['budget']['spent']:,.0f} ÷ " in text
    for count in (one["good"], one["total"], one["before"]["good"], one["before"]["total"]):
        assert f"{count:,.0f}" in text
    assert ("total now" in text, "total before" in text, "Good before" in text) == (True, True, True)


def test_a_change_that_cannot_be_told_says_why(tmp_path: Path) -> None:
    service, store = served(tmp_path, 5)
    with store:
        looked_back(service)
    text = text_of(draw_drawer(service, {}, POLICIES, {"explain": "estate.change-ratio", "search": ""}))
    assert "Less than half of the windows before was seen" in text
    assert " pt" not in text


def test_a_refresh_keeps_what_was_counted_before(tmp_path: Path) -> None:
    service, store = served(tmp_path, 9)
    with store:
        looked_back(service)
        now = [AT_MS + 60_000]
        service.clock = lambda: now[0]
        after = service.refresh()
    assert after.snapshot is not None
    assert after.snapshot.status.objectives[0].before is not None


def test_sources_that_do_not_answer_for_the_window_before_leave_the_page_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service, store = served(tmp_path, 9)
    with store:
        service.refresh()
    store.close()
    standing = service.standing
    assert not service.look_back()
    assert service.standing == replace(standing)
    assert "windows before the present ones could not be counted" in caplog.text
    assert not service.look_back()
