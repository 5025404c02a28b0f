"""The mapping as people and as programs read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from observatory.cli import console
from observatory.cli.columns import NARROWEST, side_by_side, wrapped
from observatory.compile.measure import Measurement
from observatory.compile.promql import selector
from observatory.errors import Problem
from observatory.sources.base import SourceState
from observatory.spec.catalog import Catalog, Channel, Operation
from observatory.spec.topology import name_json
from observatory.telemetry.binding import Binding, MetricBinding, Resolution, SeriesSelector, Term
from observatory.telemetry.mapping import SIGNALS_OF_ROLE
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.survey import Survey
from observatory.units import number_of
from observatory.windows import format_instant

SCHEMA = "observatory.map/1"
SIGNAL_CELLS = max(map(len, SIGNALS))
STATE_CELLS = len("unmapped")
_SIGNALS = {
    role: tuple(dict.fromkeys((*signals, *SIGNALS_OF_ROLE["channel"]))) for role, signals in SIGNALS_OF_ROLE.items()
}
GAP = 4
MOST_NAMED = 5
"""Jobs and clusters of an exporter that a line names."""


def state_of(resolution: Resolution) -> str:
    """`live`, `missing`, `unknown` (no source was asked) or `unmapped`."""
    return resolution.chosen.liveness if resolution.chosen else "unmapped"


def series_of(binding: Binding) -> list[str]:
    """The series or spans of a binding, as text; of a distribution its base name stands for its parts."""
    if isinstance(binding, MetricBinding):
        return [f"{'- ' if term.sign < 0 else ''}{selector(_told(term, binding))}" for term in binding.all]
    chosen = binding.selector
    parts = [f"destination {' or '.join(chosen.destinations)}"]
    parts += [f"service {chosen.service}"] if chosen.service else []
    parts += [f"group {chosen.consumer_group}"] if chosen.consumer_group else []
    return ["spans: " + ", ".join(parts)]


def _told(term: Term, binding: MetricBinding) -> SeriesSelector:
    if binding.kind != "distribution":
        return term.selector
    return SeriesSelector(term.selector.metric + "_bucket", term.selector.matchers)


def _subjects(catalog: Catalog, channel: Channel) -> Iterator[tuple[str, str, Operation | None]]:
    """(key, role, operation) of everything that is mapped on a channel: producers, consumers, the channel."""
    for action, role in (("send", "producer"), ("receive", "consumer")):
        for operation in catalog.operations_on(channel.id, action):  # type: ignore[arg-type]
            yield operation.key, role, operation
    yield channel.id, "channel", None


# programs


def as_json(
    at_ms: int,
    states: Sequence[SourceState],
    found: Survey,
    catalog: Catalog,
    channels: Sequence[Channel],
    measured: Mapping[str, Measurement | Problem],
    problems: Sequence[Problem],
) -> dict[str, Any]:
    """The object that `map --json` prints."""
    return {
        "schema": SCHEMA,
        "at": format_instant(at_ms),
        "sources": [state.to_json() for state in states],
        "profiles": [
            {
                "source": seen.source,
                "profile": seen.profile,
                "variants": list(seen.variants),
                "versions": list(seen.versions),
                "metrics": list(seen.metrics),
                "series": seen.series,
                "jobs": list(seen.jobs),
                "clusters": list(seen.clusters),
            }
            for seen in found.recognised
        ],
        "channels": [
            {
                "id": channel.id,
                "address": channel.address,
                "protocol": channel.protocol,
                "address_provenance": channel.address_provenance,
                "names": [name_json(name) for name in channel.names],
                "signals": [
                    _signal_json(key, resolution, role, operation)
                    for key, role, operation in _subjects(catalog, channel)
                    for resolution in _resolutions(found, key, role)
                ],
            }
            for channel in channels
        ],
        "objectives": [_objective_json(key, one) for key, one in sorted(measured.items())],
        "problems": [problem.to_json() for problem in problems],
    }


def _resolutions(found: Survey, key: str, role: str) -> list[Resolution]:
    """Signals of the role, then those of the channel that the operation's own labels narrow."""
    resolutions = found.mapping.resolutions
    return [one for signal in _SIGNALS[role] if (one := resolutions.get((key, signal)))]


