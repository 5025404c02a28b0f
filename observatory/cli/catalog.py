"""`observatory catalog`: channels, who sends and who receives, and who answers for them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from observatory.cli import console, options
from observatory.errors import UsageError, printable

if TYPE_CHECKING:
    from observatory.spec.catalog import Catalog, Channel, Operation
    from observatory.spec.topology import Observed


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
    overlay: options.Overlay = None,
    root: Roots = None,
    store: options.Store = None,
    at: options.At = None,
    consumers_of: ConsumersOf = None,
    producers_of: ProducersOf = None,
    search: Search = None,
    form: Shape = Form.TREE,
    json: options.Json = False,
) -> None:
    """Show channels with their producers, consumers and owners; with --store also those that spans show."""
    from observatory.settings import load_settings
    from observatory.spec import topology
    from observatory.spec.load import load_catalog

    if sum(option is not None for option in (consumers_of, producers_of, search)) > 1:
        raise UsageError("--consumers-of, --producers-of and --search answer one question at a time")
    settings = load_settings(config, os.environ, documents=paths or (), store=store, overlays=overlay or ())
    if not settings.documents:
        raise UsageError("say which documents: observatory catalog PATH..., or `documents` in observatory.yaml")
    loaded = load_catalog(
        settings.documents,
        roots=root or settings.roots,
        overlays=settings.overlays,
        allow_remote=settings.allow_remote_references,
    )
    code = console.report(loaded.problems)
    channels = list(loaded.channels)
    if search is not None:
        channels = topology.search(loaded, search)
    elif word := consumers_of or producers_of:
        channels = _named(loaded, word)
    observed: list[Observed] = []
    if settings.store is not None:
        from observatory.cli.observed import observe

        observed = observe(loaded, settings, options.instant(at, time.time_ns() // 1_000_000))
    if json or form == Form.JSON:
        console.answer_json(topology.catalog_json(loaded, channels, observed))
    elif consumers_of or producers_of:
        _answer_side(topology.catalog_json(loaded, channels, observed), receiving=consumers_of is not None)
    elif form == Form.TABLE:
        console.answer(_table(loaded, channels))
    elif form == Form.MERMAID:
        console.answer(_mermaid(loaded, channels))
    else:
        console.answer(_tree(loaded, channels))
    console.finish(code)


def _named(loaded: Catalog, word: str) -> list[Channel]:
    from observatory.spec.topology import find_channels

    found = find_channels(loaded, word)
    if not found:
        known = [text for channel in loaded.channels for text in (channel.address, channel.id) if text]
        near = get_close_matches(word, known, 1, 0.6)
        raise UsageError(f"no channel is called {word!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return found


def _answer_side(answer: dict[str, Any], *, receiving: bool) -> None:
    """Declared participants, and those that spans show although no document declares them."""
    for channel in answer["channels"]:
        rows = channel["consumers" if receiving else "producers"]
        verb = "consumed" if receiving else "produced"
        if not rows:
            console.answer(printable(f"{channel['id']}: {verb} by nobody, as far as is known"))
        for row in rows:
            place = f"{row['document']}/{row['operation']}" if row["declared"] else "not declared"
            parts = [f"{row['service']} ({place})"]
            if row.get("consumer_group"):
                parts.append(f"group {row['consumer_group']}")
            if row["observed"]:
                parts.append(f"seen until {row['observed']['last_seen']}")
            console.answer(printable(f"{channel['id']}: {verb} by {', '.join(parts)}"))


def _who(operation: Operation) -> str:
    parts = [f"{operation.service} ({operation.key})"]
    if operation.consumer_group:
        parts.append(f"group {operation.consumer_group}")
    if operation.owner:
        parts.append(f"owner {operation.owner.team}")
    return printable(", ".join(parts))


def _tree(loaded: Catalog, channels: Sequence[Channel]) -> str:
    lines: list[str] = []
    for channel in channels:
        about = [channel.owner.team if channel.owner else "no owner", channel.domain or ""]
        about += [channel.criticality if channel.criticality != "normal" else ""]
        lines.append(printable(f"{channel.id}  [{', '.join(part for part in about if part)}]"))
        rows = [f"<- {_who(operation)}" for operation in loaded.operations_on(channel.id, "send")]
        rows += [f"-> {_who(operation)}" for operation in loaded.operations_on(channel.id, "receive")]
        if channel.dead_letter:
            rows.append(printable(f"dead letters to {channel.dead_letter}"))
        if not any(row.startswith(("<-", "->")) for row in rows):
            rows.append("used by no operation")
        for index, row in enumerate(rows):
            lines.append(f"{'└── ' if index == len(rows) - 1 else '├── '}{row}")
    lines.append(f"\n{len(channels)} of {len(loaded.channels)} channels; <- produces, -> consumes")
    return "\n".join(lines)


def _table(loaded: Catalog, channels: Sequence[Channel]) -> str:
    head = ("channel", "produced by", "consumed by", "owner", "domain", "criticality")
    rows: list[tuple[str, ...]] = [head]
    for channel in channels:
        senders = dict.fromkeys(one.service for one in loaded.operations_on(channel.id, "send"))
        receivers = dict.fromkeys(one.service for one in loaded.operations_on(channel.id, "receive"))
        owner = channel.owner.team if channel.owner else "-"
        cells = (channel.id, ", ".join(senders) or "-", ", ".join(receivers) or "-", owner, channel.domain or "-")
        rows.append((*map(printable, cells), channel.criticality))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _mermaid(loaded: Catalog, channels: Sequence[Channel]) -> str:
    """A flowchart: services as boxes, channels as pipes, messages flowing along the arrows."""
    services: dict[str, str] = {}
    lines = ["flowchart LR"]
    edges: list[str] = []
    for number, channel in enumerate(channels):
        lines.append(f'  c{number}[/"{_quoted(channel.label)}"/]')
        for operation in loaded.operations_on(channel.id):
            node = services.setdefault(operation.service, f"s{len(services)}")
            edges.append(f"  {node} --> c{number}" if operation.action == "send" else f"  c{number} --> {node}")
    lines += [f'  {node}["{_quoted(service)}"]' for service, node in services.items()]
    return "\n".join(lines + list(dict.fromkeys(edges)))


def _quoted(text: str) -> str:
    """Text inside a Mermaid label, where quotes, brackets and hashes are written by their number."""
    return re.sub(r'["#<>&;\[\]`]', lambda match: f"#{ord(match[0])};", printable(text))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("catalog")(catalog)
