"""Values that bindings declare against those that telemetry shows: partitions, replicas, and settings.

A level (the number of partitions) is read from its newest samples. A label or a value that writes a setting (the type
of an exchange, the retention of a topic) is named by the profile under `declared_values`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
from msgspec import Struct

from observatory.diagnose.drift.finding import Drift, NotCompared
from observatory.diagnose.drift.unshown import SIGNALS_OF_FACTS, why_unshown
from observatory.diagnose.drift.volumes import shared_condition
from observatory.errors import Problem, SourceFailed
from observatory.ledger.evidence import Sources
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.spec.bound_values import BindingFact
from observatory.spec.catalog import Catalog, Channel
from observatory.telemetry.binding import MappingResult, Matcher, MetricBinding, SeriesSelector, Term
from observatory.telemetry.discovery import tables_of
from observatory.telemetry.inventory import Inventory
from observatory.telemetry.label_matchers import rows_named
from observatory.telemetry.label_table import LabelTable, satisfies
from observatory.telemetry.recipe import DeclaredValues, Identity, Profile
from observatory.telemetry.subject import WrittenName, names_of, written
from observatory.windows import TimeRange

RECENT_MS = 900_000
"""How old the newest sample of a level may be."""


class Compared(Struct, frozen=True):
    """Differences, and the facts that nothing shows, by key."""

    findings: tuple[Drift, ...]
    not_compared: Mapping[str, NotCompared]


class _Shown(Struct, frozen=True):
    """What runs.

    Attributes:
        within: Numbers are shown in steps of so much, which is how far a declared one may lie from them.
    """

    values: tuple[str, ...]
    source: str
    within: float = 0.0


_NAMES = (".name", ".vhost", ".topic", "amqp.is")
"""Ends of keys that say what a channel is called and is: by these it is found, and a wrong one is found as a name."""
_Settings = dict[tuple[str, str], _Shown]
"""What is shown per channel and key."""


def compare_values(
    catalog: Catalog,
    mapping: MappingResult,
    profiles: Sequence[Profile],
    inventories: Sequence[Inventory],
    sources: Sources,
    at_ms: int,
    problems: list[Problem],
) -> Compared:
    """Every declared value that telemetry shows as well, compared.

    Args:
        problems: What could not be read is added here.
    """
    levels = _levels(catalog, mapping, sources, at_ms, problems)
    labels = _labels(catalog, profiles, inventories)
    values = _values(catalog, profiles, inventories, sources, at_ms, problems)
    findings: list[Drift] = []
    blind: Counter[str] = Counter()
    for channel, fact in _facts(catalog):
        at = channel.id, fact.key
        shown = levels.get(at) or labels.get(at) or values.get(at)
        if shown is None:
            blind[fact.key] += 1
        elif any(not _same(fact.value, value, shown.within) for value in shown.values):
            findings.append(_finding(channel, fact, shown))
    return Compared(
        tuple(findings), {key: NotCompared(number, why_unshown(key, profiles)) for key, number in sorted(blind.items())}
    )


def _facts(catalog: Catalog) -> Iterator[tuple[Channel, BindingFact]]:
    """What channels and their operations declare, each value once per channel."""
    for channel in catalog.channels:
        held = [fact for fact in channel.facts if fact.level == "channel"]
        for operation in catalog.operations_on(channel.id):
            held += [fact for fact in operation.facts if fact.level == "operation"]
        seen: set[tuple[str, object]] = set()
        for fact in held:
            if (fact.key, fact.value) not in seen and not fact.key.endswith(_NAMES):
                seen.add((fact.key, fact.value))
                yield channel, fact


def _finding(channel: Channel, fact: BindingFact, shown: _Shown) -> Drift:
    unit = f" {fact.unit}" if fact.unit else ""
    observed = ", ".join(shown.values)
    several = len(shown.values) > 1
    return Drift(
        kind="binding",
        subject=channel.id,
        channel_id=channel.id,
        words=f"{fact.key} is declared as {_text(fact.value)}{unit}, and "
        + (f"{' and '.join(shown.values)}{unit} run" if several else f"{observed}{unit} runs"),
        hint="several run by this name, perhaps on several clusters: x-telemetry: {labels: {cluster: ...}} says which"
        if several
        else "change what runs, or the binding; clients and alerts rely on one of them",
        sources=(shown.source,),
        key=fact.key,
        declared=_text(fact.value),
        observed=observed,
        location=fact.location,
    )


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(declared: object, observed: str, within: float) -> bool:
    if isinstance(declared, int | float) and not isinstance(declared, bool):
        try:
            return abs(float(observed) - float(declared)) < within or float(observed) == float(declared)
        except ValueError:
            return False
    if isinstance(declared, tuple):
        return {_text(one).casefold() for one in declared} == {one.strip().casefold() for one in observed.split(",")}
    return _text(declared).casefold() == observed.casefold()


# levels


def _levels(
    catalog: Catalog, mapping: MappingResult, sources: Sources, at_ms: int, problems: list[Problem]
) -> _Settings:
    """Newest values of levels, per channel and key."""
    wanted: dict[tuple[str, str], MetricBinding] = {}
    for channel, fact in _facts(catalog):
        signal = SIGNALS_OF_FACTS.get(fact.key)
        binding = mapping.chosen(channel.id, signal) if signal else None
        if isinstance(binding, MetricBinding):
            wanted[channel.id, fact.key] = binding
    found = newest_levels(wanted, sources, at_ms, problems)
    named = {at: f"{wanted[at].profile}: {wanted[at].all[0].selector.metric}" for at in found}
    return {at: _Shown(values, named[at]) for at, values in found.items()}


K = TypeVar("K", bound=Hashable)


def newest_levels(
    wanted: Mapping[K, MetricBinding], sources: Sources, at_ms: int, problems: list[Problem]
) -> dict[K, tuple[str, ...]]:
    """The newest values of levels, distinct and as text, by one request per metric; absent where there are none.

    Args:
        problems: What could not be read is added here.
    """
    servers = {source.name: source for source in sources.metrics}
    by_metric: dict[tuple[str, str], list[K]] = {}
    for key, binding in wanted.items():
        if binding.liveness == "live" and len(binding.all) == 1 and binding.source in servers:
            by_metric.setdefault((binding.source, binding.all[0].selector.metric), []).append(key)
    found: dict[K, tuple[str, ...]] = {}
    span = TimeRange(at_ms - RECENT_MS, at_ms)
    for (source, metric), keys in by_metric.items():
        matchers = shared_condition([wanted[key].all[0].selector.matchers for key in keys])
        try:
            samples = servers[source].samples(SeriesRequest(metric, matchers, span))
        except SourceFailed as error:
            problems += error.problems
            continue
        newest = _Newest(samples)
        found |= {key: values for key in keys if (values := newest.of(wanted[key]))}
    return found


class _Newest:
    """The newest value of each series, found by the first label that bindings name."""

    def __init__(self, samples: SampleSet) -> None:
        self._series: list[tuple[Mapping[str, str], float]] = []
        self._by_label: dict[str, dict[str, list[int]]] = {}
        for index in range(len(samples)):
            labels, _, values = samples.series(index)
            known = values[np.isfinite(values)]
            # A stale marker at the end says that the series is gone.
            if len(known) and np.isfinite(values[-1]):
                self._series.append((labels, float(known[-1])))

    def of(self, binding: MetricBinding) -> tuple[str, ...]:
        """Distinct values of the binding's series, as text."""
        matchers = binding.all[0].selector.matchers
        numbers: Sequence[int] = range(len(self._series))
        if matchers and matchers[0].pattern is None and not matchers[0].negated:
            index = self._index(matchers[0].label)
            numbers = [number for value in matchers[0].values for number in index.get(value, ())]
        values = {
            self._series[number][1] * binding.scale
            for number in numbers
            if all(satisfies(one, self._series[number][0].get(one.label, "")) for one in matchers)
        }
        kept = sorted(value for value in values if binding.invalid_below is None or value >= binding.invalid_below)
        return tuple(f"{value:.15g}" for value in kept)

    def _index(self, label: str) -> dict[str, list[int]]:
        if label not in self._by_label:
            index: dict[str, list[int]] = {}
            for number, (labels, _) in enumerate(self._series):
                index.setdefault(labels.get(label, ""), []).append(number)
            self._by_label[label] = index
        return self._by_label[label]


