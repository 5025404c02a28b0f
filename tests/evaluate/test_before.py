"""The window before: counted like any other, once, and told with what is not known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, Answering, counter, scrapes
from msgspec.structs import replace
from one_channel import BILLED, BILLING, PROCESSED

from observatory.errors import Problem, SourceFailed
from observatory.evaluate.before import Before, span_before
from observatory.evaluate.comparison import as_before, trend, with_before
from observatory.evaluate.estate import Estate
from observatory.evaluate.lookback import Lookback
from observatory.evaluate.snapshot import Snapshot
from observatory.indicators.counts import Counts
from observatory.ledger.ledger import Ledger
from observatory.review.month import make_review
from observatory.settings import Settings
from observatory.settings.exclusions import Exclusion, Scope
from observatory.sources.base import SampleSet
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.windows import Grid, TimeRange, Window

PROMISES = """\
    x-consumer-group: billing
    x-slo:
      - {sli: availability, target: 99%, window: 6d, exclusions: budget, name: rolling}
      - {sli: availability, target: 99%, window: 1d, name: short}
      - {sli: availability, target: 95%, window: month, name: monthly}
"""
DOCUMENT = BILLING.replace("    x-slo: {availability: 99%}\n", PROMISES)
BEGAN_MS = END_MS - 41 * DAY_MS + 12 * HOUR_MS  # 2026-10-10T12:00:00Z
AT_MS = END_MS + 30 * 60_000
"""Half past midnight: no window begins with a day."""
LABELS = {**BILLED, "messaging_consumer_group_name": "billing", "__name__": PROCESSED}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("documents") / "billing.yaml"
    path.write_text(DOCUMENT, encoding="utf-8")
    return Settings(documents=(path,))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 41 days, a scrape each two minutes; in its first ten days a tenth more fails."""
    t_ms = scrapes(BEGAN_MS, AT_MS, every_ms=120_000)
    failed = np.where(t_ms < BEGAN_MS + 10 * DAY_MS, 2.0, 1.0)
    found = tmp_path_factory.mktemp("store") / "telemetry.duckdb"
    with Store.open(found) as store:
        store.append_samples(
            SampleSet.of([counter(LABELS, t_ms, 97.0), counter({**LABELS, "error_type": "Timeout"}, t_ms, failed)])
        )
    return found


@dataclass
class Watching:
    """An estate that notes which grids were counted for windows before; `fails` of them do not answer."""

    estate: Estate
    fails: int = 0
    grids: list[Grid] = field(default_factory=list)

    def counted(self, snapshot: Snapshot, grid: Grid) -> Ledger:
        self.grids.append(grid)
        ledger = self.estate.counted(snapshot, grid)
        if len(self.grids) <= self.fails:
            gone = Problem(code="source-unreachable", message="connection refused")
            return replace(ledger.only([]), problems=(gone,))
        return ledger

    def planned(self, grid: Grid) -> Any:
        return self.estate.planned(grid)


def looked_back(estate: Estate | Watching, snapshot: Snapshot) -> dict[str, Before]:
    looking = Lookback(estate)
    while looking.go_on(snapshot):
        pass
    return {key.rpartition("/")[2]: one for key, one in looking.before(snapshot).items()}


def test_a_rolling_window_begins_where_the_present_one_does_on_a_full_hour() -> None:
    found = span_before(Window.parse("30d"), AT_MS)
    assert found == TimeRange(END_MS - 60 * DAY_MS, END_MS - 30 * DAY_MS)


def test_a_window_below_a_day_is_not_moved_to_the_hour() -> None:
    assert span_before(Window.parse("1h"), AT_MS) == TimeRange(AT_MS - 2 * HOUR_MS, AT_MS - HOUR_MS)


def test_before_a_calendar_month_is_the_whole_month_before_it() -> None:
    found = span_before(Window.parse("month", "Europe/London"), AT_MS)
    # October 2026 begins in summer time, and ends after it.
    assert found == TimeRange(END_MS - 50 * DAY_MS - HOUR_MS, END_MS - 19 * DAY_MS)


