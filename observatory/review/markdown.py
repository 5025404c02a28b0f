"""The review as Markdown: the same numbers as tables, for a wiki or a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from observatory import __version__
from observatory.review.report import Review
from observatory.review.rows import (
    GLYPHS,
    assumptions,
    counted,
    domain_cells,
    incident_rows,
    journey_cells,
    objective_cells,
    planned_rows,
    tiles,
    zone_words,
)
from observatory.windows import format_instant

_ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~!"})


def markdown(review: Review) -> str:
    """The whole document."""
    parts = [f"# SLO review, {review.month.title}", plain(counted(review))]
    parts.append(
        _table(
            ("", "This month", "Before"),
            ((tile.name, f"{tile.value} {tile.of}".strip(), tile.than) for tile in tiles(review)),
        )
    )
    parts.append("## Summary")
    parts.append(
        "\n".join(
            f"- {GLYPHS[one.tone]} {plain(one.sentence)}{' ' + plain(one.action) if one.action else ''} ({one.rule})"
            for one in review.findings
        )
    )
    if review.domains:
        rows = [domain_cells(one) for one in review.domains]
        parts += [
            "## By domain",
            _table(
                ("Domain", "Kept", "Availability", "Before", "Budget left", "Incidents (before)"),
                ((one.name, one.kept, one.availability, one.before, one.left, one.incidents) for one in rows),
            ),
        ]
    cells = [objective_cells(one) for one in review.objectives]
    parts += [
        "## Objectives",
        _table(
            ("Channel", "Objective", "Result", "Target", "Achieved", "Good", "Total", "Coverage", "Spent", "Incidents"),
            (
                (
                    one.channel,
                    one.what,
                    f"{one.glyph} {one.result}",
                    one.target,
                    f"{one.achieved} ({one.achieved_before})",
                    one.good,
                    one.total.removeprefix("of "),
                    one.coverage,
                    f"{one.spent} ({one.spent_before} before)",
                    f"{one.incidents} ({one.incidents_before})",
                )
                for one in cells
            ),
        ),
    ]
    if review.journeys:
        parts += [
            "## Journeys",
            _table(
                ("Journey", "Hops", "Result", "Target", "Good", "Between", "Counted", "Spent", "Left", "Incidents"),
                (
                    (
                        one.name,
                        one.hops,
                        f"{one.glyph} {one.result}",
                        one.target,
                        one.good,
                        one.bounds,
                        one.counted,
                        one.spent,
                        one.left,
                        one.incidents,
                    )
                    for one in map(journey_cells, review.journeys)
                ),
            ),
            *(plain(f"Journeys: {text}.") for text in assumptions(review)),
        ]
    incidents = incident_rows(review)
    if incidents:
        parts += [
            f"## Incidents ({zone_words(review)})",
            _table(
                ("Began", "Lasted", "Severity", "Channel", "Objective", "Peak burn", "Bad events", "Owner"),
                (
                    (one.began, one.lasted, one.severity, one.channel, one.what, one.peak, one.bad, one.owner)
                    for one in incidents
                ),
            ),
        ]
    planned = planned_rows(review)
    if planned:
        parts += [
            f"## Planned work ({zone_words(review)})",
            _table(
                (
                    "Work",
                    "Approved by",
                    "When",
                    "Channel",
                    "Objective",
                    "Counted",
                    "Left, with exclusion",
                    "Left, all counted",
                ),
                (
                    (
                        one.reason,
                        one.approver,
                        one.when,
                        one.channel,
                        one.what,
                        one.counted,
                        one.left_with,
                        one.left_without,
                    )
                    for one in planned
                ),
            ),
        ]
    parts.append(f"Made by observatory {__version__} for {format_instant(review.at_ms)}.")
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Text that Markdown shows as it is: its own marks escaped, line breaks made spaces."""
    return " ".join(text.split()).translate(_ESCAPED)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), "|" + " --- |" * len(head)]
    return "\n".join(lines + [_row(row) for row in rows])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"