# settings


def _labels(catalog: Catalog, profiles: Sequence[Profile], inventories: Sequence[Inventory]) -> _Settings:
    """Settings that labels write."""
    found: _Settings = {}
    for setting in _settings(catalog, profiles, inventories):
        shown = setting.shown
        for label, key in shown.labels.items():
            seen = setting.table.values(setting.rows, label)
            values = tuple(value for value in seen if value and value not in shown.says_nothing)
            if values and key in setting.keys:
                found.setdefault((setting.channel.id, key), _Shown(values, f"{setting.profile}: {shown.metric}"))
    return found


def _values(
    catalog: Catalog,
    profiles: Sequence[Profile],
    inventories: Sequence[Inventory],
    sources: Sources,
    at_ms: int,
    problems: list[Problem],
) -> _Settings:
    """Settings that samples hold."""
    wanted: dict[tuple[str, str], MetricBinding] = {}
    for setting in _settings(catalog, profiles, inventories):
        key = setting.shown.value
        if key is not None and key in setting.keys:
            wanted.setdefault((setting.channel.id, key), setting.binding())
    found = newest_levels(wanted, sources, at_ms, problems)
    return {
        at: _Shown(
            values,
            f"{wanted[at].profile}: {wanted[at].all[0].selector.metric}",
            within=wanted[at].scale if wanted[at].scale > 1 else 0.0,
        )
        for at, values in found.items()
    }


