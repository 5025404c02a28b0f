"""Upkeep: what has been kept for long enough goes, and the file stays tidy. By hand, and by itself in `serve`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType

from msgspec import Struct

from observatory.errors import SourceFailed
from observatory.settings import KeepingSettings
from observatory.sources.store.kept_days import ALERTS_SUFFIX, ROWS_SUFFIX, KeptFolder, alerts_of, history_of
from observatory.sources.store.kept_plans import DAY_MS, dispensable_until_ms, forget, plans_in
from observatory.sources.store.store import Store

log = logging.getLogger("observatory.store")
FIRST_SECONDS = 60.0
EVERY_SECONDS = 3600.0
AHEAD_MS = 8 * DAY_MS
"""A clock that is farther ahead of the newest day that was kept is wrong, and what it would remove could not be counted
again."""


class Pruned(Struct, frozen=True, kw_only=True):
    """What one pass removed, and what it would have removed but for days that are not kept yet.

    Attributes:
        samples, spans, days: How many went.
        samples_until_ms, spans_until_ms: Everything before went; None where nothing was to go.
        waiting: Days whose raw telemetry is old enough and stays, because they have not been counted and kept.
    """

    samples: int = 0
    spans: int = 0
    days: int = 0
    samples_until_ms: int | None = None
    spans_until_ms: int | None = None
    waiting: int = 0


def prune(store: Store, kept: KeptFolder, keeping: KeepingSettings, now_ms: int) -> Pruned:
    """Remove what is older than it has to be kept: raw telemetry of days that are kept, and kept days.

    Raises:
        SourceFailed: The store could not be written; nothing was removed from it.
    """
    wanted = {
        "samples": _midnight(keeping.samples_seconds, now_ms),
        "spans": _midnight(keeping.spans_seconds, now_ms),
    }
    until: dict[str, int | None] = {"samples": None, "spans": None}
    waiting = 0
    oldest_ms = store.oldest_ms()
    for what, wanted_ms in wanted.items():
        if wanted_ms is None or oldest_ms is None or oldest_ms >= wanted_ms:
            continue
        free_ms = dispensable_until_ms(plans_in(kept.folder), store.writes(), wanted_ms, oldest_ms)
        waiting = max(waiting, (wanted_ms - max(free_ms, oldest_ms // DAY_MS * DAY_MS)) // DAY_MS)
        until[what] = free_ms or None
    samples, spans = store.prune(until["samples"], until["spans"])
    days_ms, days = _midnight(keeping.days_seconds, min(now_ms, _newest_ms(kept) + AHEAD_MS)), 0
    if days_ms is not None:
        days = forget(kept.folder, before_ms=days_ms)
        forget(history_of(kept.folder), before_ms=days_ms, suffix=ROWS_SUFFIX)
        forget(alerts_of(kept.folder), before_ms=days_ms, suffix=ALERTS_SUFFIX)
    return Pruned(
        samples=samples,
        spans=spans,
        days=days,
        samples_until_ms=until["samples"],
        spans_until_ms=until["spans"],
        waiting=waiting,
    )


def _newest_ms(kept: KeptFolder) -> int:
    """The end of the newest day that was kept; 0 without any."""
    plans = (*plans_in(kept.folder), *plans_in(history_of(kept.folder), ROWS_SUFFIX))
    return max(((plan.days[-1] + 1) * DAY_MS for plan in plans), default=0)


def _midnight(seconds: float | None, now_ms: int) -> int | None:
    """The last midnight that is so long ago."""
    return None if seconds is None else (now_ms - round(seconds * 1000)) // DAY_MS * DAY_MS


class Upkeep:
    """A thread that prunes once an hour, while the block it stands around lasts."""

    def __init__(
        self, store: Store | None, kept: KeptFolder | None, keeping: KeepingSettings, clock: Callable[[], int]
    ) -> None:
        self._stop = Event()
        self._thread: Thread | None = None
        limited = (keeping.samples_seconds, keeping.spans_seconds, keeping.days_seconds) != (None, None, None)
        if store is not None and kept is not None and limited:
            self._thread = Thread(
                target=self._run, args=(store, kept, keeping, clock), name="observatory-upkeep", daemon=True
            )

    def _run(self, store: Store, kept: KeptFolder, keeping: KeepingSettings, clock: Callable[[], int]) -> None:
        wait = FIRST_SECONDS
        while not self._stop.wait(wait):
            wait = EVERY_SECONDS
            try:
                done = prune(store, kept, keeping, clock())
            except SourceFailed as error:
                log.warning("what is old enough could not be removed: %s", error.problems[0].message)
            else:
                if done.samples or done.spans or done.days:
                    log.info("removed %d samples, %d spans, %d kept days", done.samples, done.spans, done.days)

    def __enter__(self) -> Upkeep:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
