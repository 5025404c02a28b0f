"""From a binding to the exact series that answer an expression: outcome terms, histogram parts, bucket boundaries."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from observatory.indicators.expression import Outcome
from observatory.telemetry.binding import Matcher, MetricBinding, SeriesSelector, Term, bucket_of

_SAME = 1e-9


class AtMost(Struct, frozen=True, kw_only=True):
    """Series that count events at or under a bound.

    Attributes:
        lower: Terms of the widest bucket that lies wholly under the bound; empty when no bucket does.
        upper: Terms of the narrowest bucket that covers the bound; empty when only the total does.
        lower_bound, upper_bound: Their boundaries in the signal's base unit; None where there is no bucket.
        exact: The bound is a boundary: `lower` is the answer.
    """

    lower: tuple[Term, ...]
    upper: tuple[Term, ...]
    lower_bound: float | None
    upper_bound: float | None
    exact: bool


def outcome_terms(binding: MetricBinding, outcome: Outcome | None) -> tuple[Term, ...]:
    """Signed series selectors for all events, the good or the bad ones; empty when the exporter does not tell.

    What is not exported directly is derived: all is success and error together, success is all without error.
    Of a distribution the `_count` series are named.
    """
    match outcome:
        case None:
            terms = binding.all or (binding.success + binding.error if binding.success and binding.error else ())
        case "success":
            terms = binding.success or (binding.all + _negated(binding.error) if binding.all and binding.error else ())
        case "error":
            terms = binding.error or (
                binding.all + _negated(binding.success) if binding.all and binding.success else ()
            )
    if binding.kind == "distribution":
        return tuple(replace(term, selector=bucket_of(term.selector, "_count")) for term in terms)
    return terms


def at_most(binding: MetricBinding, bound: float) -> AtMost:
    """The buckets around a bound given in the signal's base unit.

    Boundaries that differ only in how `le` is written ("1" and "1.0") are one boundary. Bounds equal to within one
    part in 10^9 are the same, so that milliseconds scaled to seconds still meet their boundary.
    """
    texts: dict[float, list[str]] = {}
    for value, text in sorted(binding.boundaries):
        if value != float("inf"):
            texts.setdefault(value * binding.scale, []).append(text)

    def terms(value: float | None) -> tuple[Term, ...]:
        if value is None:
            return ()
        le = Matcher("le", tuple(dict.fromkeys(texts[value])))
        return tuple(replace(term, selector=_with(bucket_of(term.selector, "_bucket"), le)) for term in binding.all)

    exact = next((value for value in texts if abs(value - bound) <= _SAME * max(abs(value), abs(bound))), None)
    if exact is not None:
        return AtMost(lower=terms(exact), upper=terms(exact), lower_bound=exact, upper_bound=exact, exact=True)
    below = max((value for value in texts if value < bound), default=None)
    above = min((value for value in texts if value > bound), default=None)
    return AtMost(lower=terms(below), upper=terms(above), lower_bound=below, upper_bound=above, exact=False)


def bucket_terms(binding: MetricBinding) -> tuple[Term, ...]:
    """Every bucket of a distribution, for quantiles."""
    return tuple(replace(term, selector=bucket_of(term.selector, "_bucket")) for term in binding.all)


def _with(selector: SeriesSelector, matcher: Matcher) -> SeriesSelector:
    return SeriesSelector(selector.metric, (*selector.matchers, matcher))


def _negated(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(Term(-1 if term.sign == 1 else 1, term.selector) for term in terms)