def test_the_window_before_is_what_a_status_at_its_end_says(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        estate = Estate(settings, Answering((store,), (store,)))
        found = looked_back(estate, estate.snapshot(AT_MS))["rolling"]
        then = {one.objective.name: one for one in estate.snapshot(found.span.end_ms).status.objectives}

    assert then["rolling"].counts == found.counts
    assert (found.counts.total, found.counts.bad) == (6 * 720 * 98.0, 6 * 720 * 1.0)
    assert found.reach == "whole"


def test_a_month_before_is_what_the_review_says_of_it(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        estate = Estate(settings, Answering((store,), (store,)))
        found = looked_back(estate, estate.snapshot(AT_MS))["monthly"]
        review = make_review(estate, "2026-11", AT_MS)

    (account,) = [one for one in review.objectives if one.objective.name == "monthly"]
    assert account.counts_before is not None
    assert (found.counts.good, found.counts.total) == (account.counts_before.good, account.counts_before.total)
    assert found.counts.coverage == pytest.approx(account.counts_before.coverage)


def test_telemetry_that_begins_in_it_is_a_state_with_its_day(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        estate = Estate(settings, Answering((store,), (store,)))
        found = looked_back(estate, estate.snapshot(AT_MS))["monthly"]

    told = found.to_json(0.95)
    assert (told["start"], told["end"]) == ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")
    assert (told["reach"], told["counted_since"][:10]) == ("partial", "2026-10-10")
    assert told["coverage"] == pytest.approx(21.5 / 31, abs=0.001)
    assert told["ratio"] == found.counts.good / found.counts.total


def test_where_nothing_was_there_before_nothing_is_said_of_it(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        estate = Estate(settings, Answering((store,), (store,)))
        found = looked_back(estate, estate.snapshot(BEGAN_MS + 5 * DAY_MS))

    told = found["monthly"].to_json(0.95)
    assert (told["reach"], told["counted_since"], told["budget"]) == ("none", None, None)
    assert (told["good"], told["total"], told["ratio"], told["coverage"]) == (None, None, None, 0.0)


def test_a_window_that_the_ledger_holds_is_not_counted_again(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        estate = Estate(settings, Answering((store,), (store,)))
        watching = Watching(estate)
        snapshot = estate.snapshot(AT_MS)
        found = {key.rpartition("/")[2]: one for key, one in Lookback(watching).before(snapshot).items()}

    assert watching.grids == []
    assert set(found) == {"short", "rolling"}
    assert found["short"].counts.total == 720 * 98.0


def test_days_are_counted_once_and_an_hour_later_only_those_at_the_ends(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        watching = Watching(Estate(settings, Answering((store,), (store,))))
        snapshot = replace_window(watching.estate.snapshot(AT_MS), "30d")
        looking = Lookback(watching)
        while looking.go_on(snapshot):
            pass
        first = sum(grid.steps * grid.step_ms for grid in watching.grids) // DAY_MS
        watching.grids.clear()
        assert not looking.go_on(replace(snapshot, at_ms=AT_MS + 60_000))
        later = replace(snapshot, at_ms=AT_MS + HOUR_MS)
        while looking.go_on(later):
            pass

    assert first >= 30
    days = {grid.start_ms // DAY_MS for grid in watching.grids}
    assert days == {(END_MS - 60 * DAY_MS) // DAY_MS, (END_MS - 30 * DAY_MS) // DAY_MS}


def test_days_that_were_kept_stand_when_their_telemetry_has_gone(
    settings: Settings, path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(path.read_bytes())
    with Store.open(copy) as store:
        estate = Estate(settings, Answering((store,), (store,)), keeper=kept_beside(store))
        whole = looked_back(estate, estate.snapshot(AT_MS))["monthly"]
        store.prune(END_MS - 19 * DAY_MS, END_MS - 19 * DAY_MS)
        fresh = Estate(settings, Answering((store,), (store,)), keeper=kept_beside(store))
        found = looked_back(fresh, fresh.snapshot(AT_MS))["monthly"]

    assert (found.counts.good, found.counts.total) == (whole.counts.good, whole.counts.total)


def test_a_day_that_was_not_answered_for_is_asked_for_again(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        watching = Watching(Estate(settings, Answering((store,), (store,))), fails=1)
        snapshot = watching.estate.snapshot(AT_MS)
        looking = Lookback(watching)
        with pytest.raises(SourceFailed, match="connection refused"):
            looking.go_on(snapshot)
        assert "monthly" not in {key.rpartition("/")[2] for key in looking.before(snapshot)}
        while looking.go_on(snapshot):
            pass
        assert "monthly" in {key.rpartition("/")[2] for key in looking.before(snapshot)}


def test_planned_work_is_left_out_of_the_window_before_too(settings: Settings, path: Path) -> None:
    # Ten hours of the window before the six days that count without planned work.
    when = TimeRange(AT_MS - 8 * DAY_MS, AT_MS - 8 * DAY_MS + 10 * HOUR_MS)
    excluded = Exclusion(reason="Kafka 4", approver="ana", scope=Scope(), when=when)
    with Store.open(path) as store:
        estate = Estate(replace(settings, exclusions=(excluded,)), Answering((store,), (store,)))
        found = looked_back(estate, estate.snapshot(AT_MS))["rolling"]

    assert found.counts.expected_seconds == (6 * 24 - 10) * 3600.0
    assert found.counts.total == (6 * 24 - 10) * 30 * 98.0


def test_a_trend_is_made_of_added_counts_and_not_of_ratios(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        snapshot = Estate(settings, Answering((store,), (store,))).snapshot(AT_MS)
    one = next(one for one in snapshot.status.objectives if one.objective.name == "rolling")
    span = TimeRange(0, 1000)
    few = replace(one, measurement="a", counts=Counts(1.0, 2.0, 1.0, 1.0))
    many = replace(one, measurement="b", counts=Counts(990.0, 998.0, 1.0, 1.0))
    few = replace(few, before=Before(span=span, counts=Counts(100.0, 100.0, 1.0, 1.0), since_ms=10))
    many = replace(many, before=Before(span=span, counts=Counts(800.0, 900.0, 1.0, 1.0), since_ms=10))

    found = trend("both", [few, many])

    assert found.ratio_change == pytest.approx(991 / 1000 - 900 / 1000)
    assert (found.now.states, found.before.states) == ({one.state: 2}, {"meeting": 1, "breached": 1})


@pytest.mark.parametrize(("seen", "is_comparable"), [(0.49, False), (0.5, True)])
def test_half_of_the_window_before_must_have_been_seen(
    seen: float, is_comparable: bool, settings: Settings, path: Path
) -> None:
    with Store.open(path) as store:
        snapshot = Estate(settings, Answering((store,), (store,))).snapshot(AT_MS)
    one = next(one for one in snapshot.status.objectives if one.objective.name == "rolling")
    before = Before(span=TimeRange(0, 1000), counts=Counts(99.0, 100.0, seen, 1.0), since_ms=10)

    found = trend("one", with_before((one,), {one.objective.id: before}))

    assert found.is_comparable is is_comparable
    assert (found.budget_change is None) is not is_comparable


def test_what_was_not_counted_is_no_data_and_not_a_month_without_a_fault(settings: Settings, path: Path) -> None:
    with Store.open(path) as store:
        one = Estate(settings, Answering((store,), (store,))).snapshot(AT_MS).status.objectives[0]

    found = as_before(one)

    assert (found.state, found.counts, found.budget) == ("no_data", None, None)


def replace_window(snapshot: Snapshot, window: str) -> Snapshot:
    """A snapshot of one objective with another window over the same counts."""
    (one,) = [one for one in snapshot.objectives if one.name == "rolling"]
    return replace(snapshot, objectives=(replace(one, window=Window.parse(window)),))
