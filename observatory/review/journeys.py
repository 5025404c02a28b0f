"""Journeys in the review: each as one account, with the bounds of its month and what each hop counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.evaluate.composite import Bounds, HopShare
from observatory.evaluate.journeys import JourneyEvidence, journey_row
from observatory.evaluate.reckoning import steps_of
from observatory.evaluate.snapshot import Snapshot
from observatory.indicators.counts import Counts
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.objectives.journeys import Hop, JourneyObjective
from observatory.review.account import ObjectiveAccount, counts_json, is_known
from observatory.review.reckoning import Books, account
from observatory.windows import TimeRange


class HopAccount(Struct, frozen=True, kw_only=True):
    """One hop in one month."""

    hop: Hop
    counts: Counts | None
    share: HopShare | None

    def to_json(self) -> dict[str, Any]:
        """The entry of `steps`."""
        return {
            "operation_key": self.hop.objective.operation_key,
            "sli": self.hop.objective.sli,
            "optional": self.hop.optional,
            **counts_json(self.counts),
            "events_per_journey": self.share.events_per_journey if self.share else None,
            "unarrived": self.share.unarrived if self.share else None,
        }


class JourneyAccount(Struct, frozen=True, kw_only=True):
    """One journey in one month.

    Attributes:
        account: The journey as an objective.
        bounds: Good journeys at least and at most; None without counts.
        assumption: What the numbers rest on; None without counts.
    """

    account: ObjectiveAccount
    hops: tuple[HopAccount, ...]
    bounds: Bounds | None
    assumption: str | None

    def to_json(self) -> dict[str, Any]:
        """The entry of `journeys`."""
        one = self.account.to_json()
        own = ("id", "target", "owner", "domain", "criticality", "timezone", "start", "end", "verdict", "good", "total")
        more = ("ratio", "coverage", "counting", "budget", "incidents", "before", "days")
        return {
            **{key: one[key] for key in (*own, *more)},
            "bounds": [self.bounds.least, self.bounds.most] if self.bounds else None,
            "assumption": self.assumption,
            "steps": [hop.to_json() for hop in self.hops],
        }


def journey_accounts(snapshot: Snapshot, books: Books) -> tuple[JourneyAccount, ...]:
    """Every journey's month, sorted by id."""
    return tuple(_account(journey, snapshot, books) for journey in snapshot.journeys)


def _account(journey: JourneyObjective, snapshot: Snapshot, books: Books) -> JourneyAccount:
    grid, rows = books.ledger.grid, books.ledger.rows
    span = books.month.range_in(books.zone_of(journey.objective))
    part = steps_of(grid, TimeRange(min(span.start_ms, books.at_ms), min(span.end_ms, books.at_ms)))
    measured = snapshot.hops[journey.id]
    of_hops = tuple(rows.get(one.key) if isinstance(one, Measurement) else None for one in measured)
    evidence = JourneyEvidence(
        measured=measured,
        rows=of_hops,
        failed=(False,) * len(measured),
        traced=snapshot.traced.journeys.get(journey.id),
    )
    found = journey_row(journey, evidence, grid, part)
    counts = [_counts(books, one, span) for one in measured]
    if found is not None and found.composite is not None and not all(map(is_known, counts)):
        # As in the status: where nothing is known of a hop, nothing is of the journey.
        found = None
    first = next((one for one in measured if isinstance(one, Measurement)), None)
    ledger, measurements = books.ledger, dict(books.measurements)
    if first is not None:
        key = f"journey:{journey.id}"
        measurements[journey.id] = replace(first, key=key)
        ledger = _with_row(ledger, key, found.row if found else None)
    one = account(replace(books, ledger=ledger, measurements=measurements), journey.objective)
    known = found is not None and one.counts is not None
    shares: Mapping[int, HopShare] = dict(enumerate(found.hops)) if found else {}
    return JourneyAccount(
        account=one,
        hops=tuple(
            HopAccount(hop=hop, counts=of_hop, share=shares.get(number))
            for number, (hop, of_hop) in enumerate(zip(journey.hops, counts, strict=True))
        ),
        bounds=found.bounds(part, books.planned.get(journey.id)) if found is not None and known else None,
        assumption=found.assumption if found is not None and known else None,
    )


def _with_row(ledger: Ledger, key: str, row: Row | None) -> Ledger:
    return ledger.with_rows({key: row}) if row is not None else ledger


def _counts(books: Books, measured: object, span: TimeRange) -> Counts | None:
    if not isinstance(measured, Measurement) or measured.key not in books.ledger.rows or span.start_ms >= books.at_ms:
        return None
    found = books.ledger.counts(measured.key, TimeRange(span.start_ms, min(span.end_ms, books.at_ms)))
    return found if is_known(found) else None
