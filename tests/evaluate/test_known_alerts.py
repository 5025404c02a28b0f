"""Where policies fired is worked out once for a week: kept, it gives the incidents that looking again gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from objective_cases import objective

from observatory.errors import Problem
from observatory.evaluate import known_alerts
from observatory.evaluate.history import incidents
from observatory.evaluate.known_alerts import WEEK_MS, KnownAlerts, edges_of
from observatory.evaluate.snapshot import Incident
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.objectives.policy import Policy, load_policies
from observatory.sources.base import Record
from observatory.sources.store.kept_days import KeptFolder
from observatory.windows import Grid, TimeRange

POLICY = load_policies(None)["google-30d"]
STEP_MS = 600_000
DAY_MS = 86_400_000
START_MS = 3 * WEEK_MS + 5 * DAY_MS


class Memory:
    """Records of days, at hand."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self.problems: tuple[Problem, ...] = ()

    def load(self, day: int) -> Record | None:
        return self.records.get(day)

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        assert read.end_ms == day * DAY_MS
        self.records[day] = record


def row_of(seed: int, steps: int) -> Row:
    random = np.random.default_rng(seed)
    total = random.poisson(400, steps).astype(np.float64)
    shares = np.full(steps, 0.0006)
    for at in random.integers(0, steps, 8).tolist():
        shares[at : at + int(random.integers(1, 200))] = float(random.uniform(0.001, 0.3))
    bad = random.binomial(total.astype(np.int64), shares).astype(np.float64)
    return Row(good=total - bad, total=total, observed=np.full(steps, 600.0))


def cut(row: Row, first: int, last: int) -> Row:
    part = slice(first, last)
    return replace(row, good=row.good[part], total=row.total[part], observed=row.observed[part])


def asked(known: KnownAlerts, row: Row, grid: Grid, *, policy: Policy = POLICY, target: float = 0.999) -> object:
    counts = Ledger(grid, {"m": row}).whole("m")
    assert counts is not None
    return known.incidents(counts, objective(target=target), policy, of_slices=False)


