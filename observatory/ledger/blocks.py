"""Blocks: reading what some measurements need in one go, and counting it block by block into pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock

from msgspec import Struct

from observatory import __version__
from observatory.compile.plan import (
    CURVE_LOOKBACK_MS,
    Leaf,
    Measurement,
    PlannedRequest,
    leaves_of,
    make_plan,
    plan_leaves,
)
from observatory.compile.terms import at_most, outcome_terms
from observatory.errors import Problem, SourceFailed
from observatory.indicators.expression import Count, CountAtMost, Since, Slices, SlicesAtMost
from observatory.ledger.apart import Apart, Outcome, find_apart
from observatory.ledger.births import EDGE_MS
from observatory.ledger.buckets import bounded_binding, bucket_leaves, count_leaves, has_changed, least_and_most
from observatory.ledger.days import DAY_MS, SEALED_AFTER_MS
from observatory.ledger.evidence import NOT_REMEMBERED, Evidence, Material, Sources
from observatory.ledger.falling import falling
from observatory.ledger.hops import SpanCounts, count_spans
from observatory.ledger.layouts import Doubtful, Judged, doubtful_steps
from observatory.ledger.origins import falls_of_targets
from observatory.ledger.pages import Counted, Page, events_of, join
from observatory.ledger.returns import KeptDay, look_back
from observatory.ledger.slices import Reading, read_level
from observatory.ledger.targets import Lives
from observatory.sources.base import Float64
from observatory.telemetry.binding import MetricBinding, SemanticKind, Term
from observatory.windows import Grid, TimeRange

RULES = 9
"""Grows whenever the same telemetry is counted in another way, so that counts kept before are not read again; so does
the version of the package."""
LONGER_LOOKBACKS_MS = (2 * DAY_MS, 8 * DAY_MS, 32 * DAY_MS)
"""How far is looked back for lag that began before the lookback of a block, step by step. For the age of what happened
last all the way, whether anything is there or not: it may have been dark for days, and the same is found from every
block."""
SPANS_BEFORE_MS = 2 * DAY_MS
"""How far before a block spans of its messages are looked at."""


class Shape(Struct, frozen=True):
    """What follows from measurements alone, the same in every refresh.

    Attributes:
        requests: What to ask for.
        kinds: How leaves are counted.
        judged: By measurement the histogram and the bound that it is judged by, where it is.
    """

    requests: tuple[PlannedRequest, ...]
    kinds: Mapping[Leaf, SemanticKind]
    judged: Mapping[str, tuple[MetricBinding, float]]


_SHAPES: dict[tuple[int, ...], tuple[tuple[Measurement, ...], Shape]] = {}
MOST_SHAPES = 8
_LOCK = Lock()


def shape_of(measurements: Mapping[str, Measurement]) -> Shape:
    """The shape of some measurements, remembered for the same values of them: a refresh brings those of the last."""
    same = tuple(id(one) for one in measurements.values())
    with _LOCK:
        _, found = _SHAPES.get(same, (None, None))
    if found is None:
        judged = {key: judged for key, one in measurements.items() if (judged := bounded_binding(one)) is not None}
        found = Shape(make_plan(measurements.values()).requests, kinds_of(measurements.values()), judged)
    with _LOCK:
        _SHAPES.pop(same, None)
        # With the measurements, so that no other ones take their place in memory.
        _SHAPES[same] = tuple(measurements.values()), found
        while len(_SHAPES) > MOST_SHAPES:
            del _SHAPES[next(iter(_SHAPES))]
    return found


class Blocks:
    """Counting of some measurements: what is asked for them, and what went wrong on the way."""

    def __init__(
        self, measurements: Mapping[str, Measurement], sources: Sources, remembered: Lives = NOT_REMEMBERED
    ) -> None:
        self.measurements = measurements
        self.sources = sources
        self.remembered = remembered
        shape = shape_of(measurements)
        self.requests_planned, self.kinds, self._judged = shape.requests, shape.kinds, shape.judged
        self.failed: set[Leaf] = set()
        self.failed_spans: set[str] = set()
        self.problems: list[Problem] = []
        self.requests = 0
        self._newest_ms: dict[str, int] = {}
        self._partial = False

    @property
    def identity(self) -> str:
        """Everything that a page of these measurements follows from, except for the telemetry itself."""
        parts = (
            __version__,
            RULES,
            sorted(self.measurements),
            self.requests_planned,
            sorted(self.kinds.items(), key=repr),
        )
        return repr(parts)

    def pages(self, blocks: Sequence[Grid]) -> Iterator[Page]:
        """Read blocks that follow one another in one go, and count each."""
        span = Grid(blocks[0].start_ms, blocks[0].step_ms, sum(block.steps for block in blocks))
        material = Material.read(self.requests_planned, self.sources, span, self.kinds)
        lookback_ms = max((request.lookback_ms for request in self.requests_planned), default=0)
        for name, newest_ms in material.newest_ms.items():
            self._newest_ms[name] = max(newest_ms, self._newest_ms.get(name, newest_ms))
        spans = self._spans(blocks)
        for number, block in enumerate(blocks):
            evidence = material.evidence(block, self.kinds, self.remembered)
            events, seams = events_of(evidence, self.requests_planned, self.kinds, block)
            levels, reach_ms = self._levels(evidence, block)
            self._partial = self._partial or material.partial or bool(self.failed_spans)
            yield Page(
                block=block,
                read_from_ms=block.start_ms - max(lookback_ms, reach_ms),
                events=events,
                seams=seams,
                lives=evidence.targets.lives(block.end_ms),
                levels=levels,
                spans={name: parts[number] for name, parts in spans.items()},
                falls=falls_of_targets(evidence.answers),
                changed=tuple(key for key, judged in self._judged.items() if has_changed(*judged, evidence)),
            )
        self._note(material)

    def _levels(self, evidence: Evidence, block: Grid) -> tuple[dict[str, Reading], int]:
        """Levels by measurement, and how long before the block the farthest look back for them began."""
        found: dict[str, Reading] = {}
        farthest_ms, lives = 0, evidence.targets.lives(block.end_ms)
        for key, one in self.measurements.items():
            if not isinstance(one.indicator.good, SlicesAtMost):
                continue
            level = one.indicator.good.level
            reading, evidence_of_one, lookback_ms = read_level(one, level, evidence, block), evidence, CURVE_LOOKBACK_MS
            is_age = isinstance(level, Since)
            for longer_ms in LONGER_LOOKBACKS_MS:
                if not reading.reaches_back:
                    break
                if not (is_age or _reaches(one, evidence_of_one, block.start_ms - lookback_ms)):
                    break
                # Someone has been behind for longer than was looked back: look for the instant when that began.
                lookback_ms = longer_ms + (block.start_ms % DAY_MS if is_age else 0)
                wanted = plan_leaves({leaf: lookback_ms for leaf, _ in leaves_of(one)})
                material = Material.read(wanted, self.sources, block)
                evidence_of_one = material.evidence(block, self.kinds, lives if is_age else NOT_REMEMBERED)
                reading = read_level(one, level, evidence_of_one, block)
                farthest_ms = max(farthest_ms, lookback_ms)
                self._note(material)
            found[key] = reading
        return found, farthest_ms

    def joined(self, pages: Sequence[Page], grid: Grid, kept: KeptDay | None = None) -> Counted:
        """Pages that follow one another as one ledger on a grid; what came back in them is looked for before them."""
        material = Material.read((), self.sources, grid)
        before = look_back(pages, self.requests_planned, material.ask, grid, self.kinds, kept)
        self._note(material)
        counted = join(pages, self.requests_planned, grid, before)
        self.problems += falling(pages, self.requests_planned)
        self.problems += [
            Problem(
                code="history-not-counted",
                severity="info",
                message=f"{count} series of {self.requests_planned[number].metric} appeared with {held:.0f} events, "
                "more than can have happened since they were not there yet; they are taken as counted before",
                hint="when these events are real, let the target export when its counters were created",
            )
            for number, (count, held) in sorted(counted.histories.items())
        ]
        return counted

    def bounds(self, counted: Counted) -> dict[str, tuple[Float64, Float64, Float64]]:
        """Where histograms changed their buckets, what all of them together say; see `least_and_most`."""
        judged = {key: self._judged[key] for key in sorted(counted.changed - self._summed(counted).keys())}
        counts: dict[Leaf, int] = {}
        every: dict[Leaf, int] = {}
        for binding, _ in judged.values():
            counts |= count_leaves(binding)
            every |= bucket_leaves(binding)
        if not judged:
            return {}
        material = Material.read(plan_leaves(counts | every), self.sources, counted.grid)
        evidence = material.evidence(counted.grid, dict.fromkeys(counts, "cumulative"))
        self.problems += material.problems
        self.requests += material.requests
        return {
            key: least_and_most(binding, bound, evidence, counted.grid)
            for key, (binding, bound) in judged.items()
            if material.failed.isdisjoint(count_leaves(binding) | bucket_leaves(binding))
        }

    def doubtful(self, counted: Counted) -> dict[str, Doubtful]:
        """Steps in which histograms that a server counted lacked the buckets that they are judged by."""
        judged = self._summed(counted)
        if not judged:
            return {}
        found, problems, requests = doubtful_steps(judged, self.sources.metrics, counted.grid)
        self.problems += problems
        self.requests += requests
        return found

    def _summed(self, counted: Counted) -> dict[str, Judged]:
        """Of what is judged by a bucket that which a server counted."""
        summed = {leaf for leaf, events in counted.events.items() if events.pushdown}
        return {
            key: judged
            for key, judged in (self._judged.items() if summed else ())
            if any(leaf in summed for leaf, _ in leaves_of(self.measurements[key]))
        }

    def apart(self, outcomes: Mapping[str, Outcome], counted: Counted) -> dict[str, Apart]:
        """When outcomes were seen that others count than all events; never kept with a day."""
        if not outcomes:
            return {}
        material = Material.read((), self.sources, counted.grid)
        found = find_apart(outcomes, counted.lives, counted.grid, material.ask)
        self._note(material)
        return found

    def _note(self, material: Material) -> None:
        self._partial = self._partial or material.partial
        self.failed |= material.failed
        self.problems += material.problems
        self.requests += material.requests

    def is_whole(self, page: Page) -> bool:
        """Whether nothing is missing from a page, and nothing is expected to come: its sources are well past its end.

        It is their newest sample that tells, not the clock: a source may be behind, and a clock may jump.
        """
        if self._partial or (self.requests_planned and not self._newest_ms):
            return False
        return all(newest >= page.block.end_ms + SEALED_AFTER_MS for newest in self._newest_ms.values())

    def read_for(self, page: Page) -> TimeRange:
        """The range whose telemetry decides about a page: what is written into it later changes the page."""
        before_ms = min(page.read_from_ms, page.block.start_ms - SPANS_BEFORE_MS if page.spans else page.read_from_ms)
        return TimeRange(before_ms, page.block.end_ms + SEALED_AFTER_MS)

    def _spans(self, blocks: Sequence[Grid]) -> dict[str, tuple[SpanCounts, ...]]:
        """What each source of spans counts in each block; sources that are not asked for anything are absent."""
        found: dict[str, tuple[SpanCounts, ...]] = {}
        for source in self.sources.spans:
            if source.name in self.failed_spans:
                continue
            try:
                parts = count_spans(source, self.measurements.values(), blocks)
            except SourceFailed as error:
                self.problems += error.problems
                self.failed_spans.add(source.name)
            else:
                if parts:
                    found[source.name] = parts
                    self.requests += 2
        return found


def _reaches(measurement: Measurement, evidence: Evidence, from_ms: int) -> bool:
    """Whether series of a measurement were there when the look back began, so that there may be more before it."""
    firsts = [int(line.t_ms[0]) for leaf, _ in leaves_of(measurement) for line in evidence.lines(leaf)]
    return bool(firsts) and min(firsts) <= from_ms + EDGE_MS


def kinds_of(measurements: Iterable[Measurement]) -> dict[Leaf, SemanticKind]:
    """How each leaf that is counted is read; leaves of levels are absent, arrivals of a queue are there for births."""
    kinds: dict[Leaf, SemanticKind] = {}
    for measurement in measurements:
        indicator = measurement.indicator
        for expression in (indicator.total, indicator.good, indicator.bad):
            if isinstance(expression, Count | CountAtMost):
                binding = measurement.binding(expression.signal)
                if isinstance(binding, MetricBinding):
                    kind: SemanticKind = "cumulative" if binding.kind == "distribution" else binding.kind
                    for term in _all_terms(binding, expression):
                        kinds[Leaf(binding.source, term.selector)] = kind
            elif isinstance(expression, Slices | SlicesAtMost):
                for binding in measurement.bindings:
                    if isinstance(binding, MetricBinding) and binding.kind == "cumulative":
                        kinds |= {Leaf(binding.source, term.selector): binding.kind for term in binding.all}
    return kinds


def _all_terms(binding: MetricBinding, expression: Count | CountAtMost) -> tuple[Term, ...]:
    if isinstance(expression, Count):
        return outcome_terms(binding, expression.outcome)
    buckets = at_most(binding, expression.bound)
    return (*buckets.lower, *buckets.upper)
