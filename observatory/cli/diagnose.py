"""`observatory diagnose`: what probably causes what one sees, with the evidence and what could not be looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.errors import ExitCode, UsageError
from observatory.units import number_of
from observatory.windows import format_instant

if TYPE_CHECKING:
    from observatory.diagnose.cause import Cause
    from observatory.diagnose.causes import Diagnosis

SCHEMA = "observatory.diagnose/1"
ChannelOption = Annotated[
    list[str] | None, typer.Option("--channel", help="Only this channel, by address or id; repeatable.")
]


@console.command
@choosing("observatory diagnose PATH...", clickhouse=True)
def diagnose(
    choose: Choose,
    channel: ChannelOption = None,
    at: options.At = None,
    json: options.Json = False,
) -> None:
    """Ranked causes for channels in trouble: eight failure modes, each told by its evidence.

    A score is the share of the observations made that agree; it is no probability. Exit codes: 0 fine, 3 documents have
    errors, 4 no source answered, 5 a source answered in part.
    """
    at_ms = options.instant(at, round(time.time() * 1000))

    from observatory.cli.status import FailOn, exit_code
    from observatory.diagnose.causes import diagnose as look
    from observatory.diagnose.gather import SPAN_SECONDS
    from observatory.evaluate.estate import Estate
    from observatory.sources.opening import open_sources
    from observatory.spec.topology import find_channels

    settings = choose()
    with open_sources(settings, read_only_store=True) as sources:
        estate = Estate(settings, sources, keeper=sources.keeper)
        wanted: list[str] | None = None
        if channel:
            wanted = []
            for word in channel:
                found = find_channels(estate.catalog, word)
                if not found:
                    raise UsageError(f"no channel is called {word!r}; `observatory catalog` lists them")
                wanted += [one.id for one in found]
        snapshot = estate.snapshot(at_ms)
        diagnosis = look(estate, snapshot, channels=wanted)
    status = snapshot.status
    problems = (*status.problems, *diagnosis.problems)
    if json:
        console.answer_json(
            {
                "schema": SCHEMA,
                "at": format_instant(at_ms),
                "looked_back_seconds": SPAN_SECONDS,
                "causes": [cause.to_json() for cause in diagnosis.causes],
                "not_observable": [
                    {"channel_id": channel_id, "failure_mode": mode, "signals": list(signals)}
                    for channel_id, modes in diagnosis.not_observable.items()
                    for mode, signals in modes.items()
                ],
                "problems": [problem.to_json() for problem in problems],
            }
        )
    else:
        console.answer(told(diagnosis, len(wanted or snapshot.catalog.channels)))
    console.report(problems)
    code = exit_code(status, FailOn.NEVER)
    console.finish(ExitCode.PARTIAL_DATA if code == ExitCode.FINE and diagnosis.problems else code)


def told(diagnosis: Diagnosis, channels: int) -> str:
    """Causes for people, the likeliest first."""
    if not diagnosis.causes:
        blind = sum(len(modes) for modes in diagnosis.not_observable.values())
        text = f"no failure mode fits any of {number_of(channels, 'channel')}"
        return text + (f"; {blind} signatures lack a signal, --json lists them" if blind else "")
    return "\n\n".join(_cause(number, cause) for number, cause in enumerate(diagnosis.causes, 1))


def _cause(number: int, cause: Cause) -> str:
    since = f" since {format_instant(cause.since_ms)}" if cause.since_ms is not None else ""
    lines = [f"{number}. {cause.channel_id}: {cause.title} ({cause.failure_mode}, score {cause.score:.2f}){since}"]
    for one in cause.evidence:
        begun = f", since {format_instant(one.since_ms)}" if one.since_ms is not None else ""
        lines.append(f"   {'+' if one.agrees else '-'} {one.words}{begun}")
    if cause.not_observable:
        lines.append(f"   ? not observable: {', '.join(cause.not_observable)}")
    lines.append(f"   {cause.first_step}")
    if cause.owner or cause.runbook:
        lines.append(
            "   " + ", ".join(f"{k} {v}" for k, v in (("owner", cause.owner), ("runbook", cause.runbook)) if v)
        )
    return "\n".join("".join(char if char.isprintable() else " " for char in line) for line in lines)


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command("diagnose")(diagnose)