def looked_at_again(row: Row, grid: Grid, *, policy: Policy = POLICY, target: float = 0.999) -> tuple[Incident, ...]:
    return incidents(row, grid, objective(target=target), policy)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    first=st.integers(0, 400),
    steps=st.integers(1, 3600),
    moved=st.integers(0, 1500),
    late=st.none() | st.integers(0, 4999),
    target=st.sampled_from([0.999, 0.99]),
)
def test_weeks_that_are_kept_give_the_incidents_that_looking_again_gives(
    seed: int, first: int, steps: int, moved: int, late: int | None, target: float
) -> None:
    whole, kept = row_of(seed, 5600), Memory()
    grid = Grid(START_MS + first * STEP_MS, STEP_MS, steps)
    known, row = KnownAlerts(grid, kept), cut(whole, first, first + steps)
    assert asked(known, row, grid) == looked_at_again(row, grid)
    known.keep()
    if late is not None:
        whole.good[late] = 0.0

    later = replace(grid, start_ms=grid.start_ms + moved // 2 * STEP_MS, steps=steps + moved - moved // 2)
    begin = first + moved // 2
    row = cut(whole, begin, begin + later.steps)

    assert asked(KnownAlerts(later, kept), row, later, target=target) == looked_at_again(row, later, target=target)


def worked_out_before(grid: Grid, kept: Memory) -> Row:
    """A row of which everything is kept."""
    row, known = row_of(7, grid.steps), KnownAlerts(grid, kept)
    asked(known, row, grid)
    known.keep()
    return row


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps were looked at, look by look."""
    found: list[int] = []
    inside = known_alerts.firing_by_sums

    def counted(sums: object, *args: object, since: int, **named: object) -> object:
        found.append(len(sums.bad) - 1 - since)  # type: ignore[attr-defined]
        return inside(sums, *args, since=since, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(known_alerts, "firing_by_sums", counted)
    return found


def test_only_the_day_that_goes_on_is_looked_at_again(looked: list[int]) -> None:
    grid, kept = Grid(START_MS, STEP_MS, 30 * 144 + 50), Memory()
    row = row_of(7, 31 * 144)
    known = KnownAlerts(grid, kept)
    assert asked(known, cut(row, 0, grid.steps), grid) != ()
    known.keep()
    assert looked == [grid.steps]
    looked.clear()

    later = replace(grid, steps=grid.steps + 10)
    asked(KnownAlerts(later, kept), cut(row, 0, later.steps), later)

    assert looked == [60]


def test_a_late_error_lets_its_week_and_the_windows_behind_it_be_looked_at_again(looked: list[int]) -> None:
    grid, kept = Grid(START_MS, STEP_MS, 30 * 144), Memory()
    row = worked_out_before(grid, kept)
    looked.clear()
    late = 2 * 144 + 6 * 144 + 100
    row.good[late] -= 1

    again = asked(KnownAlerts(grid, kept), row, grid)

    # The error lies in the last days of its week, so that windows of the next one reach back to it.
    assert looked == [14 * 144]
    assert again == looked_at_again(row, grid)


@pytest.mark.parametrize("change", ["policy", "target"])
def test_another_policy_or_target_finds_nothing_that_was_kept(change: str, looked: list[int]) -> None:
    grid, kept = Grid(START_MS, STEP_MS, 30 * 144), Memory()
    row = worked_out_before(grid, kept)
    looked.clear()
    pairs = tuple(replace(one, factor=one.factor / 2) for one in POLICY.pairs)
    policy = replace(POLICY, pairs=pairs) if change == "policy" else POLICY
    target = 0.9985 if change == "target" else 0.999

    found = asked(KnownAlerts(grid, kept), row, grid, policy=policy, target=target)

    assert looked == [grid.steps]
    assert found == looked_at_again(row, grid, policy=policy, target=target)


def test_what_is_kept_survives_on_disk_and_a_damaged_file_costs_time_only(tmp_path: Path, looked: list[int]) -> None:
    grid = Grid(START_MS, STEP_MS, 30 * 144)
    row = row_of(7, grid.steps)
    folder = KeptFolder(tmp_path / "o.duckdb.days", dict)
    known = KnownAlerts(grid, folder.alerts("plan", STEP_MS))
    first = asked(known, row, grid)
    known.keep()
    files = sorted((tmp_path / "o.duckdb.alerts").rglob("*.alerts"))
    # Weeks end on Thursdays by UTC: two days of the first, and four whole ones.
    assert [one.name for one in files] == [
        "1970-01-29.alerts",
        "1970-02-05.alerts",
        "1970-02-12.alerts",
        "1970-02-19.alerts",
        "1970-02-26.alerts",
    ]
    looked.clear()

    assert asked(KnownAlerts(grid, folder.alerts("plan", STEP_MS)), row, grid) == first
    assert looked == []
    files[2].write_bytes(files[2].read_bytes()[:-9])
    assert asked(KnownAlerts(grid, folder.alerts("plan", STEP_MS)), row, grid) == first
    assert looked == [7 * 144]


def test_weeks_end_on_the_same_days_whatever_the_grid() -> None:
    grid = Grid(START_MS, STEP_MS, 20 * 144 + 7)
    later = Grid(START_MS + 3 * 144 * STEP_MS, STEP_MS, 20 * 144)

    assert edges_of(grid) == (0, 2 * 144, 9 * 144, 16 * 144, 20 * 144, 20 * 144 + 7)
    assert edges_of(later) == (0, 6 * 144, 13 * 144, 20 * 144)


def test_steps_that_do_not_share_midnights_are_kept_nowhere() -> None:
    grid, kept = Grid(START_MS + 1000, STEP_MS, 30 * 144), Memory()
    known = KnownAlerts(grid, kept)
    asked(known, row_of(7, grid.steps), grid)
    known.keep()

    assert kept.records == {}
