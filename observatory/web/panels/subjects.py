"""Which operations or channels a panel is about, by its scope option and the page it stands on."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from msgspec import Struct
from msgspec.structs import replace

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.snapshot import SignalSeries, Statistic
from observatory.evaluate.status import ObjectiveStatus
from observatory.spec.catalog import Operation
from observatory.telemetry.binding import MetricBinding
from observatory.telemetry.signals import SIGNALS
from observatory.web.board import Board
from observatory.web.channel_standing import urgency
from observatory.web.kind import Field
from observatory.web.states import not_measured, state_notice
from observatory.web.view import step_for

SIGNAL_WORDS = tuple(SIGNALS)
STATISTIC_WORDS: tuple[Statistic, ...] = ("rate", "error_rate", "level", "p50", "p99", "age", "behind")
SCOPE = Field(
    "critical: channels of high criticality; all: every channel; page: what the page is about",
    words=("critical", "all", "page"),
)
SIGNALS_FIELD = Field(
    "signals of the vocabulary, the first that is measured is shown", "texts", SIGNAL_WORDS, required=True
)
LIMIT = Field("how many lines or rows at most", "count")


class Subject(Struct, frozen=True):
    """A line of a figure: whose signal it is and what people call it."""

    key: str
    label: str
    channel_id: str


def channel_ids(board: Board, panel: PanelDeclaration) -> tuple[str, ...]:
    """Channels in the panel's scope, the most urgent first."""
    scope = panel.text("scope", "page" if board.argument else "all")
    if scope == "page" and board.argument:
        if board.channel(board.argument):
            return (board.argument,)
        return tuple(dict.fromkeys(one.channel_id for one in group_operations(board)))
    levels = ("critical", "high") if scope == "critical" else ()
    found = tuple(one.channel.id for one in board.channel_standings(criticality=levels))
    # An estate that says nothing about criticality still has channels worth watching.
    return found or (tuple(one.channel.id for one in board.channel_standings()) if scope == "critical" else ())


def group_operations(board: Board, *, filtered: bool = True) -> tuple[Operation, ...]:
    """Operations of the consumer group that the page is about; those that the free text means, where it is filtered."""
    return tuple(
        one
        for one in board.snapshot.catalog.operations
        if one.action == "receive"
        and board.argument in (one.consumer_group, one.service if not one.consumer_group else None)
        and (not filtered or board.concerns(one))
    )


def sides(board: Board, ids: Sequence[str], action: str | None = None) -> tuple[Operation, ...]:
    """Operations on the channels: on a page about a group its own, and on a page about one thing those that the free
    text means. On pages about the estate the filters chose the channels already."""
    found = board.operations(tuple(ids), action)
    if not board.argument:
        return found
    if not board.channel(board.argument):
        found = tuple(one for one in found if board.argument in (one.consumer_group, one.service))
    return tuple(one for one in found if board.concerns(one))


def subjects(board: Board, panel: PanelDeclaration, signal: str) -> tuple[Subject, ...]:
    """Subjects of a signal in the panel's scope, in the order of their channels."""
    ids = channel_ids(board, panel)
    if SIGNALS[signal].scope in ("broker", "registry"):
        return _shared(board, ids, signal)
    if SIGNALS[signal].scope == "channel":
        return tuple(Subject(key, label(board, key), key) for key in ids)
    action = "send" if SIGNALS[signal].scope == "producer" else "receive"
    found: list[Subject] = []
    for channel_id in ids:
        operations = sides(board, (channel_id,), action)
        for operation in operations:
            who = operation.consumer_group or operation.service
            name = label(board, channel_id)
            if board.argument == channel_id:
                name = who
            elif len(operations) > 1:
                name = f"{name} · {who}"
            found.append(Subject(operation.key, name, channel_id))
    return tuple(found)


def _shared(board: Board, ids: Sequence[str], signal: str) -> tuple[Subject, ...]:
    """One subject per broker or registry: channels that the same series measure are one line."""
    found: dict[object, Subject] = {}
    for key in ids:
        binding = board.snapshot.mapping.chosen(key, signal)
        channel = board.channel(key)
        name = "schema registry" if SIGNALS[signal].scope == "registry" else (channel and channel.broker) or "broker"
        terms = (binding.source, binding.all, binding.error) if isinstance(binding, MetricBinding) else None
        found.setdefault(terms, Subject(key, name, key))
    return tuple(one for terms, one in found.items() if terms is not None) or tuple(found.values())


def label(board: Board, channel_id: str) -> str:
    """What to call a channel."""
    channel = board.channel(channel_id)
    return channel.label if channel else channel_id


