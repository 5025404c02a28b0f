"""Which exit code an answer ends with: what is wrong with the input weighs more than what is missing from a source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from observatory.errors import ExitCode, Problem

if TYPE_CHECKING:
    from observatory.sources.base import SourceState


def verdict(problems: Iterable[Problem], states: Iterable[SourceState]) -> ExitCode:
    """Errors that have a place in a file are the input's; a source that is not well left the answer partial."""
    if any(problem.severity == "error" and problem.location for problem in problems):
        return ExitCode.INPUT_INVALID
    return ExitCode.FINE if all(state.state == "ok" for state in states) else ExitCode.PARTIAL_DATA


def told_by(states: Iterable[SourceState]) -> tuple[Problem, ...]:
    """What sources that are not well say about it."""
    return tuple(problem for state in states if state.state != "ok" for problem in state.problems)
