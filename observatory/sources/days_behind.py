"""A keeper that works behind its caller: days are counted on while those before them are written and on their way to
the disk, which takes longer than half of the counting.

What it says of itself waits for what it was given: a day that is being kept is read once it is there, and `problems`
once all of them are. So numbers, and what is told of the keeping, are those of the keeper inside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from observatory.errors import Problem
from observatory.sources.base import Record
from observatory.sources.layered_days import Days, Shelf
from observatory.windows import TimeRange

MOST_WAITING = 2
"""Records that may wait beside the one that is being kept: those of a thousand objectives are tens of megabytes."""


class DaysBehind:
    """A shelf whose records are kept by a thread of their own, in the order in which they come."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._line = _Line()

    def days(self, plan: str, step_ms: int) -> PlanBehind:
        """Records of a plan, as of now."""
        return PlanBehind(self._shelf.days(plan, step_ms), self._line)

    def history(self, step_ms: int) -> PlanBehind:
        """Records that hold for every plan."""
        return PlanBehind(self._shelf.history(step_ms), self._line)


class PlanBehind:
    """Records of one plan."""

    def __init__(self, days: Days, line: _Line) -> None:
        self._days = days
        self._line = line
        self._last: dict[int, Future[None]] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those of the keeper inside, once everything that was given to it is kept."""
        self._line.wait_for_all()
        return self._days.problems

    def load(self, day: int) -> Record | None:
        """The record of a day as it was kept last."""
        if (under_way := self._last.get(day)) is not None:
            under_way.result()
        return self._days.load(day)

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record soon; the arrays in it must not change any more."""
        self._last[day] = self._line.add(lambda: self._days.keep(day, record, read))


class _Line:
    """Work that waits in line for one thread."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[None]] = deque()
        self._lock = Lock()

    def add(self, work: Callable[[], None]) -> Future[None]:
        with self._lock:
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popleft().result()
            if self._pool is None:
                # Python waits for it before it ends.
                self._pool = ThreadPoolExecutor(1, "keeping")
            self._waiting.append(self._pool.submit(work))
            return self._waiting[-1]

    def wait_for_all(self) -> None:
        with self._lock:
            while self._waiting:
                self._waiting.popleft().result()
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None
