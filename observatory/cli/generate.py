"""`observatory generate`: files for other systems, from the documents and from what really measures them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.cli.generate_grafana import grafana
from observatory.cli.generated_files import Check, Folder, Found, Made, generate

if TYPE_CHECKING:
    from observatory.evaluate.estate import Estate

app = typer.Typer(no_args_is_help=True, help="Files for other systems.")
app.command("grafana")(grafana)


@app.command("rules")
@console.command
@choosing("observatory generate rules PATH... -o DIR", needs_telemetry=False)
def rules(
    choose: Choose,
    output: Folder,
    at: options.At = None,
    check: Check = False,
    json: options.Json = False,
) -> None:
    """Recording rules, burn-rate alerts and their promtool tests, one pair of files per document.

    With a source the rules read the series that are really there; without one, those that the profiles promise.
    Exit codes: 0 fine, 1 --check found a difference, 3 documents have errors, 4 a source did not answer, 5 a source
    answered in part. Nothing is written with 3 or 4.
    """
    from observatory.rules.generate import ENDINGS, rule_files

    chosen, at_ms = choose(), options.instant(at, round(time.time() * 1000))

    def make(estate: Estate, found: Found) -> Made:
        made = rule_files(
            estate.objectives,
            found.measurements,
            estate.policies,
            paths={document.name: document.path for document in estate.catalog.documents},
            reasons=found.reasons,
            exclusions=chosen.exclusions,
            at_ms=at_ms,
            seconds_apart=found.seconds_apart,
        )
        return made.files, made.problems

    generate(chosen, at_ms, make, output, ENDINGS, check=check, json=json, asks_distances=True)


@app.command("openslo")
@console.command
@choosing("observatory generate openslo PATH... -o DIR", needs_telemetry=False)
def openslo(
    choose: Choose,
    output: Folder,
    at: options.At = None,
    check: Check = False,
    json: options.Json = False,
) -> None:
    """OpenSLO v1: a service and its SLOs with the queries that count them, one file per document.

    With a source the queries read the series that are really there; without one, those that the profiles promise.
    Exit codes: 0 fine, 1 --check found a difference, 3 documents have errors, 4 a source did not answer, 5 a source
    answered in part. Nothing is written with 3 or 4.
    """
    from observatory.export.openslo import ENDINGS, openslo_files

    chosen = choose()

    def make(estate: Estate, found: Found) -> Made:
        made = openslo_files(estate.objectives, found.measurements, estate.catalog.documents, reasons=found.reasons)
        return made.files, made.problems

    generate(chosen, options.instant(at, round(time.time() * 1000)), make, output, ENDINGS, check=check, json=json)


def register(parent: typer.Typer) -> None:
    """Attach the group of commands."""
    parent.add_typer(app, name="generate")
