"""The binding that follows from what a recipe found for a subject."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.telemetry.binding import Liveness, Matcher, MetricBinding, SeriesSelector, Term
from observatory.telemetry.label_matchers import boundaries
from observatory.telemetry.narrowing import Found
from observatory.telemetry.plan import Plan
from observatory.telemetry.recipe import MetricTerm


def metric_binding(source: str, plan: Plan, found: Found, liveness: Liveness) -> MetricBinding:
    """The series that a plan found, or would look for where there are none.

    Where one outcome lacks a metric, it is all events without the other outcome.
    """
    recipe = plan.recipe
    live = liveness == "live"
    matchers, period_ms = tuple(found.matchers), recipe.period_ms
    if plan.single is not None:
        everything: tuple[Term, ...] = (
            Term(plan.single.sign, SeriesSelector(plan.single.metric, matchers, period_ms)),
        )
    else:
        everything = _terms(plan.there if live else recipe.all, matchers, period_ms)
    success = _terms(plan.success, matchers, period_ms) if plan.success else ()
    error = _terms(plan.error, matchers, period_ms) if plan.error else ()
    if error and not success:
        success = (*everything, *_negated(error))
    elif success and not error:
        error = (*everything, *_negated(success))
    reason = plan.reasons[liveness]
    tables = plan.tables
    return MetricBinding(
        signal=recipe.signal,
        source=source,
        profile=recipe.profile,
        variant=recipe.variant,
        kind=recipe.kind,
        all=everything,
        success=success,
        error=error,
        scale=recipe.scale,
        boundaries=boundaries(tables, found.rows) if live and recipe.kind == "distribution" else (),
        partition_label=recipe.identity.partition,
        invalid_below=recipe.invalid_below,
        proxy=recipe.proxy,
        liveness=liveness,
        series=sum([tables[name].series_of(rows) for name, rows in found.rows.items()]) if live else 0,
        reason=f"{reason}; {', '.join(found.notes)}" if found.notes else reason,
        caveats=(*recipe.caveats, *found.caveats) if found.caveats else recipe.caveats,
        discovered_group=found.discovered,
    )


def _terms(terms: Sequence[MetricTerm], matchers: tuple[Matcher, ...], period_ms: int) -> tuple[Term, ...]:
    return tuple(
        [
            Term(
                term.sign,
                SeriesSelector(term.metric, (*matchers, *term.where) if term.where else matchers, period_ms),
            )
            for term in terms
        ]
    )


def _negated(terms: Sequence[Term]) -> tuple[Term, ...]:
    return tuple(Term(-1 if term.sign == 1 else 1, term.selector) for term in terms)
