"""Every kind of panel in every state: named, with a shape and words of its own. A new kind without its states fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from web.factories import (
    AT_MS,
    CARD,
    CHANNELS,
    LABEL,
    QUIET,
    HandMadeEstate,
    HandMadeSources,
    Spans,
    measurement,
    silent_status,
    spans,
)
from web.test_journey_page import travelling

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.errors import Problem, SourceFailed
from observatory.evaluate.snapshot import SignalSeries, Snapshot
from observatory.evaluate.status import ObjectiveStatus
from observatory.objectives.policy import load_policies
from observatory.sources.base import Span
from observatory.telemetry.binding import MappingResult, MetricBinding, Resolution
from observatory.telemetry.inventory import Inventory
from observatory.web import frame
from observatory.web.app import draw_panel
from observatory.web.board import Board
from observatory.web.load import load_pages, shipped_folder
from observatory.web.panels import KINDS
from observatory.web.service import Service

PAGES = {page.id: page for page in load_pages([shipped_folder()], KINDS)}
POLICIES = load_policies()
SWITCH = "set `metrics.enabled` of the exporter"
SERIES = "no series messages_total for this topic"


@dataclass(frozen=True)
class Place:
    """Where a kind stands on a shipped page."""

    page: PageDeclaration
    panel: PanelDeclaration

    @property
    def argument(self) -> str:
        return {"channel": CARD.id, "group": "billing-v1"}.get(self.page.subject, "")


def place_of(kind: str) -> Place:
    """The first panel of a kind; pages about the whole estate before others."""
    if kind == "indicator":
        # On a shipped page it is about one channel, of which nothing can be missing in part.
        options = {"indicator": "availability", "scope": "all"}
        return Place(PAGES["debug"], PanelDeclaration(id="one", kind=kind, title="Availability", options=options))
    found = [Place(page, panel) for page in PAGES.values() for panel in page.panels if panel.kind == kind]
    assert found, f"no shipped page shows the kind {kind}"
    return min(found, key=lambda one: one.page.subject != "estate")


# estates


class Estate(HandMadeEstate):
    """An estate whose statuses, mapping, series and spans a state may change."""

    def __init__(
        self,
        *,
        statuses: Callable[[ObjectiveStatus], ObjectiveStatus] = lambda one: one,
        unmapped: bool = False,
        series: Callable[[tuple[SignalSeries, ...]], tuple[SignalSeries, ...]] = lambda every: every,
        spans: tuple[Any, ...] = (Spans(),),
    ) -> None:
        super().__init__(sources=HandMadeSources(spans=spans))
        self._statuses, self._unmapped, self._series = statuses, unmapped, series

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        made = travelling(super().snapshot(at_ms, previous), LABEL, CARD)
        made = travelling(made, LABEL, QUIET, name="told")
        changed = tuple(self._statuses(one) for one in made.status.objectives)
        measured = {one.objective.id for one in changed if one.measurement}
        return replace(
            made,
            mapping=MappingResult(_Resolutions(self._unmapped)),
            measurements={key: one for key, one in made.measurements.items() if key in measured},
            status=replace(
                made.status,
                objectives=changed,
                journeys=tuple(replace(one, status=self._statuses(one.status)) for one in made.status.journeys),
            ),
        )

    def series(self, *told: Any, **named: Any) -> tuple[SignalSeries, ...]:
        if told[1] == "registry_requests":
            return self._series(failing_registry(*told))
        return self._series(super().series(*told, **named))


class _Resolutions(dict[tuple[str, str], Resolution]):
    """Every signal of every subject: mapped to something, or to nothing with a reason and a switch."""

    def __init__(self, unmapped: bool) -> None:
        super().__init__()
        self._unmapped = unmapped

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        subject, signal = key
        if self._unmapped:
            return Resolution(signal=signal, code="series-missing", reason=SERIES, switches=(SWITCH,))
        about = next((one for one in CHANNELS if one.id == subject), CARD)
        (binding,) = measurement(about).bindings
        assert isinstance(binding, MetricBinding)
        return Resolution(signal=signal, chosen=replace(binding, signal=signal))


def quiet(one: ObjectiveStatus) -> ObjectiveStatus:
    return replace(one, state="no_traffic", counts=None, budget=None, firing=(), problems=(), measurement=None)


def blind(one: ObjectiveStatus) -> ObjectiveStatus:
    return silent_status(one.objective)


def one_of_them(one: ObjectiveStatus) -> ObjectiveStatus:
    """Of the channel pages' one channel too, half of the window was not seen."""
    if one.objective.channel_id == QUIET.id or one.counts is None:
        return one
    return replace(one, counts=replace(one.counts, observed_seconds=one.counts.expected_seconds / 2))


