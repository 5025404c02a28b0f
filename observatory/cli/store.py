"""`observatory store`: what the embedded store holds, and the work of keeping it small."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict, replace

from observatory.cli import console, options
from observatory.cli.columns import table
from observatory.errors import Problem, SourceFailed, UsageError
from observatory.units import format_count, format_duration
from observatory.windows import format_instant

if TYPE_CHECKING:
    from observatory.settings import Settings
    from observatory.sources.store.contents import StoreContents
    from observatory.sources.store.kept_plans import PlanDays
    from observatory.sources.store.upkeep import Pruned

store_app = typer.Typer(no_args_is_help=True, help="The embedded store: what it holds, and keeping it small.")
DAY_MS = 86_400_000
Since = Annotated[
    str, typer.Option("--since", help="How far back days are forgotten: a duration such as 7d, from now or from --at.")
]
At = Annotated[
    str | None, typer.Option("--at", help="The instant to reckon from: RFC 3339 or epoch seconds; else now.")
]


@store_app.command("info")
@console.command
def info(config: options.Config = None, store: options.Store = None, json: options.Json = False) -> None:
    """What a store and the days kept beside it hold, since when, and how long that is kept."""
    from observatory.sources.opening import open_sources
    from observatory.sources.store.kept_plans import plans_in

    settings, path = _chosen(config, store)
    _existing(path)
    with open_sources(replace(settings, prometheus=()), read_only_store=True) as sources:
        assert sources.store is not None
        assert sources.kept is not None
        held = sources.store.contents()
        plans = plans_in(sources.kept.folder)
    size = path.stat().st_size
    if json:
        keeping = asdict(settings.keeping)
        console.answer_json(_info_json(path, size, held, plans) | {"keeping": keeping})
        return
    console.answer(f"{path}: {_bytes(size)}, version {held.version}")
    console.answer(table(("What", "Count", "Of", "From", "To", "Kept for"), _rows(held, plans, settings)))


@store_app.command("prune")
@console.command
def prune(
    config: options.Config = None, store: options.Store = None, at: At = None, json: options.Json = False
) -> None:
    """Remove what is older than `samples`, `spans` and `days` of the settings say; `serve` does so by itself.

    Raw telemetry goes only up to the first day that has not been counted and kept.
    """
    from observatory.sources.opening import kept_beside
    from observatory.sources.store import Store
    from observatory.sources.store.upkeep import prune as prune_store

    settings, path = _chosen(config, store)
    keeping = settings.keeping
    if (keeping.samples_seconds, keeping.spans_seconds, keeping.days_seconds) == (None, None, None):
        raise UsageError(
            "say how long what is kept: `store: {samples: 40d, spans: 14d, days: 800d}` in observatory.yaml"
        )
    now_ms = options.instant(at, round(time.time() * 1000))
    _existing(path)
    with Store.open(path) as opened:
        kept = kept_beside(opened, settings.prometheus)
        assert kept is not None
        done = prune_store(opened, kept, keeping, now_ms)
    if json:
        console.answer_json({"schema": "observatory.store-prune/1", "store": str(path), **_pruned_json(done)})
    else:
        console.answer(_pruned_text(done))


@store_app.command("compact")
@console.command
def compact(config: options.Config = None, store: options.Store = None, json: options.Json = False) -> None:
    """Write the file anew, as small as what it holds; no other process may write to it meanwhile."""
    from observatory.sources.store.compaction import compact as compact_file

    _, path = _chosen(config, store)
    _existing(path)
    before, after = compact_file(path)
    if json:
        console.answer_json(
            {"schema": "observatory.store-compact/1", "store": str(path), "bytes_before": before, "bytes_after": after}
        )
    else:
        console.answer(f"{path}: {_bytes(before)} before, {_bytes(after)} now")


@store_app.command("recount")
@console.command
def recount(
    since: Since,
    config: options.Config = None,
    store: options.Store = None,
    clickhouse: options.ClickHouse = None,
    at: At = None,
    json: options.Json = False,
) -> None:
    """Forget days that were counted and kept, so that the next command counts them anew from telemetry.

    Those beside the store, and those of a shared ledger where one is named. For telemetry that came later than `late`
    of the settings. What a day came to stays for where its telemetry has gone.
    """
    from observatory.sources.opening import kept_folder_of
    from observatory.sources.store.kept_plans import forget

    settings, path = _chosen(config, store, clickhouse)
    after_ms = options.instant(at, round(time.time() * 1000)) - options.look_back_ms(since)
    count = forget(kept_folder_of(path), after_ms=after_ms)
    if settings.clickhouse is not None:
        from observatory.sources.clickhouse import SharedDays

        count += SharedDays(settings.clickhouse).forget(after_ms)
    if json:
        console.answer_json({"schema": "observatory.store-recount/1", "store": str(path), "days": count})
    else:
        days = "1 kept day" if count == 1 else f"{count:,} kept days"
        console.answer(f"{days} since {format_instant(after_ms)} will be counted anew")


def _chosen(config: Path | None, store: Path | None, clickhouse: str | None = None) -> tuple[Settings, Path]:
    from msgspec.structs import replace

    from observatory.settings import load_settings

    settings = load_settings(config, os.environ, store=store, clickhouse_url=clickhouse)
    if settings.store is None:
        raise UsageError("say which store: --store PATH, OBSERVATORY_STORE, or `store` in observatory.yaml")
    return replace(settings, prometheus=()), settings.store


def _existing(path: Path) -> None:
    if not path.exists():
        raise SourceFailed(
            Problem(
                code="store-missing",
                message="there is no such store",
                url=str(path),
                hint="create it: observatory ingest",
            )
        )


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _rows(held: StoreContents, plans: list[PlanDays], settings: Settings) -> list[tuple[str, ...]]:
    keeping = settings.keeping

    def kept(seconds: float | None) -> str:
        return "ever" if seconds is None else format_duration(seconds)

    def instant(at_ms: int | None) -> str:
        return format_instant(at_ms) or "-"

    rows: list[tuple[str, ...]] = [
        (
            "samples",
            format_count(held.samples),
            f"{held.series:,} series",
            instant(held.first_sample_ms),
            instant(held.last_sample_ms),
            kept(keeping.samples_seconds),
        ),
        (
            "spans",
            format_count(held.spans),
            "",
            instant(held.first_span_ms),
            instant(held.last_span_ms),
            kept(keeping.spans_seconds),
        ),
    ]
    for number, plan in enumerate(plans, 1):
        first, last = (format_instant(day * DAY_MS) or "" for day in (plan.days[0], plan.days[-1]))
        what = f"plan {number}, {_bytes(plan.size_bytes)}"
        rows.append(("kept days", f"{len(plan.days):,}", what, first[:10], last[:10], kept(keeping.days_seconds)))
    return rows


def _info_json(path: Path, size: int, held: StoreContents, plans: list[PlanDays]) -> dict[str, Any]:
    return {
        "schema": "observatory.store/1",
        "store": str(path),
        "version": held.version,
        "bytes": size,
        "series": held.series,
        "samples": {
            "count": held.samples,
            "first": format_instant(held.first_sample_ms),
            "last": format_instant(held.last_sample_ms),
            "pruned_until": format_instant(held.samples_pruned_until_ms or None),
        },
        "spans": {
            "count": held.spans,
            "first": format_instant(held.first_span_ms),
            "last": format_instant(held.last_span_ms),
            "pruned_until": format_instant(held.spans_pruned_until_ms or None),
        },
        "kept_days": [
            {
                "plan": plan.folder.name,
                "days": len(plan.days),
                "first": format_instant(plan.days[0] * DAY_MS),
                "last": format_instant(plan.days[-1] * DAY_MS),
                "bytes": plan.size_bytes,
            }
            for plan in plans
        ],
    }


def _pruned_json(done: Pruned) -> dict[str, Any]:
    return {
        "samples": done.samples,
        "spans": done.spans,
        "days": done.days,
        "samples_until": format_instant(done.samples_until_ms),
        "spans_until": format_instant(done.spans_until_ms),
        "days_waiting": done.waiting,
    }


def _pruned_text(done: Pruned) -> str:
    lines = [f"removed {done.samples:,} samples, {done.spans:,} spans, {done.days:,} kept days"]
    if done.waiting:
        days = "1 day is" if done.waiting == 1 else f"{done.waiting} days are"
        lines.append(f"{days} old enough to go, but not counted and kept yet: run observatory status or serve on it")
    return "\n".join(lines)


def register(app: typer.Typer) -> None:
    """Attach the commands."""
    app.add_typer(store_app, name="store")
