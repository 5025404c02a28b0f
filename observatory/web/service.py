"""The service behind the pages: a thread that refreshes the snapshot and keeps the last good one.

The clock comes from outside. Nothing here knows a page; `Standing` is what it hands over, one frozen value at a time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import ObservatoryError, Problem, ProblemsError
from observatory.evaluate.carried import carried, failed_sources, without
from observatory.evaluate.comparison import with_before
from observatory.evaluate.lookback import Lookback
from observatory.evaluate.snapshot import Snapshot
from observatory.web.changes import Change, changes_between
from observatory.web.heap import give_back
from observatory.web.memory import Memory
from observatory.windows import STEP_MS

if TYPE_CHECKING:
    from observatory.evaluate.estate import Estate

log = logging.getLogger("observatory.web")
MOST_CHANGES = 200
MOST_ANSWERS = 96
LOOK_AGAIN_SECONDS = 600.0
"""After a source did not answer for the windows before."""


class Observer(Protocol):
    """Who wants to know how refreshing goes; the service's own metrics."""

    def refreshed(self, seconds: float, standing: Standing) -> None:
        """Called after every refresh, good or not."""
        ...


class Standing(Struct, frozen=True, kw_only=True):
    """What is known right now.

    Attributes:
        snapshot: The last good one; None before the first.
        version: Grows with every new snapshot.
        refreshed_ms: When the snapshot was made; None before the first.
        tried_ms: When a refresh was last tried.
        problems: Why the last try failed, or why some numbers are old; empty when all are new.
        oldest_ms: The instant that the oldest of the numbers are for; earlier than the snapshot's while a source that
            measured them is gone. None while there are none.
        changes: What became different between snapshots, newest first.
        memory: Values that panels of this snapshot share.
        answers: What browsers that look at this snapshot share.
    """

    snapshot: Snapshot | None = None
    version: int = 0
    refreshed_ms: int | None = None
    tried_ms: int | None = None
    problems: tuple[Problem, ...] = ()
    oldest_ms: int | None = None
    changes: tuple[Change, ...] = ()
    memory: Memory
    answers: Memory = field(default_factory=lambda: Memory(MOST_ANSWERS))

    @property
    def edition(self) -> float:
        """What pages compare to know whether to draw anew: the version, and a half more while numbers are old."""
        return self.version + (0.5 if self.problems else 0)

    def age_seconds(self, now_ms: int) -> float | None:
        """How old the numbers are: since the instant that the oldest of them are for; None before the first."""
        return max(0.0, (now_ms - self.oldest_ms) / 1000) if self.oldest_ms is not None else None


