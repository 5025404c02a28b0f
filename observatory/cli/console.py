"""Where a command's words go: answers to stdout, everything else to stderr; one way to fail."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import typer

from observatory.errors import SEVERITY_ORDER, ExitCode, ObservatoryError, Problem, in_order

P = ParamSpec("P")
R = TypeVar("R")


def say(text: str) -> None:
    """Progress and remarks, to stderr."""
    print(text, file=sys.stderr)


def answer(text: str) -> None:
    """The command's answer, to stdout."""
    print(text)


def answer_json(value: dict[str, Any]) -> None:
    """One versioned object on stdout and nothing else. NaN and infinity are refused: unknown is null."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def report(problems: Iterable[Problem]) -> ExitCode:
    """Show problems on stderr in order; the exit code is `INPUT_INVALID` when one is an error, else `FINE`."""
    shown = in_order(problems)
    for problem in shown:
        say(problem.render())
    errors = sum(1 for problem in shown if SEVERITY_ORDER[problem.severity] == 0)
    return ExitCode.INPUT_INVALID if errors else ExitCode.FINE


def finish(code: ExitCode) -> None:
    """End the command with an exit code; returns for `FINE` so that more can be said."""
    if code != ExitCode.FINE:
        raise typer.Exit(int(code))


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command so that every expected failure ends in its message and its exit code, without a traceback."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ObservatoryError as error:
            problems = getattr(error, "problems", None)
            if problems:
                report(problems)
            else:
                say(f"error: {error}")
            raise typer.Exit(int(error.exit_code)) from None
        except BrokenPipeError:
            # The reader of a pipe went away (`| head`): not an error of ours.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return guarded