@dataclass
class NoMessages(Spans):
    """Spans are collected, and none came."""

    def destinations(self, span: Any) -> Inventory:
        return Inventory(source="store", destinations=())

    def sample_traces(self, selector: Any, span: Any, limit: int) -> list[str]:
        return []


@dataclass
class Orphans(Spans):
    """The first span of the trace was lost."""

    def trace(self, trace_id: str) -> list[Span]:
        return [one for one in spans() if one.span_id != "a1"]


def few(every: tuple[SignalSeries, ...]) -> tuple[SignalSeries, ...]:
    """Of several subjects only the first has values; of two signals only one."""
    kept = {one.subject for one in every[:1]}
    return tuple(one for one in every if one.subject in kept and one.signal != "validated_messages")


def failing_registry(snapshot: Snapshot, signal: str, subjects: Sequence[str], *told: Any) -> tuple[SignalSeries, ...]:
    """The registry of the first channel refuses some requests."""
    t_ms = AT_MS - np.arange(30, dtype=np.int64)[::-1] * 60_000
    return tuple(
        SignalSeries(subject=one, signal=signal, statistic="error_rate", t_ms=t_ms, value=np.ones(30))
        for one in subjects[:1]
    )


ESTATES: Mapping[str, Callable[[], Estate]] = {
    "no_traffic": lambda: Estate(statuses=quiet, series=lambda _: (), spans=(NoMessages(),)),
    "no_data": lambda: Estate(statuses=blind, unmapped=True, series=lambda _: (), spans=()),
    "partial": lambda: Estate(statuses=one_of_them, series=few, spans=(Orphans(),)),
    "stale": Estate,
    "well": Estate,
}

MISSING = (SERIES, "switch")
WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # What each kind says where there is no traffic, where nothing measures it, and where something is left out.
    kind: {"no_traffic": traffic, "no_data": data, "partial": part}
    for kind, traffic, data, part in (
        ("firing", ("No traffic",), MISSING, ("1 of 4 objectives has no data", SERIES)),
        ("kpis", ("No traffic",), MISSING, ("1 of 4 objectives has no data", SERIES)),
        ("channels", ("No traffic",), MISSING, ("not seen all the time: 50", "at the least")),
        ("causes", ("No traffic",), MISSING, ("1 of 4 objectives has no data",)),
        ("lag", ("No traffic", "Series of lag"), MISSING, ("3 of 4 groups have no lag series",)),
        ("lines", ("No traffic",), MISSING, ("have no data in this range",)),
        ("stacked", ("No traffic",), MISSING, ("have no data in this range",)),
        ("bars", ("No traffic",), MISSING, ("have no data in this range",)),
        ("errors", ("No traffic",), MISSING, ("no series counts schema errors",)),
        ("domains", ("No traffic",), MISSING, ("1 of 4 objectives has no data",)),
        ("trend", ("No traffic",), MISSING, ("1 of 4 objectives has no data",)),
        ("burndown", ("No traffic",), MISSING, ("1 of 4 objectives has no data",)),
        ("riskiest", ("No traffic",), MISSING, ("1 of 4 objectives has no data",)),
        ("decisions", ("No traffic",), MISSING, ("1 of 4 objectives has no data",)),
        ("skew", ("No traffic",), MISSING, ("3 of 4 channels tell no partitions",)),
        (
            "waterfall",
            ("No traces in this range",),
            ("No source of spans", "/v1/traces"),
            ("have a parent that never came",),
        ),
        ("facts", ("No traffic",), MISSING, ("not seen all the time: 50",)),
        ("objectives", ("No traffic",), MISSING, ("not seen all the time: 50",)),
        ("indicator", ("No traffic",), MISSING, ("1 of 4 objectives have no data in this range",)),
        ("map", ("No traffic",), MISSING, ("1 of 4 objectives has no data",)),
        ("journeys", ("No traffic",), MISSING, ("1 of 2 objectives has no data",)),
        ("hops", ("No traffic",), MISSING, ("1 of 2 objectives has no data",)),
        ("hop-course", ("No traffic",), MISSING, ("1 of 2 objectives has no data",)),
        ("participants", ("No traffic",), ("No data", "/v1/traces"), ("were not seen in this range",)),
    )
}