def measured(
    board: Board, panel: PanelDeclaration, statistic: Statistic, *, by_part: bool = False, most: int | None = None
) -> tuple[str, tuple[Subject, ...], tuple[SignalSeries, ...]]:
    """The first of the panel's signals that has any series: its name, the subjects that were asked, and the series.

    Args:
        most: Enough channels on a page about the estate: the most urgent ones are asked first, and the others only
            when too many of these are silent. All are asked where it is None.
    """
    first = ""
    empty: tuple[Subject, ...] = ()
    for signal in panel.words("signals"):
        every = subjects(board, panel, signal)
        found = every if most is None or board.argument else _first_channels(every, 2 * most)
        seen = _seen(board, signal, found, statistic, by_part=by_part)
        if most is not None and len(found) < len(every) and len(_channels_of(found, seen)) < most:
            found = every
            seen = _seen(board, signal, found, statistic, by_part=by_part)
        if seen:
            return signal, found, seen
        if not first:
            first, empty = signal, found
    return first, empty, ()


def _first_channels(found: Sequence[Subject], most: int) -> tuple[Subject, ...]:
    kept = set(list(dict.fromkeys(one.channel_id for one in found))[:most])
    return tuple(one for one in found if one.channel_id in kept)


def _channels_of(found: Sequence[Subject], seen: Sequence[SignalSeries]) -> set[str]:
    keys = {one.subject for one in seen}
    return {one.channel_id for one in found if one.key in keys}


def _seen(
    board: Board, signal: str, found: Sequence[Subject], statistic: Statistic, *, by_part: bool
) -> tuple[SignalSeries, ...]:
    """Series that hold a value."""
    import numpy as np

    keys = [one.key for one in found]
    series = board.series(signal, keys, statistic, by_part=by_part, step_ms=step_of(board, statistic))
    return tuple(one for one in series if np.isfinite(one.value).any())


def step_of(board: Board, statistic: Statistic) -> int:
    """Milliseconds between points. A quantile needs many messages in each step, or it only shows single ones."""
    return step_for(board.span, 100) if statistic in ("p50", "p99") else step_for(board.span)


def by_channel(
    board: Board, found: Sequence[Subject], series: Sequence[SignalSeries]
) -> tuple[tuple[Subject, ...], tuple[SignalSeries, ...]]:
    """On pages about the estate one line per channel: producers are added up, of consumers the worst counts."""
    if board.argument or len({one.channel_id for one in found}) == len(found):
        return tuple(found), tuple(series)
    import numpy as np

    owner = {one.key: one.channel_id for one in found}
    groups: dict[str, list[SignalSeries]] = {}
    for one in series:
        groups.setdefault(owner.get(one.subject, one.subject), []).append(one)
    merged: list[SignalSeries] = []
    for channel_id, members in groups.items():
        first = members[0]
        stack = np.vstack([one.value for one in members if len(one.value) == len(first.value)])
        holes = ~np.isfinite(stack).any(axis=0)
        adds = SIGNALS[first.signal].scope == "producer" and first.statistic in ("rate", "error_rate")
        value = np.nansum(stack, axis=0) if adds else np.fmax.reduce(stack)
        value[holes] = np.nan
        merged.append(replace(first, subject=channel_id, value=value))
    ids = dict.fromkeys(one.channel_id for one in found)
    return tuple(Subject(key, label(board, key), key) for key in ids), tuple(merged)


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Names without their first dotted part where they stay distinct: `payments.card.settled` is `card.settled`."""
    short = {name: name.partition(".")[2] if name.count(".") >= 2 else name for name in names}
    counted = [*short.values()]
    return {name: text if counted.count(text) == 1 else name for name, text in short.items()}


def why_nothing(board: Board, panel: PanelDeclaration, found: Sequence[Subject]) -> html.Div:
    """For a panel that has no series: nothing in scope, not measured, or silent."""
    signals = panel.words("signals")
    if not channel_ids(board, panel):
        return state_notice("nothing", "Nothing to show", "No channel passes the filter.")
    if not found and board.argument and board.view.query:
        return nothing_passes(board)
    if not found:
        side = "producer" if SIGNALS[signals[0]].scope == "producer" else "consumer"
        return state_notice("nothing", "Nothing to show", f"The documents declare no {side} here.")
    for signal in signals:
        if (missing := board.missing(signal, [one.key for one in subjects(board, panel, signal)])) is None:
            words = f"Series for {SIGNALS[signal].meaning} exist, and hold nothing in this range ({board.view.words})."
            return state_notice("no_traffic", "No traffic", words)
    return not_measured(signals[0].replace("_", " "), missing, "")


def nothing_passes(board: Board) -> html.Div:
    """For a panel of a page about one thing, nothing of which the free text means."""
    return state_notice("nothing", "Nothing to show", f"Nothing here passes the filter {board.view.query!r}.")


def promised(board: Board, panel: PanelDeclaration, sli: str = "") -> tuple[ObjectiveStatus, ...]:
    """Objectives of what the panel is about, of one SLI where it is named; the most urgent first."""
    ids = set(channel_ids(board, panel))
    kept = {one.key for one in sides(board, [*ids])} if board.argument else None
    found = [
        one
        for one in board.snapshot.status.objectives
        if one.objective.channel_id in ids
        and sli in ("", one.objective.sli)
        and (kept is None or one.objective.operation_key in kept)
    ]
    return tuple(sorted(found, key=lambda one: (urgency(one), one.objective.id)))
