"""Planned work in PromQL: the times of exclusions as arithmetic on `time()`, recorded as a guard that alerts obey.

PromQL knows no calendar and no time zone with clock changes. What recurs is therefore worked out here, by the rule and
the zone it was written in, up to a horizon, and the starts are told as runs of equal distance: a weekly window in
London is one run from clock change to clock change. Each run is exact, and where too many would be needed the exclusion
is left out and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from msgspec import Struct

from observatory.compile.names import PLANNED_WORK
from observatory.errors import Problem
from observatory.objectives.exclusions import concerns
from observatory.objectives.objective import Objective
from observatory.recurrence import Recurrence
from observatory.rules.sums import RECORD, STEP, series
from observatory.settings.exclusions import Exclusion
from observatory.spec.catalog import ExclusionUse
from observatory.windows import TimeRange, format_instant

MOST_RUNS = 60
MOST_OF_ALL = 600
"""Runs of one exclusion, and of all; guards are evaluated every minute, and somebody has to read them."""
_NEIGHBOURS = 10
"""Following starts that are tried as the second of a run: more than the weekdays of a week."""


class Run(Struct, frozen=True):
    """Spans of equal length at equal distance: `count` of them from `start_s` on, every `every_s` seconds."""

    start_s: int
    length_s: int
    every_s: int = 0
    count: int = 1

    @property
    def end_s(self) -> int:
        """When the last span ends."""
        return self.start_s + (self.count - 1) * self.every_s + self.length_s

    def covers(self, at_s: float) -> bool:
        """Whether an instant lies in one of the spans, ends and starts included."""
        if not self.start_s <= at_s <= self.end_s:
            return False
        return self.count == 1 or (at_s - self.start_s) % self.every_s <= self.length_s

    def promql(self) -> str:
        """Has a value exactly while a record of five minutes may hold something of a span.

        The guard is up to a minute old where it is used, so it begins a minute early; a record looks back over five.
        """
        begin, length = self.start_s - round(STEP), self.length_s + round(STEP + RECORD)
        inside = f"(vector(time()) >= {begin}) <= {begin + self.end_s - self.start_s - self.length_s + length}"
        if self.count == 1:
            return inside
        return f"({inside}) and on () ((vector(time()) - {begin}) % {self.every_s} <= {length})"


class Guard(Struct, frozen=True):
    """The planned work of an objective, as rules know it.

    Attributes:
        use: `alerts` keeps it out of alerts, `budget` out of every number.
    """

    use: ExclusionUse
    exclusions: tuple[Exclusion, ...]
    runs: tuple[Run, ...]

    @property
    def key(self) -> str:
        """The same for the same planned work in every run: the `planned` label."""
        told = "\n".join(f"{one.reason}\n{one.approver}\n{one.when}{_without(one)}" for one in self.exclusions)
        return sha256(told.encode()).hexdigest()[:8]

    def series(self) -> str:
        """Selector of the recorded guard: it has a value while work is under way or in the newest record."""
        return series(PLANNED_WORK, {"planned": self.key})

    def promql(self) -> str:
        """What is recorded: 1 while any of the runs covers the present, and nothing at other times."""
        return "group(\n" + "\nor\n".join(f"  ({run.promql()})" for run in self.runs) + "\n)"


class Calendar(Struct, frozen=True, kw_only=True):
    """Exclusions as far as rules can say them, and until when.

    Attributes:
        runs: By exclusion; none where nothing of it lies in the horizon.
        unsaid: Exclusions that rules cannot say.
        horizon: From the beginning of the year to the end of the next one, so that files change once a year only.
    """

    horizon: TimeRange
    runs: Mapping[Exclusion, tuple[Run, ...]]
    unsaid: tuple[Exclusion, ...]
    problems: tuple[Problem, ...]

    def guard(self, objective: Objective) -> Guard | None:
        """The planned work of an objective; None where it refuses it, or none concerns it in the horizon."""
        if objective.exclusions == "none":
            return None
        mine = tuple(one for one, runs in self.runs.items() if runs and concerns(one, objective))
        if not mine:
            return None
        return Guard(objective.exclusions, mine, tuple(run for one in mine for run in self.runs[one]))

    def told(self, members: Iterable[tuple[Objective, Guard | None]]) -> str:
        """What the rules of some objectives know of planned work, for a header; nothing where none concerns them."""
        guarded = list(members)
        known = dict.fromkeys(one for _, guard in guarded if guard for one in guard.exclusions)
        lines = [f"Planned work, silent until {_day(self.horizon)}: {one.reason} ({one.approver})" for one in known]
        unsaid = [one for one in self.unsaid if any(concerns(one, objective) for objective, _ in guarded)]
        lines += [f"Planned work that these rules do not know: {one.reason} ({one.approver})" for one in unsaid]
        return "".join(f"\n{line}" for line in sorted(lines))


def calendar_of(exclusions: Sequence[Exclusion], at_ms: int) -> Calendar:
    """Exclusions from the year of an instant to the end of the next one, in a stable order."""
    year = datetime.fromtimestamp(at_ms / 1000, UTC).year
    horizon = TimeRange(*(round(datetime(one, 1, 1, tzinfo=UTC).timestamp() * 1000) for one in (year, year + 2)))
    runs: dict[Exclusion, tuple[Run, ...]] = {}
    unsaid: list[Exclusion] = []
    problems: list[Problem] = []
    for one in sorted(exclusions, key=lambda one: (one.reason, one.approver, str(one.when), str(one.scope))):
        found = runs_of(one.spans(horizon))
        if len(found) > MOST_RUNS or sum(map(len, runs.values())) + len(found) > MOST_OF_ALL:
            unsaid.append(one)
            problems.append(_unsaid(one, len(found), horizon))
            continue
        runs[one] = found
        if _goes_on(one, horizon):
            problems.append(_until(one, horizon))
    return Calendar(horizon=horizon, runs=runs, unsaid=tuple(unsaid), problems=tuple(problems))


def runs_of(spans: Sequence[TimeRange]) -> tuple[Run, ...]:
    """The fewest runs that a greedy search finds for spans, which together cover exactly what the spans do."""
    found: list[Run] = []
    lengths = {span.end_ms - span.start_ms for span in spans}
    for length in sorted(lengths):
        left = sorted({span.start_ms for span in spans if span.end_ms - span.start_ms == length})
        while left:
            run = max((_chain(left, second) for second in left[1 : 1 + _NEIGHBOURS]), key=len, default=left[:1])
            run = run if len(run) > 2 else left[:1]
            every = run[1] - run[0] if len(run) > 1 else 0
            # Parts of seconds: a span is told from the second in which it begins to the one in which it ends.
            seconds = -(-(run[0] + length) // 1000) - run[0] // 1000
            found.append(Run(run[0] // 1000, seconds, every // 1000, len(run)))
            taken = set(run)
            left = [start for start in left if start not in taken]
    return tuple(sorted(found, key=lambda run: (run.start_s, run.every_s, run.length_s)))


def _chain(starts: Sequence[int], second: int) -> list[int]:
    """The starts at equal distance from the first one, as far as they go without a gap."""
    every, known = second - starts[0], set(starts)
    chain = [starts[0]]
    while every % 1000 == 0 and chain[-1] + every in known:
        chain.append(chain[-1] + every)
    return chain


def _goes_on(one: Exclusion, horizon: TimeRange) -> bool:
    after = TimeRange(horizon.end_ms, horizon.end_ms + 2 * 366 * 86_400_000)
    return bool(one.spans(after))


def _unsaid(one: Exclusion, runs: int, horizon: TimeRange) -> Problem:
    return Problem(
        code="rules-planned-unsaid",
        severity="warning",
        message=f"the rules do not know the planned work {one.reason!r}: until {_day(horizon)} it comes to {runs} "
        f"separate runs of time, and {MOST_RUNS} of one and {MOST_OF_ALL} of all fit; alerts will fire in it",
        location=one.location,
        hint="write it as windows that come again at equal distance, or silence it in Alertmanager",
        subject=one.reason,
    )


def _until(one: Exclusion, horizon: TimeRange) -> Problem:
    return Problem(
        code="rules-planned-until",
        severity="info",
        message=f"the rules know the planned work {one.reason!r} until {_day(horizon)}",
        location=one.location,
        hint="generate them again before that day",
        subject=one.reason,
    )


def _without(one: Exclusion) -> str:
    """Days that are left out; nothing where there are none, so that the keys of others stay what they were."""
    days = one.when.without if isinstance(one.when, Recurrence) else ()
    return "".join(f" without {day}" for day in days)


def _day(horizon: TimeRange) -> str:
    return (format_instant(horizon.end_ms) or "")[:10]