def _signal_json(subject: str, resolution: Resolution, role: str, operation: Operation | None) -> dict[str, Any]:
    chosen = resolution.chosen
    return {
        "signal": resolution.signal,
        "unit": SIGNALS[resolution.signal].unit,
        "subject": subject,
        "role": role,
        "service": operation.service if operation else None,
        **_group_json(chosen, operation),
        "state": state_of(resolution),
        "code": resolution.code,
        "reason": resolution.reason,
        **(_binding_json(chosen) if chosen else dict.fromkeys(("source", "profile", "variant", "kind", "count"))),
        "series": series_of(chosen) if chosen else [],
        "caveats": list(chosen.caveats) if chosen else [],
        "alternatives": [
            {**_binding_json(other), "state": other.liveness, "series": series_of(other), "later_because": why}
            for other, why in zip(resolution.alternatives, resolution.later, strict=True)
        ],
        "switch_on": list(resolution.switches),
    }


def _group_json(chosen: Binding | None, operation: Operation | None) -> dict[str, str | None]:
    """Who consumes: as documents say, else as discovered, which is said."""
    group = operation.consumer_group if operation else None
    where = operation.consumer_group_provenance if operation else None
    if group is None and isinstance(chosen, MetricBinding) and chosen.discovered_group is not None:
        group, where = chosen.discovered_group, f"discovered by {chosen.profile}"
    return {"consumer_group": group, "consumer_group_provenance": where}


def _binding_json(binding: Binding) -> dict[str, Any]:
    if isinstance(binding, MetricBinding):
        return {
            "source": binding.source or None,
            "profile": binding.profile,
            "variant": binding.variant or None,
            "kind": binding.kind,
            "count": binding.series,
        }
    return {
        "source": binding.source or None,
        "profile": binding.profile,
        "variant": None,
        "kind": "spans",
        "count": binding.messages,
    }


def _objective_json(key: str, one: Measurement | Problem) -> dict[str, Any]:
    if isinstance(one, Problem):
        return {"id": key, "state": "unmapped", "measure": None, "proxy": None, "code": one.code, "reason": one.message}
    return {
        "id": key,
        "state": one.liveness,
        "measure": one.indicator.measure,
        "proxy": one.proxy,
        "code": "series-missing" if one.liveness == "missing" else None,
        "reason": one.reason or None,
    }


# people


def as_text(
    found: Survey,
    catalog: Catalog,
    channels: Sequence[Channel],
    measured: Mapping[str, Measurement | Problem],
    *,
    every_signal: bool,
) -> str:
    """A table per channel: signal, state, series and why. Signals that nothing measures are named in one line, or
    explained one by one with `every_signal`."""
    width = console.width()  # in a file or a pipe nothing is broken, for those who copy a selector out of it
    said: list[str] = []
    for seen in found.recognised:
        how = "; ".join(part for part in (", ".join(seen.variants), ", ".join(seen.versions)) if part)
        where = [f"{word} {_some(names)}" for word, names in (("job", seen.jobs), ("cluster", seen.clusters)) if names]
        series = f"{seen.series} series" if seen.series else "none of its series is about a channel"
        said.append(", ".join([f"{seen.source}: {seen.profile}{f' ({how})' if how else ''}", series, *where]))
    if not found.inventories:
        said.append("No source was asked; this is what would be looked for.")
    lines = [part for line in said for part in wrapped(_shown(line), width)]
    for channel in channels:
        lines += ["", *wrapped(_shown(channel.id), width), *wrapped(_shown(f"  known as: {_names(channel)}"), width)]
        for key, role, operation in _subjects(catalog, channel):
            resolutions = _resolutions(found, key, role)
            lines += wrapped(_shown(f"  {_title(role, operation)}"), width)
            lines += _signal_lines(resolutions, width, every_signal=every_signal)
    said = _switches(found, catalog, channels) if found.inventories else []
    counts = [one for one in measured.values() if isinstance(one, Measurement) and one.liveness != "missing"]
    said += ["", f"{len(counts)} of {number_of(len(measured), 'objective')} can be measured"]
    lines += [part for line in said for part in wrapped(_shown(line), width)]
    return "\n".join(lines).strip("\n")


