"""The monthly SLO review: every objective's month beside the month before, what it adds up to, and what to say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from observatory.errors import UsageError
from observatory.evaluate.estate import Estate
from observatory.evaluate.known_alerts import KnownAlerts
from observatory.evaluate.snapshot import Snapshot
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Policy
from observatory.review.findings import Seen, findings
from observatory.review.journeys import journey_accounts
from observatory.review.months import Month
from observatory.review.reckoning import Books, account, totals, worst_first
from observatory.review.report import Review
from observatory.windows import STEP_MS, TimeRange


def make_review(estate: Estate, month: str, at_ms: int, *, timezone: str | None = None) -> Review:
    """The review of a month, as known at an instant.

    Args:
        month: `2026-10`.
        at_ms: Later samples are not looked at; inside the month the review reaches to the last full minute before it,
            and says so.
        timezone: One clock for all objectives; without it each keeps that of its calendar window, else UTC.

    Raises:
        UsageError: The month or the time zone is written wrongly, or the month has not begun.
    """
    judged = [*estate.objectives, *(one.objective for one in estate.journeys)]
    zones = {timezone} if timezone else {one.window.timezone for one in judged} | {"UTC"}
    try:
        chosen = Month.parse(month)
        span = reach(chosen, zones)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if span.start_ms >= at_ms:
        raise UsageError(f"{chosen.title} has not begun yet")
    # Days and months are whole minutes long: what is counted reaches to the last full one, and is said to.
    at_ms -= at_ms % STEP_MS
    end_ms = min(span.end_ms, at_ms)
    length_ms = end_ms - reach(chosen.before, zones).start_ms
    snapshot = estate.snapshot(end_ms, length_seconds=length_ms / 1000, judged=False)
    alerts = estate.known_alerts(snapshot)
    found = review_of(snapshot, estate.policies, chosen, at_ms, timezone, alerts=alerts)
    alerts.keep()
    return found


def review_of(
    snapshot: Snapshot,
    policies: Mapping[str, Policy],
    month: Month,
    at_ms: int,
    timezone: str | None = None,
    *,
    alerts: KnownAlerts | None = None,
) -> Review:
    """The review from what is known already; pure.

    Args:
        snapshot: Its ledger reaches from the start of the month before to the end of the month, or to `at_ms`. Of
            its status only sources and problems are used.
        alerts: What is known of where policies fired; the review is the same without.
    """
    objectives: Sequence[Objective] = snapshot.objectives
    books = Books(
        ledger=snapshot.ledger,
        measurements=snapshot.measurements,
        policies=policies,
        month=month,
        at_ms=at_ms,
        timezone=timezone,
        planned=snapshot.planned,
        alerts=alerts or KnownAlerts(snapshot.ledger.grid),
    )
    accounts = worst_first([account(books, objective) for objective in objectives])
    estate, by_domain = totals(accounts)
    zones = {one.timezone for one in accounts} or {timezone or "UTC"}
    seen = Seen(estate=estate, domains=by_domain, objectives=accounts, catalog=snapshot.catalog)
    unanswered = [problem for problem in snapshot.status.problems if problem.severity != "info"]
    return Review(
        month=month,
        at_ms=min(at_ms, reach(month, zones).end_ms),
        timezone=timezone,
        complete=at_ms >= reach(month, zones).end_ms,
        dates=tuple(date for date, _ in month.days_in(timezone or "UTC")),
        estate=estate,
        domains=by_domain,
        objectives=accounts,
        journeys=journey_accounts(snapshot, books),
        findings=findings(seen),
        sources=tuple(f"{state.name} ({state.kind})" for state in snapshot.status.sources),
        problems=tuple(dict.fromkeys((*snapshot.ledger.problems, *unanswered))),
    )


def reach(month: Month, zones: Collection[str]) -> TimeRange:
    """From where the month begins first to where it ends last, over several time zones."""
    spans = [month.range_in(zone) for zone in sorted(zones)]
    return TimeRange(min(span.start_ms for span in spans), max(span.end_ms for span in spans))
