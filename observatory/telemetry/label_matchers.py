"""Rows and matchers of one label: which rows show a name, and the condition that selects them again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from observatory.telemetry.binding import Matcher, literal
from observatory.telemetry.label_table import DIGITS, LabelTable, TableNames, anonymous, compiled, rewritten
from observatory.telemetry.recipe import ChannelLabel, NameTransform
from observatory.telemetry.subject import WrittenName


def names_service(value: str, service: str) -> bool:
    """True for the service's name, alone or after its namespace as Prometheus writes the job of OTLP metrics."""
    return bool(service) and (value == service or value.endswith("/" + service))


def transformed(text: str, transforms: Sequence[NameTransform]) -> list[str]:
    """A name as exporters change it, one text per way."""
    return [rewritten(text, transform) for transform in transforms]


def rows_named(names: TableNames, label: ChannelLabel, options: Sequence[WrittenName]) -> Sequence[int]:
    """Rows whose label, indexed as `names`, shows one of the options."""
    if len(options) == 1 and label.is_plain and not options[0].tail and options[0].pattern is None:
        return names.exact.get(options[0].text, ())
    rows: list[int] = []
    for option in options:
        if label.of_template:
            rows += names.exact.get(anonymous(option.text), ())
        elif option.pattern is not None:
            pattern = f"(?:.*:)?(?:{option.pattern})" if option.tail else option.pattern
            rows += names.matching(compiled(pattern))
        else:
            texts = ways_written(option.text, label.transforms)
            rows += next(filter(None, (_rows_of(names, text, option) for text in texts)), [])
    return rows


def _rows_of(names: TableNames, text: str, option: WrittenName) -> list[int]:
    return [*names.exact.get(text, ()), *(names.tails.get(text, ()) if option.tail else ())]


def ways_written(text: str, transforms: Sequence[NameTransform]) -> list[str]:
    """Ways in which exporters may write an exact name, the first that is there being the one that counts."""
    return list(dict.fromkeys(transformed(text, transforms)))


def observed_matcher(
    label: ChannelLabel,
    options: Sequence[WrittenName],
    rows: Mapping[str, tuple[int, ...]],
    tables: Mapping[str, LabelTable],
) -> Matcher:
    """Exactly the values that were seen; for parameterised addresses the pattern, so that new ones count too."""
    if not label.of_template and any(option.pattern is not None for option in options):
        return expected_matcher(label, options)
    seen = {value for name, kept in rows.items() for value in tables[name].values(kept, label.label)}
    return Matcher(label.label, tuple(sorted(seen)))


def expected_matcher(label: ChannelLabel, options: Sequence[WrittenName]) -> Matcher:
    """What the label is expected to hold, where nothing was seen."""
    patterned = [option for option in options if option.pattern is not None]
    numbered = any(template.endswith(DIGITS) for template in label.templates)
    if (patterned or numbered) and not label.of_template:
        alternatives = [
            literal(before) + (f"(?:{pattern})" if after or before else pattern) + _literal_after(after)
            for pattern in (
                [str(option.pattern) for option in patterned] or [literal(option.text) for option in options]
            )
            for before, _, after in (template.partition("{}") for template in label.templates)
        ]
        distinct = list(dict.fromkeys(alternatives))
        return Matcher(label.label, pattern=distinct[0] if len(distinct) == 1 else "|".join(distinct))
    values = [
        template.replace("{}", text)
        for option in options
        for text in ((option.text,) if label.of_template else transformed(option.text, label.transforms))
        for template in label.templates
    ]
    return Matcher(label.label, tuple(dict.fromkeys(values)))


def _literal_after(text: str) -> str:
    return literal(text.removesuffix(DIGITS)) + "[0-9]+" if text.endswith(DIGITS) else literal(text)


def keep(
    rows: Mapping[str, tuple[int, ...]], tables: Mapping[str, LabelTable], label: str, values: Collection[str]
) -> dict[str, tuple[int, ...]]:
    """Rows whose label has one of the values; the empty string stands for an absent label."""
    return {name: tables[name].holding(kept, label, values) for name, kept in rows.items()}


def drop(
    rows: Mapping[str, tuple[int, ...]], tables: Mapping[str, LabelTable], label: str, values: Collection[str]
) -> dict[str, tuple[int, ...]]:
    """Rows whose label has none of the values."""
    return {
        name: tuple(row for row in kept if tables[name].value(row, label) not in values) for name, kept in rows.items()
    }


@lru_cache(maxsize=4096)
def _bound(text: str) -> float | None:
    """A finite bound; None for infinity and for what is no number."""
    try:
        bound = float(text)
    except ValueError:
        return None
    return bound if bound != float("inf") else None


def boundaries(tables: Mapping[str, LabelTable], rows: Mapping[str, tuple[int, ...]]) -> tuple[tuple[float, str], ...]:
    """Finite bounds that every label set has, ascending, with one of the texts that write them."""
    shared: dict[float, str] | None = None
    for name, kept in rows.items():
        table = tables[name]
        le = table.column.get("le")
        if le is None:
            continue
        per_set: dict[tuple[str, ...], dict[float, str]] = {}
        for row in kept:
            values = table.rows[row]
            bound = _bound(values[le])
            if bound is not None:
                per_set.setdefault(values[:le] + values[le + 1 :], {})[bound] = values[le]
        for bounds in per_set.values():
            shared = bounds if shared is None else {bound: shared[bound] for bound in shared if bound in bounds}
    return tuple(sorted((shared or {}).items()))
