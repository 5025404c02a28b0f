"""Days are kept behind their caller: it goes on at once, and reads and hears what a keeper at hand would say."""

from __future__ import annotations

from threading import Event, Thread

import numpy as np
import pytest

from observatory.errors import Problem
from observatory.sources import days_behind
from observatory.sources.base import Record
from observatory.sources.days_behind import DaysBehind
from observatory.windows import TimeRange

READ = TimeRange(0, 1)
FULL = Problem(code="days-not-kept", severity="warning", message="the disk is full")


class Slow:
    """A shelf that keeps nothing before it may."""

    def __init__(self, fails: BaseException | None = None) -> None:
        self.may = Event()
        self.held: dict[int, Record] = {}
        self.problems: tuple[Problem, ...] = ()
        self._fails = fails

    def days(self, plan: str, step_ms: int) -> Slow:
        return self

    def history(self, step_ms: int, join: object) -> Slow:
        return self

    def load(self, day: int) -> Record | None:
        return self.held.get(day)

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        assert self.may.wait(30)
        if self._fails is not None:
            raise self._fails
        self.held[day] = record
        self.problems = (FULL,)

    add = keep


def record(number: int) -> Record:
    return Record({"n": number}, {"a": np.zeros(3)}, {})


def released(slow: Slow) -> None:
    Thread(target=slow.may.set).start()


def test_the_caller_goes_on_while_a_day_is_kept() -> None:
    slow = Slow()
    days = DaysBehind(slow).days("plan", 60_000)
    days.keep(1, record(1), READ)
    assert slow.held == {}
    assert days.load(2) is None, "another day is not waited for"
    slow.may.set()


def test_a_day_that_is_being_kept_is_read_once_it_is_there_and_the_later_one_of_two() -> None:
    slow = Slow()
    days = DaysBehind(slow).days("plan", 60_000)
    days.keep(1, record(1), READ)
    days.keep(1, record(2), READ)
    released(slow)
    found = days.load(1)
    assert found is not None
    assert found.header == {"n": 2}


def test_problems_are_told_once_everything_is_kept_whatever_plan_it_was_kept_for() -> None:
    slow = Slow()
    behind = DaysBehind(slow)
    days, history = behind.days("plan", 60_000), behind.history(60_000, lambda _, now: now)
    days.keep(1, record(1), READ)
    history.add(2, record(2), READ)
    released(slow)
    assert days.problems == (FULL,)
    assert sorted(slow.held) == [1, 2]


def test_a_fault_of_the_keeper_is_raised_where_it_is_asked() -> None:
    slow = Slow(fails=ZeroDivisionError())
    days = DaysBehind(slow).days("plan", 60_000)
    days.keep(1, record(1), READ)
    slow.may.set()
    with pytest.raises(ZeroDivisionError):
        _ = days.problems


def test_a_caller_that_is_faster_than_the_disk_waits_before_memory_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    fitting = 3
    monkeypatch.setattr(days_behind, "MOST_WAITING_BYTES", fitting * record(0).floats["a"].nbytes)
    slow = Slow()
    days = DaysBehind(slow).days("plan", 60_000)
    through: list[int] = []
    many = Event()

    def keep_all() -> None:
        for day in range(fitting + 1):
            days.keep(day, record(day), READ)
            through.append(day)
            if day == fitting - 1:
                many.set()

    caller = Thread(target=keep_all)
    caller.start()
    assert many.wait(30)
    assert len(through) == fitting
    slow.may.set()
    caller.join(30)
    assert days.problems == (FULL,)
    assert sorted(slow.held) == through == list(range(fitting + 1))
