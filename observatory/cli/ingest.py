"""`observatory ingest`: files of telemetry into the embedded store."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.errors import ExitCode, InputInvalid, Problem, UsageError
from observatory.location import Location
from observatory.windows import parse_instant

if TYPE_CHECKING:
    from observatory.sources.ingestion import Ingested
    from observatory.sources.store import Store

Files = Annotated[
    list[Path],
    typer.Argument(
        help="OTLP traces or metrics (JSON, JSON lines, protobuf), OpenMetrics, JUnit, Microcks results; - is stdin."
    ),
]
SampleTime = Annotated[
    str | None,
    typer.Option("--at", help="Time of samples that carry none: RFC 3339 or epoch seconds."),
]


@console.command
def ingest(
    files: Files,
    config: options.Config = None,
    store: options.Store = None,
    at: SampleTime = None,
    json: options.Json = False,
) -> None:
    """Keep telemetry from files in the embedded store; each file as a whole or not at all, repeats do no harm."""
    from observatory.settings import load_settings

    place = load_settings(config, os.environ, store=store).store
    if place is None:
        raise UsageError("say where to keep it: --store PATH, OBSERVATORY_STORE, or `store` in observatory.yaml")
    try:
        default_ms = None if at is None else parse_instant(at)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--at: {error}") from None

    from observatory.sources.store import Store

    done: list[Ingested] = []
    problems: list[Problem] = []
    is_new = not place.exists()
    with Store.open(place) as target:
        for path in files:
            try:
                one = _one(target, path, default_ms)
            except InputInvalid as error:
                problems += error.problems
            else:
                done.append(one)
                problems += one.problems
                if not json:
                    console.answer(_line(one))
    if is_new and not done:
        # A store that holds nothing would read as one in which nothing happened.
        place.unlink(missing_ok=True)
    if json:
        console.answer_json(
            {
                "schema": "observatory.ingest/1",
                "store": str(place),
                "files": [one.to_json() for one in done],
                "problems": [problem.to_json() for problem in problems],
            }
        )
    console.finish(console.report(problems) if problems else ExitCode.FINE)


def _one(target: Store, path: Path, default_ms: int | None) -> Ingested:
    from observatory.sources.ingestion import ingest as ingest_stream

    if str(path) == "-":
        return ingest_stream(target, sys.stdin.buffer, "<stdin>", default_ms=default_ms)
    try:
        with path.open("rb") as stream:
            return ingest_stream(target, stream, str(path), default_ms=default_ms)
    except FileNotFoundError as error:
        raise InputInvalid(
            Problem(code="file-missing", message=f"there is no file {path}", location=Location(str(path)))
        ) from error
    except OSError as error:
        raise InputInvalid(
            Problem(
                code="file-unreadable",
                message=f"{path} cannot be read: {error.strerror or error}",
                location=Location(str(path)),
            )
        ) from error


def _line(one: Ingested) -> str:
    samples = f"{one.samples:,} samples, {one.new_samples:,} new"
    spans = f"{one.spans:,} spans, {one.new_spans:,} new"
    if one.samples and one.spans:
        return f"{one.path}: {spans}; {samples} ({one.format})"
    of_samples = one.samples or one.format in ("openmetrics", "junit", "microcks")
    return f"{one.path}: {samples if of_samples else spans} ({one.format})"


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command("ingest")(ingest)
