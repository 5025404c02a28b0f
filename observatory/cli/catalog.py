"""`observatory catalog`: channels, who sends and who receives, and who answers for them."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import catalog_diff, console, options
from observatory.cli.chosen import Choose, choosing
from observatory.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from observatory.cli.catalog_telemetry import Observation
    from observatory.cli.catalog_text import Drawing
    from observatory.spec.catalog import Catalog, Channel


MAX_SHOWN = 5
MAX_NEAR = 3


class Form(StrEnum):
    """How the catalogue is drawn."""

    TREE = "tree"
    TABLE = "table"
    MERMAID = "mermaid"
    JSON = "json"


Roots = Annotated[list[Path] | None, typer.Option("--root", help="A folder that references may not leave; repeatable.")]
Shape = Annotated[Form, typer.Option("--format", help="How the catalogue is drawn.")]
ConsumersOf = Annotated[str | None, typer.Option("--consumers-of", help="Who consumes this channel? Address or id.")]
ProducersOf = Annotated[str | None, typer.Option("--producers-of", help="Who produces this channel? Address or id.")]
Search = Annotated[str | None, typer.Option("--search", help="Only channels about which this word is said.")]


@console.command
@console.without_collection
@choosing("observatory catalog PATH...", needs_telemetry=False, no_cache=True)
def catalog(
    choose: Choose,
    root: Roots = None,
    at: options.UntilNow = None,
    since: options.Since = "24h",
    consumers_of: ConsumersOf = None,
    producers_of: ProducersOf = None,
    search: Search = None,
    diff: catalog_diff.Diff = None,
    fail_on: catalog_diff.Gate = None,
    form: Shape = Form.TREE,
    json: options.Json = False,
) -> None:
    """Show channels with their producers, consumers and owners; with a source, also who is seen there.

    With --diff OLD NEW, each a path or a git revision: what changed, and whether those who read can still read.

    Exit codes: 0 fine, 1 changes that --fail-on names, 3 documents have errors, 4 no source answered, 5 a source
    answered in part or one of several failed.
    """
    from observatory.cli import catalog_text
    from observatory.spec import topology
    from observatory.spec.load import configured_catalog
    from observatory.spec.orphans import orphans, replies

    if sum(option is not None for option in (consumers_of, producers_of, search, diff)) > 1:
        raise UsageError("--consumers-of, --producers-of, --search and --diff answer one question at a time")
    if fail_on is not None and diff is None:
        raise UsageError("--fail-on belongs to --diff: a catalogue alone has nothing to fail on")
    span = options.looked_at(at, since, time.time_ns() // 1_000_000)
    settings = choose(needs_documents=diff is None)
    if diff is not None:
        catalog_diff.show(diff, settings, root or settings.roots, fail_on, json=json or form == Form.JSON)
        return
    loaded = configured_catalog(settings, root or ())
    channels = list(loaded.channels)
    if search is not None:
        channels = topology.search(loaded, search)
    elif (word := consumers_of if consumers_of is not None else producers_of) is not None:
        channels = topology.with_overlaps(loaded, _named(loaded, word))
    seen: Observation | None = None
    if settings.prometheus or settings.store is not None:
        from observatory.cli.catalog_telemetry import observe

        seen = observe(loaded, settings, span)
    alone = orphans(loaded)
    suspects = [one.to_problem(loaded) for one in alone if one.near]
    problems = [*loaded.problems, *suspects, *(seen.problems if seen else ())]
    console.report(problems)
    if json or form == Form.JSON:
        answer = topology.catalog_json(loaded, channels, seen.participants if seen else None, alone)
        console.answer_json(
            answer | (seen.to_json() if seen else {}) | {"problems": [problem.to_json() for problem in problems]}
        )
    else:
        drawing = catalog_text.Drawing(
            catalog=loaded,
            channels=channels,
            participants=seen.participants if seen else None,
            spans_asked=seen is not None and seen.spans_asked,
            # A single document has no neighbours to be missed, unless it misnames a channel of its own.
            alone={one.channel.id: one for one in alone if one.near or len(loaded.documents) > 1},
            replies=replies(loaded),
            width=console.width(),
        )
        if consumers_of is not None or producers_of is not None:
            console.answer(catalog_text.side(drawing, receiving=consumers_of is not None))
        elif form == Form.MERMAID:
            console.answer(_chart(drawing))
        else:
            console.answer(catalog_text.table(drawing) if form == Form.TABLE else catalog_text.tree(drawing))
    if any(problem.severity == "error" for problem in loaded.problems):
        console.finish(ExitCode.INPUT_INVALID)
    console.finish(seen.code if seen else ExitCode.FINE)


def _chart(drawing: Drawing) -> str:
    from observatory.cli.mermaid import MAX_ARROWS, arrows_in, mermaid

    text = mermaid(drawing)
    if (arrows := arrows_in(text)) > MAX_ARROWS:
        console.say(
            f"Mermaid draws no more than {MAX_ARROWS} arrows unless maxEdges allows it, and these are {arrows:,}: "
            "--search shows a part"
        )
    return text


def _named(loaded: Catalog, word: str) -> list[Channel]:
    """The channels that a word names.

    Raises:
        UsageError: None does, or it is a part of several names; the message says what it could have been.
    """
    from observatory.spec import topology
    from observatory.spec.suggestions import nearest

    if found := topology.find_channels(loaded, word):
        return found
    holding = topology.channels_with(loaded, word)
    if holding:
        shown = ", ".join(repr(channel.id) for channel in holding[:MAX_SHOWN])
        more = f" and {len(holding) - MAX_SHOWN} others" if len(holding) > MAX_SHOWN else ""
        raise UsageError(f"{word!r} is a part of several names: {shown}{more}; name one, or all with '*{word}*'")
    known = [text for channel in loaded.channels for text in (channel.address, channel.id) if text]
    near = nearest(word, known, MAX_NEAR)
    raise UsageError(
        f"no channel is called {word!r}" + (f"; did you mean {' or '.join(map(repr, near))}?" if near else "")
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("catalog")(catalog)
