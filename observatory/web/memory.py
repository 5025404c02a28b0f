"""What panels of one snapshot share: each value is computed once, also when several panels ask at the same time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

Value = TypeVar("Value")
MOST_ENTRIES = 256


class _Cell:
    __slots__ = ("filled", "lock", "value")

    def __init__(self) -> None:
        self.lock = Lock()
        self.filled = False
        self.value: Any = None


class Memory:
    """Values by key, the longest unused dropped first. A failed computation is not kept."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self._cells: OrderedDict[Hashable, _Cell] = OrderedDict()
        self._lock = Lock()
        self._most = most

    def get(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """The value of a key, computed by the first who asks; others wait for it."""
        with self._lock:
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = _Cell()
                while len(self._cells) > self._most:
                    self._cells.popitem(last=False)
            else:
                self._cells.move_to_end(key)
        with cell.lock:
            if not cell.filled:
                cell.value = compute()
                cell.filled = True
            value: Value = cell.value
            return value

    def __len__(self) -> int:
        return len(self._cells)
