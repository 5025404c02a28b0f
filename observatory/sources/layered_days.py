"""Two keepers as one: the days of this machine first, then those that a fleet shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Protocol

from observatory.errors import Problem
from observatory.sources.base import Join, Record
from observatory.windows import TimeRange


class Records(Protocol):
    """Records of days, wherever they are."""

    @property
    def problems(self) -> tuple[Problem, ...]: ...

    def load(self, day: int) -> Record | None: ...


class Days(Records, Protocol):
    """Those of one plan."""

    def keep(self, day: int, record: Record, read: TimeRange) -> None: ...

    def note(self, days: Iterable[int]) -> None: ...

    def unnoted(self, days: Iterable[int]) -> set[int]: ...


class History(Records, Protocol):
    """Those that hold for every plan."""

    def add(self, day: int, record: Record, read: TimeRange) -> None: ...

    def lacks(self, days: Iterable[int]) -> set[int]: ...


class Shelf(Protocol):
    """Where records are."""

    def days(self, plan: str, step_ms: int) -> Days: ...

    def history(self, step_ms: int, join: Join) -> History: ...

    def alerts(self, plan: str, step_ms: int) -> Days: ...


class LayeredDays:
    """Records are looked for on each shelf in turn, and kept on all of them."""

    def __init__(self, shelves: Sequence[Shelf]) -> None:
        self._shelves = shelves

    def days(self, plan: str, step_ms: int) -> LayeredPlan:
        """Records of a plan, as of now."""
        return LayeredPlan([one.days(plan, step_ms) for one in self._shelves])

    def history(self, step_ms: int, join: Join) -> LayeredHistory:
        """Records that hold for every plan."""
        return LayeredHistory([one.history(step_ms, join) for one in self._shelves], join)

    def alerts(self, plan: str, step_ms: int) -> LayeredPlan:
        """Records that say themselves what they follow from."""
        return LayeredPlan([one.alerts(plan, step_ms) for one in self._shelves])


class LayeredPlan:
    """Records of one plan."""

    def __init__(self, layers: Sequence[Days]) -> None:
        self._layers = layers

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those of every layer."""
        return tuple(problem for layer in self._layers for problem in layer.problems)

    def load(self, day: int) -> Record | None:
        """The first record that a layer has."""
        return next((found for layer in self._layers if (found := layer.load(day)) is not None), None)

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record in every layer that can."""
        for layer in self._layers:
            layer.keep(day, record, read)

    def note(self, days: Iterable[int]) -> None:
        """That what these days came to has been noted in the history."""
        asked = tuple(days)
        for layer in self._layers:
            layer.note(asked)

    def unnoted(self, days: Iterable[int]) -> set[int]:
        """Those of some days of which a layer does not know that."""
        asked = tuple(days)
        return {day for layer in self._layers for day in layer.unnoted(asked)}


class LayeredHistory:
    """Records that hold for every plan."""

    def __init__(self, layers: Sequence[History], join: Join) -> None:
        self._layers = layers
        self._join = join

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those of every layer."""
        return tuple(problem for layer in self._layers for problem in layer.problems)

    def load(self, day: int) -> Record | None:
        """What the records of all layers come to, that of the first layer last."""
        found = [record for layer in reversed(self._layers) if (record := layer.load(day)) is not None]
        return reduce(self._join, found) if found else None

    def add(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record, in every layer that can, joined with the one that is there."""
        for layer in self._layers:
            layer.add(day, record, read)

    def lacks(self, days: Iterable[int]) -> set[int]:
        """Those of some days that a layer has no record of."""
        asked = tuple(days)
        return {day for layer in self._layers for day in layer.lacks(asked)}