def _switches(found: Survey, catalog: Catalog, channels: Sequence[Channel]) -> list[str]:
    """What would make more observable, each switch once with the signals it brings and how often they lack."""
    signals: dict[str, dict[str, None]] = {}
    lacking: dict[str, set[str]] = {}
    for channel in channels:
        for key, role, _ in _subjects(catalog, channel):
            for one in _resolutions(found, key, role):
                for switch in one.switches:
                    signals.setdefault(switch, {})[one.signal] = None
                    lacking.setdefault(switch, set()).add(channel.id)
    said = ["", "What would make more observable:"] if signals else []
    for switch, words in signals.items():
        many = f"{len(lacking[switch])} of {number_of(len(channels), 'channel')}"
        said.append(f"  {switch}: {', '.join(words)} ({many})")
    return said


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown


def _names(channel: Channel) -> str:
    """Names with where they come from; of a template how many names it stands for, where that is known."""
    if not channel.names:
        return f"nothing ({channel.address_provenance})"
    shown = []
    for name in channel.names:
        number = len(name.expansions) + name.left_out
        many = f", {number:,} names" if number else ""
        cut = f" of which {len(name.expansions):,} are listed" if name.left_out else ""
        shown.append(f"{name.kind} {name.value} ({name.provenance}{many}{cut})")
    return "; ".join(shown)


def _title(role: str, operation: Operation | None) -> str:
    if operation is None:
        return "channel"
    group = f", group {operation.consumer_group}" if operation.consumer_group else ""
    return f"{role} {operation.service} ({operation.key}{group})"


def _signal_lines(resolutions: Sequence[Resolution], width: int | None, *, every_signal: bool) -> list[str]:
    """A line, or more of them, per signal: its state, its series and why; the rest by their names."""
    rows: list[list[str]] = []
    hidden: list[str] = []
    nameless: dict[str, list[str]] = {}
    for one in resolutions:
        if not every_signal and one.chosen is None and one.code == "not-provided":
            hidden.append(one.signal)
            continue
        if not every_signal and one.chosen is None and one.code == "name-unknown":
            nameless.setdefault(one.reason, []).append(one.signal)
            continue
        series = [_shown(text) for text in series_of(one.chosen)] if one.chosen else ["-"]
        why = [one.reason]
        if every_signal:
            why += [f"({caveat})" for caveat in one.chosen.caveats] if one.chosen else []
            why += [_alternative(*pair) for pair in zip(one.alternatives, one.later, strict=True)]
        rows.append(["", one.signal, state_of(one), "\n".join(series), "\n".join(map(_shown, why))])
    lines = side_by_side(rows, [0, SIGNAL_CELLS, STATE_CELLS, *_rest_of(width)], GAP)
    for reason, signals in nameless.items():
        lines += wrapped(_shown(f"  no name to look for: {', '.join(signals)} ({reason})"), width)
    return lines + (wrapped(f"  not observable: {', '.join(hidden)}", width) if hidden else [])


def _rest_of(width: int | None) -> tuple[int | None, int | None]:
    """Cells for series and for reasons beside the narrow columns: three parts and two, and enough to be read."""
    if width is None:
        return None, None
    rest = max(width - SIGNAL_CELLS - STATE_CELLS - 4 * GAP, 5 * NARROWEST)
    return rest - rest * 2 // 5, rest * 2 // 5


def _alternative(other: Binding, why: str) -> str:
    variant = other.variant if isinstance(other, MetricBinding) else ""
    at = f" of {other.source}" if other.source else ""
    return f"[also {other.profile}{f' ({variant})' if variant else ''}{at}, {other.liveness}: {why}]"


def _shown(text: str) -> str:
    """A line of documents and servers without characters that would move a cursor."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
