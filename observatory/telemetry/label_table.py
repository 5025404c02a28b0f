"""Label combinations of one metric, indexed so that looking a channel up does not read them all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial

from msgspec.structs import replace

from observatory.telemetry.binding import Matcher
from observatory.telemetry.dead_letters import stems_of
from observatory.telemetry.inventory import LabelSets
from observatory.telemetry.recipe import ChannelLabel, Identity, NameTransform

DIGITS = "#"
"""At the end of a label's template: digits, such as the number of a partition."""
WRITTEN: Mapping[NameTransform, Mapping[int, str]] = {
    "none": {},
    "dots-to-underscores": {ord("."): "_"},
    "dashes": {ord(char): "-" for char in "/.:%()"},
}
"""What exporters write in place of characters of a name: Kafka's Java clients before 4.1, and KEDA."""
_PARAMETER = re.compile(r"\{[^{}]*\}|(?<=/)\+(?=/|$)|^\+(?=/|$)")


def anonymous(template: str) -> str:
    """A template without the names of its parameters: `fleet/{vehicle}/position` and `fleet/+/position` agree."""
    return _PARAMETER.sub("{}", template)


def rewritten(name: str, transform: NameTransform) -> str:
    """A name as an exporter changes it."""
    return name.translate(WRITTEN[transform]) if transform != "none" else name


