"""`observatory catalog --diff OLD NEW`: what changed on each channel, and whom it breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console
from observatory.errors import ExitCode, printable
from observatory.units import number_of

if TYPE_CHECKING:
    from observatory.settings import Settings
    from observatory.spec.changes import Change, Changes, ChannelChanges, Mode, Reading, Reason, Verdict
    from observatory.spec.changes.revisions import Side

MAX_REASONS_SHOWN = 8


class FailOn(StrEnum):
    """Which changes fail a build."""

    BREAKING = "breaking"
    UNKNOWN = "unknown"
    ANY = "any"


Diff = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--diff",
        metavar="OLD NEW",
        help="What changed from OLD to NEW, each a path or a git revision; PATHs say what to read of a revision.",
    ),
]
Gate = Annotated[
    FailOn | None,
    typer.Option("--fail-on", help="With --diff: exit 1 for breaking changes, for unknown ones as well, or for any."),
]


def show(
    arguments: tuple[str, str], settings: Settings, roots: Sequence[Path], fail_on: FailOn | None, *, json: bool
) -> None:
    """Answer the command. Errors of the old side are history: they are shown and do not change the exit code."""
    from observatory.spec.changes import changes_between
    from observatory.spec.changes.revisions import Wanted, read_sides

    wanted = Wanted(
        documents=settings.documents,
        roots=tuple(roots),
        overlays=settings.overlays,
        allow_remote=settings.allow_remote_references,
    )
    old, new = read_sides(*arguments, wanted)
    changes = changes_between(old.catalog, new.catalog)
    problems = [
        *(one for one in old.catalog.problems if one.severity == "error" or one.code == "revision-path-missing"),
        *new.catalog.problems,
    ]
    console.report(problems)
    if json:
        sides = {"old": _side_json(old), "new": _side_json(new)}
        answer = {"schema": "observatory.changes/1", **sides, **changes.to_json()}
        console.answer_json(answer | {"problems": [problem.to_json() for problem in problems]})
    else:
        console.answer(text(changes, old.name, new.name))
    if any(problem.severity == "error" for problem in new.catalog.problems):
        console.finish(ExitCode.INPUT_INVALID)
    if fails(changes, fail_on):
        console.finish(ExitCode.GATE_FAILED)


def fails(changes: Changes, fail_on: FailOn | None) -> bool:
    """Whether a gate says no."""
    if fail_on is None:
        return False
    refused = {FailOn.BREAKING: {"breaking"}, FailOn.UNKNOWN: {"breaking", "unknown"}}.get(fail_on)
    return any(refused is None or change.verdict in refused for change in changes)


def _side_json(side: Side) -> dict[str, object]:
    catalog = side.catalog
    counts = {"documents": len(catalog.documents), "channels": len(catalog.channels)}
    return {"name": side.name, "commit": side.commit, **counts, "operations": len(catalog.operations)}


def text(changes: Changes, old: str, new: str) -> str:
    """The changes for people: channels with breaking changes first."""
    return "\n".join(printable(line) for line in _lines(changes, old, new))


def _lines(changes: Changes, old: str, new: str) -> Iterator[str]:
    listed = list(changes)
    if not listed:
        yield f"{old} -> {new}: nothing changed for those who send or receive"
        return
    counts = ", ".join(f"{changes.count(one)} {one}" for one in _VERDICTS if changes.count(one))
    yield f"{old} -> {new}: {counts} on {number_of(len(changes.channels), 'channel')}"
    if any(change.compatibility for change in listed):
        yield f"payloads and headers: {_modes(changes.mode)}"
    for channel in changes.channels:
        yield ""
        yield from _channel(channel)


_VERDICTS: tuple[Verdict, ...] = ("breaking", "unknown", "compatible")
_WORDS: dict[Verdict, str] = {"breaking": "BREAKS", "unknown": "unknown", "compatible": "fine"}
_HOLDS: dict[Verdict, str] = {"breaking": "fails", "unknown": "unknown", "compatible": "holds"}
_INDENT = " " * 10


def _channel(channel: ChannelChanges) -> Iterator[str]:
    was = f" (was {channel.old_id})" if channel.old_id not in (None, channel.id) else ""
    yield f"{channel.id}{was}  [{channel.kind}, {channel.verdict}]"
    sides = [f"produced by {', '.join(channel.producers)}"] if channel.producers else []
    sides += [f"consumed by {', '.join(channel.consumers)}"] if channel.consumers else []
    yield f"  {'; '.join(sides) or 'used by no operation'}"
    for change in channel.changes:
        yield from _change(change)


def _change(change: Change) -> Iterator[str]:
    owner = {"message": change.operation, "operation": change.name}.get(change.subject)
    said = f"{owner}: " if owner and owner not in change.message else ""
    yield f"  {_WORDS[change.verdict]:<7} {said}{change.message}"
    place = change.new or change.old
    if change.verdict != "compatible" and place is not None:
        yield f"{_INDENT}at {place}"
    if change.compatibility is None:
        return
    needs = f", and {change.needs} is needed" if change.needs else ""
    yield f"{_INDENT}{_modes(change.compatibility.verdict)}{needs}"
    shown = []
    for mode, reading in (("BACKWARD", change.compatibility.backward), ("FORWARD", change.compatibility.forward)):
        if change.needs in (mode, "FULL"):
            shown.append(reading)
            yield from _reading(reading)
    for party in change.parties:
        if party.reading.verdict != "compatible" and party.reading not in shown:
            yield f"{_INDENT}by the schema that {party.operation} declares itself:"
            yield from _reading(party.reading)


def _modes(verdict: Callable[[Mode], Verdict]) -> str:
    modes: tuple[Mode, ...] = ("BACKWARD", "FORWARD", "FULL")
    return ", ".join(f"{mode} {_HOLDS[verdict(mode)]}" for mode in modes)


def _reading(reading: Reading) -> Iterator[str]:
    for reason in reading.reasons[:MAX_REASONS_SHOWN]:
        yield from _reason(reason, "" if reason.proved else "not decided: ")
    if len(reading.reasons) > MAX_REASONS_SHOWN:
        yield f"{_INDENT}and {len(reading.reasons) - MAX_REASONS_SHOWN} more: --json lists all"
    if reading.assumption is not None:
        yield from _reason(reading.assumption, "holds while nobody writes properties that are not declared: ")


def _reason(reason: Reason, before: str) -> Iterator[str]:
    yield f"{_INDENT}{before}{reason.path}: {reason.message} [{reason.keyword}]"
    if reason.witness is not None:
        yield f"{_INDENT}  for example {reason.witness}"


__all__ = ["Diff", "FailOn", "Gate", "fails", "show", "text"]
