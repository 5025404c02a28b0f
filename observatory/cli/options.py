"""Options that many commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from observatory.errors import UsageError
from observatory.units import parse_duration
from observatory.windows import STEP_MS, TimeRange, parse_instant

Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="AsyncAPI documents, or folders that hold them; else `documents` in observatory.yaml."),
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file; observatory.yaml where it exists.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
At = Annotated[
    str | None,
    typer.Option("--at", help="The instant to answer for: RFC 3339 or epoch seconds; else the last full minute."),
]
UntilNow = Annotated[
    str | None, typer.Option("--at", help="The instant to look back from: RFC 3339 or epoch seconds; else now.")
]
Prometheus = Annotated[
    str | None,
    typer.Option("--prometheus", help="URL of a Prometheus-compatible server.", envvar="OBSERVATORY_PROMETHEUS_URL"),
]
ClickHouse = Annotated[
    str | None,
    typer.Option(
        "--clickhouse",
        help="URL of a ClickHouse server, the database as its path, where instances share counted days.",
        envvar="OBSERVATORY_CLICKHOUSE_URL",
    ),
]
Store = Annotated[Path | None, typer.Option("--store", help="File of the embedded store.", envvar="OBSERVATORY_STORE")]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", help="'Name: value' or 'Name: @file' sent to the metric server; repeatable."),
]
Since = Annotated[
    str, typer.Option("--since", help="How far back telemetry is looked at: a duration such as 24h or 7d.")
]
Overlay = Annotated[list[Path] | None, typer.Option("--overlay", help="Overlay file; repeatable.")]
Ownership = Annotated[
    list[Path] | None,
    typer.Option(
        "--ownership",
        help="Who owns what: a file or folder of Backstage, EventCatalog, xRegistry or CODEOWNERS; repeatable. "
        "catalog-info.yaml and CODEOWNERS above the documents are found.",
    ),
]

Dashboards = Annotated[
    list[Path] | None,
    typer.Option("--dashboards", help="Folder of your own dashboards, layered over the shipped ones; repeatable."),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Read every document anew, and keep nothing for the next run.")
]


def instant(at: str | None, now_ms: int) -> int:
    """The instant a command answers for; without `--at` the last full minute, which every scrape has reached.

    Raises:
        UsageError: `--at` is not a time.
    """
    if at is None:
        return now_ms - now_ms % STEP_MS
    try:
        return parse_instant(at)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--at: {error}") from None


def looked_at(at: str | None, since: str, now_ms: int) -> TimeRange:
    """The range in which telemetry is looked at. Nothing here waits for a scrape: without `--at` it ends now.

    Raises:
        UsageError: `--at` is not a time, or `--since` not a duration.
    """
    at_ms = now_ms if at is None else instant(at, now_ms)
    return TimeRange(at_ms - look_back_ms(since), at_ms)


def look_back_ms(since: str) -> int:
    """The milliseconds of a `--since`.

    Raises:
        UsageError: It is not a duration, or it is nothing.
    """
    try:
        length_ms = round(parse_duration(since) * 1000)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since: {error}") from None
    if length_ms <= 0:
        raise UsageError(f"--since: {since} is no time to look at")
    return length_ms