class LabelTable:
    """Rows of a `LabelSets`, found by the name that a channel label shows.

    Rows are given as tuples of row numbers, ascending.
    """

    def __init__(self, label_sets: LabelSets) -> None:
        self.column = {label: index for index, label in enumerate(label_sets.labels)}
        self.rows = label_sets.rows
        self._series = label_sets.series
        self._satisfying: dict[tuple[Matcher, ...], frozenset[int] | None] = {}
        self._ascending: dict[tuple[Matcher, ...], tuple[int, ...]] = {}
        self._names: dict[tuple[str, tuple[str, ...], bool], TableNames] = {}

    def value(self, row: int, label: str) -> str:
        """A label's value; the empty string where the series has none or it was not asked for."""
        index = self.column.get(label)
        return "" if index is None else self.rows[row][index]

    def values(self, rows: Collection[int], label: str) -> tuple[str, ...]:
        """Distinct values, sorted."""
        index = self.column.get(label)
        if index is not None and len(rows) == 1:
            return (self.rows[next(iter(rows))][index],)
        return ("",) if index is None else tuple(sorted({self.rows[row][index] for row in rows}))

    def several(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Those of the labels that have more than one value, absent ones aside."""
        columns = [(label, index) for label in labels if (index := self.column.get(label)) is not None]
        return tuple(label for label, index in columns if len({row[index] for row in self.rows} - {""}) > 1)

    def holding(self, rows: tuple[int, ...], label: str, values: Collection[str]) -> tuple[int, ...]:
        """Rows whose label has one of the values, the empty string among them where the label is not known."""
        index = self.column.get(label)
        if index is None:
            return rows if "" in values else ()
        every = self.rows
        return tuple([row for row in rows if every[row][index] in values])

    def series_of(self, rows: Collection[int]) -> int:
        """How many series stand behind rows; of a distribution how many label sets, not buckets."""
        le = self.column.get("le")
        if le is None:
            return sum(self._series[row] for row in rows)
        infinite = [self._series[row] for row in rows if self.rows[row][le] in ("+Inf", "Inf", "inf")]
        return sum(infinite) or len(rows)

    def satisfying(self, matchers: tuple[Matcher, ...]) -> frozenset[int] | None:
        """Rows that satisfy constant conditions; None stands for all. Labels that were not asked for do not count."""
        if matchers not in self._satisfying:
            known = [matcher for matcher in matchers if matcher.label in self.column]
            rows = (
                frozenset(
                    row
                    for row in range(len(self.rows))
                    if all(satisfies(matcher, self.value(row, matcher.label)) for matcher in known)
                )
                if known
                else None
            )
            self._satisfying[matchers] = rows
        return self._satisfying[matchers]

    def all_satisfying(self, matchers: tuple[Matcher, ...]) -> tuple[int, ...]:
        """Rows that satisfy constant conditions, ascending."""
        if matchers not in self._ascending:
            allowed = self.satisfying(matchers)
            self._ascending[matchers] = tuple(range(len(self.rows))) if allowed is None else tuple(sorted(allowed))
        return self._ascending[matchers]

    def names(self, label: ChannelLabel) -> TableNames:
        """The index of a channel label, built once."""
        key = (label.label, label.templates, label.of_template)
        if key not in self._names:
            self._names[key] = TableNames(self, label)
        return self._names[key]

    def identified(self, identity: Identity, where: tuple[Matcher, ...]) -> tuple[int, ...]:
        """Rows that carry the labels an identity needs, none that it never has, and satisfy the conditions."""
        needed = [label.label for label in identity.channel if not label.optional]
        if not needed and identity.consumer_group:
            needed = [identity.consumer_group]
        return tuple(
            row
            for row in self.all_satisfying(where)
            if all(self.value(row, label) for label in needed)
            and not any(self.value(row, label) for label in identity.absent)
        )


class TableNames:
    """What a label's values say, templates taken off: whole names, and endings after a colon."""

    def __init__(self, table: LabelTable, label: ChannelLabel) -> None:
        self.exact: dict[str, list[int]] = {}
        self.tails: dict[str, list[int]] = {}
        self.values: dict[str, list[int]] = {}
        self._stems: dict[NameTransform, frozenset[str]] = {}
        index = table.column.get(label.label)
        if index is None:
            return
        for row, values in enumerate(table.rows):
            if values[index]:
                self.values.setdefault(values[index], []).append(row)
        for value, rows in self.values.items():
            for name in unwrapped(value, label):
                self.exact.setdefault(name, []).extend(rows)
                for position, char in enumerate(name):
                    if char == ":":
                        self.tails.setdefault(name[position + 1 :], []).extend(rows)

    def shows(self, texts: Collection[str]) -> bool:
        """Whether a label's value is one of the texts, or ends in one after a colon."""
        return any(text in self.exact or text in self.tails for text in texts)

    def have_letters_of(self, stems: Collection[str], transforms: Sequence[NameTransform]) -> bool:
        """Whether a name may be that of dead letters by a convention, see `stems_of`; False is sure."""
        for transform in transforms:
            if transform not in self._stems:
                shown = (*self.exact, *self.tails)
                self._stems[transform] = stems_of(shown, partial(rewritten, transform=transform))
            if any(rewritten(stem, transform) in self._stems[transform] for stem in stems):
                return True
        return False

    def matching(self, pattern: re.Pattern[str]) -> list[int]:
        """Rows whose name matches a pattern as a whole."""
        return [row for name, rows in self.exact.items() if pattern.fullmatch(name) for row in rows]


def unwrapped(value: str, label: ChannelLabel) -> Iterable[str]:
    """Names that a label's value may hold, the text around them taken off."""
    if label.of_template:
        yield anonymous(value)
        return
    for template in label.templates:
        before, _, after = template.partition("{}")
        if after.endswith(DIGITS):
            stem = value.rstrip("0123456789")
            if stem == value:
                continue
            yield from unwrapped(stem, replace(label, templates=(template.removesuffix(DIGITS),)))
            continue
        inner = len(value) - len(before) - len(after)
        if inner > 0 and value.startswith(before) and value.endswith(after):
            yield value[len(before) : len(before) + inner]


def satisfies(matcher: Matcher, value: str) -> bool:
    """True when a label's value satisfies a condition, as PromQL would say it."""
    if matcher.pattern is not None:
        found = compiled(matcher.pattern).fullmatch(value) is not None
    else:
        found = value in matcher.values
    return found != matcher.negated


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern, compiled once; `.` matches line breaks as in RE2 with Prometheus's flags."""
    return re.compile(pattern, re.DOTALL)


def intersect(rows: Sequence[int], allowed: frozenset[int] | None) -> tuple[int, ...]:
    """Rows, each once and ascending, that are allowed; None allows all."""
    if len(rows) < 2:
        return tuple(rows) if allowed is None or not rows or rows[0] in allowed else ()
    return tuple(sorted([row for row in set(rows) if allowed is None or row in allowed]))
