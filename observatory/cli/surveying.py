"""Every source asked once what it has about a catalogue, and how such an answer is framed and ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from observatory.cli import console
from observatory.cli.verdict import verdict
from observatory.errors import ExitCode, Problem

if TYPE_CHECKING:
    from observatory.settings import Settings
    from observatory.sources.base import SourceState
    from observatory.sources.opening import Sources
    from observatory.spec.catalog import Catalog
    from observatory.telemetry.recipe import Profile
    from observatory.telemetry.survey import Survey
    from observatory.windows import TimeRange


class Telemetry(Struct, frozen=True):
    """Open sources and the profiles by which they are asked about a catalogue."""

    catalog: Catalog
    span: TimeRange
    sources: Sources
    profiles: Sequence[Profile]

    def survey(self) -> Survey:
        """What each source has; one that fails is named in it.

        Raises:
            SourceFailed: No source answered.
        """
        from observatory.telemetry.survey import survey

        return survey(self.catalog, self.profiles, self.sources.metrics, self.sources.spans, self.span)

    def spans_answered(self, found: Survey) -> bool:
        """Whether a source of spans was asked and answered."""
        return any(source.name not in found.failed for source in self.sources.spans)


@contextmanager
def opened(catalog: Catalog, settings: Settings, span: TimeRange) -> Iterator[Telemetry]:
    """The sources of the settings, open as long as the block runs.

    Raises:
        InputInvalid: A source, a profile or the store cannot be used.
    """
    from observatory.sources.opening import open_sources
    from observatory.telemetry.profile import load_profiles

    profiles = load_profiles(settings.profiles_dir, cache=settings.cache_dir)
    with open_sources(settings, read_only_store=True) as sources:
        yield Telemetry(catalog, span, sources, profiles)


def conclude(problems: Sequence[Problem], states: Sequence[SourceState], *, partial: bool = False) -> None:
    """Say what went wrong and end with its exit code; returns where nothing did, for a gate to be asked.

    Args:
        partial: Something is missing although every source is well.
    """
    console.report(problems)
    code = verdict(problems, states)
    console.finish(ExitCode.PARTIAL_DATA if partial and code == ExitCode.FINE else code)


def ranged_json(
    schema: str, span: TimeRange, states: Sequence[SourceState], problems: Sequence[Problem], **parts: Any
) -> dict[str, Any]:
    """An answer about a range: its schema, the range, who was asked, the command's own parts, and problems."""
    from observatory.windows import format_instant

    return {
        "schema": schema,
        "from": format_instant(span.start_ms),
        "at": format_instant(span.end_ms),
        "sources": [state.to_json() for state in states],
        **parts,
        "problems": [problem.to_json() for problem in problems],
    }
