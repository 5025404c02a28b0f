"""Where a command's words go: answers to stdout, everything else to stderr; one way to fail."""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import orjson
import typer

from observatory.cli.colour import painter
from observatory.covering import covered
from observatory.errors import SEVERITY_ORDER, ExitCode, ObservatoryError, Problem, in_order

P = ParamSpec("P")
R = TypeVar("R")

TRACEBACK_VARIABLE = "OBSERVATORY_TRACEBACK"
"""Environment variable that lets a bug end in its traceback."""
_NUMBERS = re.compile(r"\d+([.:-]\d+)*")


def say(text: str) -> None:
    """Progress and remarks, to stderr."""
    print(text, file=sys.stderr)


def answer(text: str) -> None:
    """The command's answer, to stdout."""
    print(text)


def as_json(value: dict[str, Any]) -> str:
    """One versioned object as text. NaN and infinity are null, as everything is that is not known."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError:  # half a character or a number of more than 64 bits, as a document may write them
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def answer_json(value: dict[str, Any]) -> None:
    """One versioned object on stdout and nothing else."""
    answer(as_json(value))


def width() -> int | None:
    """Cells that an answer may take in a line: of the terminal it goes to, or as `COLUMNS` says; None elsewhere."""
    written = os.environ.get("COLUMNS", "")
    if written.isdecimal() and int(written) > 0:
        return int(written)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def report(problems: Iterable[Problem]) -> ExitCode:
    """Show problems on stderr in order; the exit code is `INPUT_INVALID` when one is an error, else `FINE`.

    A warning that many objectives or channels share, such as a target that is no longer scraped, is shown at its
    first place with the number of the others. Errors are shown one by one: each has to be mended where it stands.
    """
    found = in_order(problems)
    paint = painter(sys.stderr)
    alike: dict[tuple[str, ...], list[Problem]] = {}
    for place, problem in enumerate(found):
        alike.setdefault(_cause(problem, place), []).append(problem)
    for group in alike.values():
        say(group[0].render(paint))
        if others := len(group) - 1:
            say(f" and {others} more [{group[0].code}]: --json lists all")
    errors = sum(1 for problem in found if SEVERITY_ORDER[problem.severity] == 0)
    return ExitCode.INPUT_INVALID if errors else ExitCode.FINE


def _cause(problem: Problem, place: int) -> tuple[str, ...]:
    """What makes warnings alike: the code and the message without its subject and without numbers."""
    if problem.severity == "error":
        return (str(place),)
    message = problem.message
    if problem.subject:
        # Messages name an objective as `lag of orders/onPlaced`; its id ends in the objective's name.
        operation = problem.subject.rpartition("/")[0] or problem.subject
        message = message.replace(problem.subject, "")
        message = re.sub(rf"(\w+ of )?{re.escape(operation)}", "", message)
    return problem.severity, problem.code, _NUMBERS.sub("0", message)


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
                say(f"error: {covered(str(error))}")
            raise typer.Exit(int(error.exit_code)) from None
        except BrokenPipeError:
            # The reader of a pipe went away (`| head`): not an error of ours.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if os.environ.get(TRACEBACK_VARIABLE):
                raise
            _report_bug(error)
            raise typer.Exit(int(ExitCode.BUG)) from None

    return guarded


def without_collection(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command that ends soon: what it reads is not searched for cycles again and again."""

    @wraps(function)
    def paused(*args: P.args, **kwargs: P.kwargs) -> R:
        enabled = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            if enabled:
                # All that is there counts as old: to search it now would be what was just avoided.
                gc.freeze()
                gc.unfreeze()
                gc.enable()

    return paused


def _report_bug(error: Exception) -> None:
    """A fault of ours: what failed and where, for a report, without a page of frames."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    problem = Problem(
        code="bug",
        message=f"{what} ({Path(frame.filename).name}:{frame.lineno}, {frame.name})",
        hint=f"this is a fault of observatory, please report it; {TRACEBACK_VARIABLE}=1 shows the whole way to it",
    )
    say(problem.render())
