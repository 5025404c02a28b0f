"""`observatory map`: which series measure which channel, by which profile, and why not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.errors import ExitCode, Problem, UsageError, in_order
from observatory.units import number_of

if TYPE_CHECKING:
    from observatory.compile.measure import Measurement
    from observatory.spec.catalog import Catalog, Channel
    from observatory.telemetry.binding import MappingResult


LOOKED_AT = "1h"
"""Series that were alive so long ago are live."""


class FailOn(StrEnum):
    """What makes the command end with 1."""

    MISSING = "missing"


OneChannel = Annotated[
    list[str] | None, typer.Option("--channel", help="Only this channel, by address or id, every signal; repeatable.")
]
Gate = Annotated[FailOn | None, typer.Option("--fail-on", help="Exit 1 when nothing live measures an objective.")]


@console.command
@console.without_collection
@choosing("observatory map PATH...", needs_telemetry=False, no_cache=True)
def map_channels(
    choose: Choose,
    at: options.UntilNow = None,
    channel: OneChannel = None,
    json: options.Json = False,
    fail_on: Gate = None,
) -> None:
    """Show which series measure which channel, by which profile, live or missing, and why.

    Exit codes: 0 fine, 1 the gate of --fail-on, 3 documents have errors, 4 no source answered, 5 a source answered in
    part or one of several failed.
    """
    from observatory.cli import map_text
    from observatory.cli.surveying import conclude, opened
    from observatory.cli.verdict import told_by
    from observatory.compile.measure import Measurement
    from observatory.spec.load import configured_catalog

    settings = choose()
    span = options.looked_at(at, LOOKED_AT, time.time_ns() // 1_000_000)
    catalog = configured_catalog(settings)
    channels = chosen_channels(catalog, channel or ())
    with opened(catalog, settings, span) as asked:
        found, states = asked.survey(), asked.sources.states()
    measured = _measured(catalog, found.mapping, found.names)
    problems = in_order([*catalog.problems, *found.problems, *told_by(states)])
    if json:
        console.answer_json(map_text.as_json(span.end_ms, states, found, catalog, channels, measured, problems))
    else:
        console.answer(map_text.as_text(found, catalog, channels, measured, every_signal=bool(channel)))
    conclude(problems, states, partial=bool(found.failed))
    unmeasured = [one for one in measured.values() if not isinstance(one, Measurement) or one.liveness == "missing"]
    if fail_on and unmeasured:
        console.say(f"nothing live measures {len(unmeasured)} of {number_of(len(measured), 'objective')}")
        console.finish(ExitCode.GATE_FAILED)


def chosen_channels(catalog: Catalog, words: Sequence[str]) -> list[Channel]:
    """The channels asked for, all of them without words.

    Raises:
        UsageError: No channel has that address or id.
    """
    from observatory.spec.topology import find_channels

    if not words:
        return list(catalog.channels)
    found: dict[str, Channel] = {}
    for word in words:
        channels = find_channels(catalog, word)
        if not channels:
            raise UsageError(f"no channel is called {word!r}; `observatory catalog` lists them")
        found |= {one.id: one for one in channels}
    return list(found.values())


def _measured(
    catalog: Catalog, mapping: MappingResult, names: dict[str, frozenset[str]]
) -> dict[str, Measurement | Problem]:
    """What measures each objective, or why nothing does, by objective id."""
    from observatory.compile.measure import measure
    from observatory.objectives.load import objectives_of

    objectives, _ = objectives_of(catalog)
    return {one.id: measure(one, mapping, names) for one in objectives}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("map")(map_channels)
