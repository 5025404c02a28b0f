"""The PromQL by which raw samples and label sets are read from servers; everything else is computed here, not there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from observatory.compile import promql
from observatory.telemetry.binding import Matcher, SeriesSelector
from observatory.units import compact_duration

_CLASSIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_CLASSIC_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
MEMORY_MS = 12 * 3_600_000
"""How long a server that counts looks back for a counter that is missing: a night without its consumers."""
BELIEVED_TIMES, ALWAYS_BELIEVED = 10, 1_000
"""What a newcomer may have counted: so many times as much as any other one meanwhile, and so much in any case."""
RESOLUTION_MS = 30_000
"""How often native histograms are looked at for what classic series would have shown."""
EDGE_MS = 5 * 60_000
"""What was there as an hour began, or as it ended, was sampled within so much of that."""
_ROUNDED = "0.001"
"""To what counts of buckets are rounded: they are made of shares, whose last digits are noise."""


class NativePart(Struct, frozen=True):
    """Native histograms that stand behind classic series.

    Attributes:
        selector: Of the histograms.
        bounds: Of buckets, for each boundary that all of these histograms have, the texts of its `le`; None of counts.
        others: The `le` of those whose boundaries these histograms lack, or lacked at some time.
    """

    selector: SeriesSelector
    bounds: tuple[tuple[str, ...], ...] | None
    others: tuple[str, ...] = ()


def is_classic(label: str) -> bool:
    """Whether every server takes a label in `by`; others want quotes there, which Prometheus 2 does not parse."""
    return _CLASSIC_LABEL.fullmatch(label) is not None


def series(selector: SeriesSelector) -> str:
    """The selector as text.

    A name with characters beyond the classic ones is written as a condition on `__name__`, which every server parses;
    the quoted form in braces is known to Prometheus 3 only.
    """
    if _CLASSIC_NAME.fullmatch(selector.metric):
        return promql.checked(promql.selector(selector))
    name = Matcher("__name__", (selector.metric,))
    return promql.checked("{" + ",".join(promql.matcher(one) for one in (name, *selector.matchers)) + "}")


def series_with(labels: Mapping[str, str]) -> str:
    """All series, whatever their name, that carry these labels; at least one label must be given."""
    conditions = (promql.matcher(Matcher(name, (value,))) for name, value in sorted(labels.items()))
    return promql.checked("{" + ",".join(conditions) + "}")


def raw_samples(selector: SeriesSelector, length_ms: int) -> str:
    """A range vector: asked at the end of a range, an instant query answers with every raw sample in it."""
    return promql.checked(f"{series(selector)}[{compact_duration(length_ms / 1000)}]")


def sample_count(selector: SeriesSelector, length_ms: int) -> str:
    """How many samples all series have together in the range before each instant."""
    return promql.checked(f"sum(count_over_time({raw_samples(selector, length_ms)}))")


def series_count(selector: SeriesSelector, by: Sequence[str], length_ms: int, native: NativePart | None = None) -> str:
    """How many series with equal labels had a sample in the range before each instant.

    Of a histogram of either kind those count that had a sample as the range began, and once more as it ended: what one
    kind tells and the other does not is there at one of these only, where the kinds change in between.
    """
    if native is None:
        had = f"last_over_time({raw_samples(selector, length_ms)})"
    else:
        edges = (("end", ""), ("begin", f" offset {compact_duration((length_ms - EDGE_MS) / 1000)}"))
        had = " or ".join(
            f'label_replace({_there(selector, native, offset)}, "__edge__", "{edge}", "", "")' for edge, offset in edges
        )
    return promql.checked(f"count by ({promql.grouping(by)}) ({had})")


def _there(selector: SeriesSelector, native: NativePart, offset: str) -> str:
    """Series of either kind that were sampled near the end of a range."""
    of_native = f"last_over_time({raw_samples(native.selector, EDGE_MS)}{offset})"
    shown = [f"last_over_time({raw_samples(selector, EDGE_MS)}{offset})"]
    if native.bounds is None:
        shown.append(of_native)
    for texts in native.bounds or ():
        classic = f"last_over_time({raw_samples(_with_le(selector, texts), EDGE_MS)}{offset})"
        shown.append(f"({_as_bucket(of_native, texts[0])} unless ignoring (le) {classic})")
    return f"({' or '.join(shown)})"


def _either(selector: SeriesSelector, native: NativePart) -> str:
    """Classic series, and what native histograms show where there are none; each boundary written in one way."""
    histograms = series(native.selector)
    if native.bounds is None:
        return f"({series(selector)} * 1) or histogram_count({histograms})"
    shown = [f"({series(_with_le(selector, native.others))} * 1)"] if native.others else []
    for texts in native.bounds:
        bound = format(float(texts[0]), ".17g")
        share = f"histogram_fraction(-Inf, {bound}, {histograms}) * histogram_count({histograms})"
        each = [f"{series(_with_le(selector, [text]))} * 1" for text in texts]
        shown += [_as_bucket(one, texts[0]) for one in (*each, f"round({share}, {_ROUNDED}) >= 0")]
    return " or ".join(shown) or f"({series(selector)} * 1)"


def _as_bucket(shown: str, le: str) -> str:
    return f'label_replace({shown}, "le", {promql.quote(le)}, "", "")'


def _with_le(selector: SeriesSelector, texts: Sequence[str]) -> SeriesSelector:
    without = _without_le(selector)
    return SeriesSelector(without.metric, (*without.matchers, Matcher("le", tuple(texts))))


def _without_le(selector: SeriesSelector) -> SeriesSelector:
    return SeriesSelector(selector.metric, tuple(one for one in selector.matchers if one.label != "le"))


def series_named(names: Sequence[str], matchers: Sequence[Matcher]) -> str:
    """Series of several names, which may hold any character, that satisfy the conditions."""
    conditions = (Matcher("__name__", tuple(names)), *matchers)
    return promql.checked("{" + ",".join(promql.matcher(one) for one in conditions) + "}")


def every_name(matchers: Sequence[Matcher]) -> str:
    """How many series of each name there are at an instant."""
    conditions = (Matcher("__name__", pattern=".+"), *matchers)
    return promql.checked(f"count by (__name__) ({{{','.join(promql.matcher(one) for one in conditions)}}})")


def series_counts(names: Sequence[str], labels: Sequence[str], matchers: Sequence[Matcher]) -> str:
    """How many series there are at an instant, per name and combination of labels."""
    return promql.checked(f"count by ({promql.grouping(('__name__', *labels))}) ({series_named(names, matchers)})")


def label_sets(names: Sequence[str], labels: Sequence[str], matchers: Sequence[Matcher], length_ms: int) -> str:
    """How many series had a sample in the range, per name and combination of labels."""
    found = f"last_over_time({series_named(names, matchers)}[{compact_duration(length_ms / 1000)}])"
    return promql.checked(f"count by ({promql.grouping(('__name__', *labels))}) ({found})")


def increments(selector: SeriesSelector, by: Sequence[str], length_ms: int, native: NativePart | None = None) -> str:
    """Events of counters in a range before each instant, added by labels; counted by the server.

    The last value in the range less the last one before it, which is looked for `MEMORY_MS` back: a counter that was
    missing for a while goes on from where it was. Of one that fell counts what it had come to before, and what it has
    come to since. Where counters began anew in other ways the server's own `increase` counts, which Prometheus
    extrapolates. A counter that was not there while its target was has counted everything since, unless its target
    shows one at the same time that holds more than can be new: then these are old ones, under another name or back
    after long. That a target was there is told by its other counters, and by `up`.

    Args:
        native: Histograms that stand behind the same series, where they have no classic ones.
    """

    def over(range_ms: int) -> str:
        length = compact_duration(range_ms / 1000)
        if native is None:
            return f"{series(selector)}[{length}]"
        return f"({_either(selector, native)})[{length}:{compact_duration(RESOLUTION_MS / 1000)}]"

    length, samples = compact_duration(length_ms / 1000), over(length_ms)
    last, anew = f"last_over_time({samples})", f"resets({samples}) > 0"
    often = f"resets({over(2 * length_ms)}) > 1"
    increase, most = f"increase({samples})", f"max_over_time({samples})"
    before = f"last_over_time({last}[{compact_duration(MEMORY_MS / 1000)}:{length}] offset {length})"
    grown = f"(({last} - {before}) >= 0) unless ({anew})"
    fell = f"(({last} < {before}) + clamp_min({most} - {before}, 0)) unless ({often})"
    newcomer, there = f"({last} unless {before})", f"(({promql.TARGET} offset {length} == 1) or {before})"
    if native is not None and native.bounds is not None:
        # A bucket that begins while its histogram goes on is no birth.
        whole = _without_le(SeriesSelector(selector.metric.removesuffix("_bucket") + "_count", selector.matchers))
        goes_on = f"({_either(whole, replace(native, bounds=None))})[{compact_duration(MEMORY_MS / 1000)}:{length}]"
        newcomer = f"({newcomer} unless ignoring (le) last_over_time({goes_on} offset {length}))"
    believed = f"scalar(clamp_min({BELIEVED_TIMES} * (max({increase}) or vector(0)), {ALWAYS_BELIEVED}))"
    born = f"{newcomer} and on (job, instance) {there} unless on (job, instance) ({newcomer} > {believed})"
    counted = f"({grown}) or ({fell}) or ({born}) or {increase}"
    return promql.checked(f"sum by ({promql.grouping(by)}) ({counted})")