class Service:
    """Refreshes in the background and answers from memory.

    Args:
        estate: Where snapshots come from.
        clock: Milliseconds since the epoch, now.
        interval_seconds: Between the end of one refresh and the start of the next.
        observer: Told about each refresh.
        steady: Seconds that only ever grow, for durations: the clock of a machine may jump.
    """

    def __init__(
        self,
        estate: Estate,
        *,
        clock: Callable[[], int],
        interval_seconds: float = 30.0,
        observer: Observer | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.warm: Callable[[Standing], None] | None = None
        """Called with a new standing before anybody sees it, to compute what people are looking at."""
        self.estate = estate
        self.clock = clock
        self.interval_seconds = interval_seconds
        self._observer = observer
        self._steady = steady
        self._tried_at: float | None = None
        self._standing = Standing(memory=Memory())
        self._whole: Snapshot | None = None
        """The newest in which every source answered that ever did: whence numbers come when one of them is gone."""
        self._read: Snapshot | None = None
        """What the next refresh goes on from."""
        self._lookback = Lookback(estate)
        self._look_again_at = 0.0
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def standing(self) -> Standing:
        """The current state, never None; safe from any thread."""
        return self._standing

    @property
    def alive(self) -> bool:
        """Whether the refreshing thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def silent_seconds(self) -> float | None:
        """How long ago the last refresh was tried, whatever the clock did since; None before the first."""
        return None if self._tried_at is None else self._steady() - self._tried_at

    def refresh(self) -> Standing:
        """Make one snapshot for the last full minute. A failure keeps the old snapshot and notes why."""
        with self._lock:
            began, self._tried_at = self.clock(), self._steady()
            before = self._standing
            try:
                after = self._renewed(before, began)
            except ProblemsError as error:
                after = replace(before, tried_ms=began, problems=tuple(error.problems))
            except ObservatoryError as error:
                after = replace(before, tried_ms=began, problems=(_failure(str(error)),))
            except Exception as error:
                # A thread that ends silently would leave old numbers on the wall; so it notes the fault and goes on.
                log.exception("a refresh failed")
                after = replace(before, tried_ms=began, problems=(_failure(f"{type(error).__name__}: {error}"),))
            if self.warm and after.version != before.version:
                self._warm(after)
            self._standing = after
            if after.version != before.version:
                give_back()
            if self._observer:
                self._observer.refreshed(self._steady() - self._tried_at, after)
            return after

    def _renewed(self, before: Standing, now_ms: int) -> Standing:
        at_ms = now_ms - now_ms % STEP_MS
        if before.snapshot and before.snapshot.at_ms == at_ms and not before.problems:
            return replace(before, tried_ms=now_ms)
        snapshot = self.estate.snapshot(at_ms, previous=self._read)
        gone = failed_sources(snapshot)
        silent = len(gone) == len(snapshot.status.sources) > 0
        if before.snapshot and silent:
            # Without any source all numbers are unknown; the last known ones serve better, with their age.
            old = before.snapshot
            told = replace(old, status=replace(old.status, sources=snapshot.status.sources))
            return replace(before, snapshot=told, tried_ms=now_ms, problems=_source_problems(snapshot, gone))
        if self._whole is None or gone <= failed_sources(self._whole):
            self._whole = snapshot
        measured = [*snapshot.asked(), *self._whole.asked()]
        if gone or not any(problem.severity == "error" for problem in snapshot.ledger.problems):
            self._read = replace(snapshot, ledger=without(snapshot.ledger, measured, gone))
        # Else single requests failed: what they left out is read again, from where the last whole reading ended.
        shown, is_old = carried(snapshot, self._whole, gone - failed_sources(self._whole))
        found = changes_between(before.snapshot, shown) if before.snapshot else ()
        shown = self._with_before(shown)
        return Standing(
            snapshot=shown,
            version=before.version + 1,
            refreshed_ms=now_ms,
            tried_ms=now_ms,
            problems=_source_problems(snapshot, gone) if is_old or silent else (),
            oldest_ms=self._whole.at_ms if is_old else None if silent else shown.at_ms,
            changes=(*found, *before.changes)[:MOST_CHANGES],
            memory=Memory(),
        )

    def _with_before(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot, and what is known of the windows before its own."""
        told = with_before(snapshot.status.objectives, self._lookback.before(snapshot))
        return replace(snapshot, status=replace(snapshot.status, objectives=told))

    def look_back(self) -> bool:
        """Count a part of the windows before the present ones; False when there is none left to count for now.

        They are shown as soon as all are counted, and after that from one refresh to the next.
        """
        with self._lock:
            standing = self._standing
            snapshot = standing.snapshot
            if snapshot is None or standing.problems or self._steady() < self._look_again_at:
                return False
            try:
                went_on = self._lookback.go_on(snapshot)
            except ObservatoryError as error:
                log.warning("the windows before the present ones could not be counted: %s", error)
                self._look_again_at = self._steady() + LOOK_AGAIN_SECONDS
                return False
            if went_on and _news(snapshot, shown := self._with_before(snapshot)):
                self._standing = replace(
                    standing,
                    snapshot=shown,
                    version=standing.version + 1,
                    memory=Memory(),
                    answers=Memory(MOST_ANSWERS),
                )
            return went_on

    def _warm(self, after: Standing) -> None:
        try:
            assert self.warm is not None
            self.warm(after)
        except Exception:
            # Only a head start: what could not be computed now is computed, or fails visibly, when it is asked for.
            log.exception("values could not be computed ahead")

    def start(self) -> None:
        """Begin to refresh; the first refresh starts at once, in the background."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="observatory-refresh", daemon=True)
            self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """End the thread after the refresh it may be in."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.refresh()
            due = self._steady() + self.interval_seconds
            while not self._stop.is_set() and self._steady() < due and self._looked_back():
                pass
            self._stop.wait(max(0.0, due - self._steady()))

    def _looked_back(self) -> bool:
        try:
            return self.look_back()
        except Exception:
            log.exception("the windows before the present ones could not be counted")
            self._look_again_at = self._steady() + LOOK_AGAIN_SECONDS
            return False


def _news(before: Snapshot, after: Snapshot) -> bool:
    """Whether the window before is known now of an objective of which it was not."""
    pairs = zip(before.status.objectives, after.status.objectives, strict=True)
    return any(new.before is not None and old.before is None for old, new in pairs)


def _failure(message: str) -> Problem:
    return Problem(code="refresh-failed", message=f"the numbers could not be refreshed: {message}")


def _source_problems(snapshot: Snapshot, gone: frozenset[str]) -> tuple[Problem, ...]:
    found = [problem for source in snapshot.status.sources if source.name in gone for problem in source.problems]
    return tuple(found) or (_failure("no source answers"),)
