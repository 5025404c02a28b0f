"""`observatory catalog`: channels, who sends and who receives, and who answers for them."""

from __future__ import annotations

import time
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import catalog_diff, console, options
from observatory.cli.chosen import chosen_settings
from observatory.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from observatory.cli.catalog_telemetry import Observation
    from observatory.spec.catalog import Catalog, Channel


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
def catalog(
    paths: options.Paths = None,
    config: options.Config = None,
    ownership: options.Ownership = None,
    overlay: options.Overlay = None,
    root: Roots = None,
    prometheus: options.Prometheus = None,
    store: options.Store = None,
    header: options.Header = None,
    at: options.At = None,
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
    from observatory.spec.load import load_catalog
    from observatory.windows import TimeRange

    if sum(option is not None for option in (consumers_of, producers_of, search, diff)) > 1:
        raise UsageError("--consumers-of, --producers-of, --search and --diff answer one question at a time")
    if fail_on is not None and diff is None:
        raise UsageError("--fail-on belongs to --diff: a catalogue alone has nothing to fail on")
    # Seen is seen: nothing here waits for a scrape, so the instant is not taken back to a full minute.
    now_ms = time.time_ns() // 1_000_000
    at_ms = now_ms if at is None else options.instant(at, now_ms)
    span = TimeRange(at_ms - options.look_back_ms(since), at_ms)
    settings = chosen_settings(
        "observatory catalog PATH...",
        paths=paths,
        config=config,
        prometheus=prometheus,
        store=store,
        header=header,
        overlay=overlay,
        ownership=ownership,
        needs_documents=diff is None,
        needs_telemetry=False,
    )
    if diff is not None:
        catalog_diff.show(diff, settings, root or settings.roots, fail_on, json=json or form == Form.JSON)
        return
    loaded = load_catalog(
        settings.documents,
        roots=root or settings.roots,
        overlays=settings.overlays,
        ownership=settings.ownership,
        allow_remote=settings.allow_remote_references,
    )
    channels = list(loaded.channels)
    if search is not None:
        channels = topology.search(loaded, search)
    elif word := consumers_of or producers_of:
        channels = _named(loaded, word)
    seen: Observation | None = None
    if settings.prometheus or settings.store is not None:
        from observatory.cli.catalog_telemetry import observe

        seen = observe(loaded, settings, span)
    problems = [*loaded.problems, *(seen.problems if seen else ())]
    console.report(problems)
    if json or form == Form.JSON:
        answer = topology.catalog_json(loaded, channels, seen.participants if seen else None)
        console.answer_json(
            answer | (seen.to_json() if seen else {}) | {"problems": [problem.to_json() for problem in problems]}
        )
    else:
        drawing = catalog_text.Drawing(
            catalog=loaded,
            channels=channels,
            participants=seen.participants if seen else None,
            spans_asked=seen is not None and seen.spans_asked,
        )
        if consumers_of or producers_of:
            console.answer(catalog_text.side(drawing, receiving=consumers_of is not None))
        else:
            draw = {Form.TABLE: catalog_text.table, Form.MERMAID: catalog_text.mermaid}.get(form, catalog_text.tree)
            console.answer(draw(drawing))
    if any(problem.severity == "error" for problem in loaded.problems):
        console.finish(ExitCode.INPUT_INVALID)
    console.finish(seen.code if seen else ExitCode.FINE)


def _named(loaded: Catalog, word: str) -> list[Channel]:
    from observatory.spec.topology import find_channels

    found = find_channels(loaded, word)
    if not found:
        known = [text for channel in loaded.channels for text in (channel.address, channel.id) if text]
        near = get_close_matches(word, known, 1, 0.6)
        raise UsageError(f"no channel is called {word!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return found


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("catalog")(catalog)
