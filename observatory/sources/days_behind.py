"""A keeper that works behind its caller: days are counted on while those before them are written and on their way to
the disk, which takes longer than half of the counting.

What it says of itself waits for what it was given: a day that is being kept is read once it is there, and `problems`
once all of them are. So numbers, and what is told of the keeping, are those of the keeper inside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

from observatory.errors import Problem
from observatory.sources.base import Join, Record
from observatory.sources.layered_days import Days, History, Records, Shelf
from observatory.windows import TimeRange

MOST_WAITING_BYTES = 64 << 20
"""Of records that wait or are being kept: one of a thousand objectives is some megabytes, or tens of them."""


WORKERS = 4
"""Threads of a plan: most of the time that a record takes is the disk's, which is as quick with several at once."""


class DaysBehind:
    """A shelf whose records are kept by threads of their own: those of one day in the order they come in."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lines: list[_Line] = []

    def days(self, plan: str, step_ms: int) -> PlanBehind:
        """Records of a plan, as of now."""
        return PlanBehind(self._shelf.days(plan, step_ms), *self._line())

    def history(self, step_ms: int, join: Join) -> HistoryBehind:
        """Records that hold for every plan."""
        return HistoryBehind(self._shelf.history(step_ms, join), *self._line())

    def alerts(self, plan: str, step_ms: int) -> PlanBehind:
        """Records that say themselves what they follow from."""
        return PlanBehind(self._shelf.alerts(plan, step_ms), *self._line())

    def _line(self) -> tuple[_Line, Sequence[_Line]]:
        line = _Line()
        self._lines[:] = [one for one in self._lines if one.is_waiting] + [line]
        return line, self._lines


H = TypeVar("H", bound=Records)


class _Behind(Generic[H]):
    """Records, some of them on their way."""

    def __init__(self, days: H, line: _Line, lines: Sequence[_Line]) -> None:
        self._days = days
        self._line = line
        self._lines = lines
        self._last: dict[int, Future[None]] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those of the keeper inside, once everything that was given to it is kept."""
        for line in (self._line, *self._lines):
            line.wait_for_all()
        return self._days.problems

    def load(self, day: int) -> Record | None:
        """The record of a day as it was kept last."""
        if (under_way := self._last.get(day)) is not None:
            under_way.result()
        return self._days.load(day)

    def _soon(self, day: int, record: Record, keep: Callable[[], None]) -> None:
        size = sum(one.nbytes for part in (record.floats, record.ints, record.small) for one in part.values())
        earlier = self._last.get(day)

        def work() -> None:
            if earlier is not None:
                # It came in before, so a thread has it in hand or has done it.
                earlier.result()
            keep()

        self._last[day] = self._line.add(work, size)


class PlanBehind(_Behind[Days]):
    """Records of one plan."""

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record soon; the arrays in it must not change any more."""
        self._soon(day, record, lambda: self._days.keep(day, record, read))

    def note(self, days: Iterable[int]) -> None:
        """That what these days came to has been noted in the history."""
        self._days.note(days)

    def unnoted(self, days: Iterable[int]) -> set[int]:
        """Those of some days of which that is not known."""
        return self._days.unnoted(days)


class HistoryBehind(_Behind[History]):
    """Records that hold for every plan."""

    def add(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record soon, joined with the one that is there; the arrays in it must not change any more."""
        self._soon(day, record, lambda: self._days.add(day, record, read))

    def lacks(self, days: Iterable[int]) -> set[int]:
        """Those of some days that there is no record of."""
        return self._days.lacks(days)


class _Line:
    """Work that waits in line for a few threads."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._bytes = 0
        self._lock = Lock()

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def add(self, work: Callable[[], None], size: int) -> Future[None]:
        with self._lock:
            while self._waiting and (self._waiting[0][0].done() or self._bytes + size > MOST_WAITING_BYTES):
                self._wait_for_first()
            if self._pool is None:
                # Python waits for it before it ends.
                self._pool = ThreadPoolExecutor(WORKERS, "keeping")
            under_way = self._pool.submit(work)
            self._waiting.append((under_way, size))
            self._bytes += size
            return under_way

    def _wait_for_first(self) -> None:
        under_way, size = self._waiting.popleft()
        self._bytes -= size
        under_way.result()

    def wait_for_all(self) -> None:
        with self._lock:
            while self._waiting:
                self._wait_for_first()
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None
