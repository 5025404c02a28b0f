"""How a source is doing, from the outcome of its last requests of each kind; safe to use from several threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from observatory.errors import Problem, in_order
from observatory.sources.base import SourceState

REMEMBERED = 256


class Health:
    """Outcomes by what was asked; asking the same again replaces the outcome."""

    def __init__(self, name: str, kind: str) -> None:
        self._name = name
        self._kind = kind
        self._lock = Lock()
        self._outcomes: OrderedDict[str, tuple[Problem, ...]] = OrderedDict()
        self._failed = False

    def note(self, asked: str, problems: Sequence[Problem] = (), *, failed: bool = False) -> None:
        """Record the end of a request: answered, answered with findings, or failed."""
        with self._lock:
            self._failed = failed
            self._outcomes[asked] = tuple(problems)
            self._outcomes.move_to_end(asked)
            while len(self._outcomes) > REMEMBERED:
                self._outcomes.popitem(last=False)

    def state(self, detail: str) -> SourceState:
        """`failed` when the last request failed, `partial` when others left findings, else `ok`."""
        with self._lock:
            problems = tuple(in_order(problem for found in self._outcomes.values() for problem in found))
            failed = self._failed
        if failed:
            return SourceState(self._name, self._kind, "failed", detail, problems)
        # What is only worth knowing leaves nothing out.
        less = any(problem.severity != "info" for problem in problems)
        return SourceState(self._name, self._kind, "partial" if less else "ok", detail, problems)