class _Setting(Struct, frozen=True):
    """Series of one channel that write settings.

    Attributes:
        keys: What the channel's bindings declare.
    """

    channel: Channel
    keys: frozenset[str]
    profile: str
    shown: DeclaredValues
    source: str
    table: LabelTable
    rows: tuple[int, ...]

    def binding(self) -> MetricBinding:
        """The series, as a level that is read."""
        telling = [label.label for label in self.shown.identity.channel]
        telling += [label for label, _ in self.channel.telemetry.labels] if self.channel.telemetry else []
        labels = [label for label in dict.fromkeys(telling) if label in self.table.column]
        matchers = tuple(Matcher(label, self.table.values(self.rows, label)) for label in labels)
        return MetricBinding(
            signal="",
            source=self.source,
            profile=self.profile,
            kind="level",
            all=(Term(1, SeriesSelector(self.shown.metric, matchers)),),
            scale=self.shown.scale,
            liveness="live",
        )


def _settings(catalog: Catalog, profiles: Sequence[Profile], inventories: Sequence[Inventory]) -> Iterator[_Setting]:
    """Every channel's series that write settings which its bindings declare, best profile first."""
    declared: dict[str, set[str]] = {}
    for channel, fact in _facts(catalog):
        declared.setdefault(channel.id, set()).add(fact.key)
    for inventory in inventories:
        tables = tables_of(inventory)
        for profile in profiles:
            for shown in profile.declared_values:
                if (table := tables.get(shown.metric)) is None:
                    continue
                for channel in catalog.channels:
                    keys = declared.get(channel.id, set())
                    speaks = profile.speaks(channel.protocol) and shown.identity.speaks(channel.protocol)
                    if keys.isdisjoint(shown.keys) or not speaks:
                        continue
                    if rows := _rows(table, shown.identity, channel):
                        yield _Setting(channel, frozenset(keys), profile.id, shown, inventory.source, table, rows)


def _rows(table: LabelTable, identity: Identity, channel: Channel) -> tuple[int, ...]:
    """Rows of a channel: every label that its names can fill names it, and those of `x-telemetry` hold.

    A label that `x-telemetry` gives is the name, as it is for the mapping: a stream is not called as its subjects are.
    """
    names = names_of(channel)
    given = dict(channel.telemetry.labels) if channel.telemetry else {}
    rows: set[int] | None = None
    for label in identity.channel:
        if label.label in given:
            options = [WrittenName(given[label.label])]
        else:
            options = [option for option in written(label.spellings, names) if not option.loose]
        if not options:
            if label.optional:
                continue
            return ()
        here = set(rows_named(table.names(label), label, options))
        rows = here if rows is None else rows & here
    found = tuple(sorted(rows or ()))
    for name, value in given.items():
        found = table.holding(found, name, (value,)) if name in table.column else found
    return found
