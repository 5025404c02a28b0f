"""What telemetry adds to the catalogue: one survey of the sources, and what it means to the shell."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from observatory.cli.surveying import opened
from observatory.cli.verdict import told_by
from observatory.errors import ExitCode, Problem, SourceFailed, in_order
from observatory.evaluate.participants import Participants, participants
from observatory.settings import Settings
from observatory.sources.base import SourceState
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import MappingResult
from observatory.windows import TimeRange, format_instant


class Observation(Struct, frozen=True, kw_only=True):
    """Participants as seen over a range.

    Attributes:
        spans_asked: Spans were asked for and answered, so that a service without a sighting was not there.
        code: 4 when no source answered, 5 when one failed or answered in part.
    """

    participants: Participants
    span: TimeRange
    states: tuple[SourceState, ...]
    spans_asked: bool
    problems: tuple[Problem, ...]
    code: ExitCode

    def to_json(self) -> dict[str, Any]:
        """What the answer says of its sources."""
        return {
            "from": format_instant(self.span.start_ms),
            "at": format_instant(self.span.end_ms),
            "sources": [state.to_json() for state in self.states],
        }


def observe(catalog: Catalog, settings: Settings, span: TimeRange) -> Observation:
    """Ask every source of the settings once; one that fails leaves what it would have shown unseen.

    Raises:
        InputInvalid: A source, a profile or the store cannot be used.
    """
    with opened(catalog, settings, span) as asked:
        try:
            found = asked.survey()
        except SourceFailed as error:
            return Observation(
                participants=participants(catalog, MappingResult({}), (), asked.profiles),
                span=span,
                states=asked.sources.states(),
                spans_asked=False,
                problems=tuple(error.problems),
                code=ExitCode.SOURCE_FAILED,
            )
        states = asked.sources.states()
        spans_asked = asked.spans_answered(found)
    partial = bool(found.failed) or any(state.state != "ok" for state in states)
    return Observation(
        participants=participants(catalog, found.mapping, found.inventories, asked.profiles),
        span=span,
        states=states,
        spans_asked=spans_asked,
        problems=tuple(in_order([*found.problems, *told_by(states)])),
        code=ExitCode.PARTIAL_DATA if partial else ExitCode.FINE,
    )