@cache
def standing_in(state: str) -> Service:
    """A service in a state; of an old one the last refresh failed twenty minutes after the first."""
    estate = ESTATES[state]()
    now = [AT_MS]
    made = Service(estate, clock=lambda: now[0])  # type: ignore[arg-type]
    made.refresh()
    if state == "stale":
        estate.failing = True
        now[0] += 20 * 60_000
        made.refresh()
        estate.failing = False
    return made


def drawn_in(state: str, at: Place) -> str:
    target = {"page": at.page.id, "panel": at.panel.id, "argument": at.argument}
    pages = {at.page.id: replace(at.page, panels=(at.panel,))}
    return text_of(draw_panel(standing_in(state), pages, POLICIES, "?range=24h", target))


def text_of(drawn: object) -> str:
    """Components as text, those that travel as data within it too."""

    def plain(one: Any) -> Any:
        return one.to_plotly_json() if hasattr(one, "to_plotly_json") else str(one)

    text = json.dumps(drawn, default=plain, ensure_ascii=False, separators=(",", ":"))
    return text.replace('\\"', '"')


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_words_for_every_state(kind: str) -> None:
    assert set(WORDS[kind]) == {"no_traffic", "no_data", "partial"}


@pytest.mark.parametrize("state", ["no_traffic", "no_data", "partial"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_named_and_says_what_is_missing(kind: str, state: str) -> None:
    text = drawn_in(state, place_of(kind))
    assert f'"data-state":"{state}"' in text
    assert '"class":"shape"' in text
    for words in WORDS[kind][state]:
        assert words in text
    if state != "partial":
        assert "Nothing is firing" not in text
        assert "No channel burned" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_panel_that_loads_says_so_to_those_who_do_not_see_it(kind: str) -> None:
    at = place_of(kind)
    text = text_of(frame.empty_frame(at.page, at.panel, KINDS[kind], at.argument))
    assert '"data-state":"loading"' in text
    assert "Loading" in text
    assert '"role":"status"' in text


@pytest.mark.parametrize("kind", KINDS)
def test_old_numbers_stay_with_their_age_and_its_cause(kind: str) -> None:
    text = drawn_in("stale", place_of(kind))
    assert '"data-state":"stale"' in text
    assert "20 min" in text
    assert "connection refused" in text


def broken(kind: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a panel shows whose drawing fails."""
    at = place_of(kind)

    def draw(_board: Board, _panel: PanelDeclaration) -> Any:
        raise error

    monkeypatch.setitem(KINDS, kind, replace(KINDS[kind], draw=draw))  # type: ignore[arg-type]
    return drawn_in("well", at)


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_is_down_is_named_with_what_to_look_up(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    down = SourceFailed(Problem(code="source-unreachable", message="connection refused", url="http://127.0.0.1:9090"))
    text = broken(kind, down, monkeypatch)
    assert '"data-state":"source_down"' in text
    assert "http://127.0.0.1:9090: connection refused" in text
    assert "observatory explain source-unreachable" in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_of_ours_stays_in_its_panel_and_tells_nothing_of_the_inside(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = broken(kind, KeyError("secret-token"), monkeypatch)
    assert '"data-state":"error"' in text
    assert "This panel failed" in text
    assert "secret-token" not in text
