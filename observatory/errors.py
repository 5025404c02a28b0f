"""What can go wrong, as values and as exceptions, and the exit code that each carries.

    ObservatoryError                 70  a bug, when nothing below fits
    ├── UsageError                    2  the command line is wrong
    ├── InputInvalid                  3  documents, settings, profiles, dashboards: carries every Problem found
    ├── SourceFailed                  4  a server refused, timed out, or answered nonsense
    └── PartialData                   5  an answer exists, but part of it is missing

Exit code 1 is no error: a gate (`--fail-on`, findings) said no.

A `Problem` is one finding with a stable code. `explanations/<code>.md` beside this module explains each code;
a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from observatory.covering import covered
from observatory.location import Location, excerpt

Severity = Literal["error", "warning", "info"]
SEVERITY_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
Role = Severity | Literal["place", "gutter", "hint"]
"""What a part of a shown finding is; a terminal may give each its colour."""
Paint = Callable[[Role, str], str]
MAX_TEXT = 1000
"""Characters of a message; a document may hold a key of a million, and a message quotes it."""


def uncoloured(_role: Role, text: str) -> str:
    """The text as it is."""
    return text


class ExitCode(IntEnum):
    """What a command's end means to the shell that called it."""

    FINE = 0
    GATE_FAILED = 1
    USAGE = 2
    INPUT_INVALID = 3
    SOURCE_FAILED = 4
    PARTIAL_DATA = 5
    BUG = 70


class Problem(Struct, frozen=True, kw_only=True):
    """One finding, ready to be shown: whatever its texts quote, secrets and control characters do not get into it.

    Attributes:
        code: Stable, lower-case with hyphens; `observatory explain CODE` tells more.
        severity: An error makes its input unusable; a warning leaves a usable answer; info is worth knowing.
        message: What is wrong, one sentence, lower-case start, no full stop.
        location: Where it was written; None when it is about a server or the whole run.
        url: The server it is about, credentials removed.
        label: A few words to stand behind the caret.
        hint: What to write or do instead.
        subject: Id of the channel, operation or objective it belongs to, for views that group by it.
    """

    code: str
    message: str
    severity: Severity = "error"
    location: Location | None = None
    url: str | None = None
    label: str = ""
    hint: str | None = None
    subject: str | None = None

    def place(self) -> str | None:
        """`file:line:column` or the server's URL."""
        return str(self.location) if self.location else self.url

    def __post_init__(self) -> None:
        for name in ("message", "label", "hint"):
            text = getattr(self, name)
            if text:
                force_setattr(self, name, _presentable(text))

    def render(self, paint: Paint = uncoloured) -> str:
        """The finding as text: head line, source line with a caret, hint."""
        place = self.place()
        head = paint("place", printable(place) + ":") + " " if place else ""
        lines = [f"{head}{paint(self.severity, f'{self.severity}[{self.code}]')}: {self.message}"]
        if self.location and (shown := excerpt(self.location)):
            gutter = " " * len(shown.number)
            label = f" {self.label}" if self.label else ""
            lines.append(paint("gutter", f"{shown.number} |") + f" {shown.text}")
            lines.append(paint("gutter", f"{gutter} |") + " " + paint(self.severity, shown.pointer + label))
        if self.hint:
            lines.append(f" {paint('hint', 'hint:')} {self.hint}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """The finding as the `problems` entry of every `--json` answer."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "location": self.place(),
            "hint": self.hint,
            "subject": self.subject,
        }


@lru_cache(maxsize=2048)
def _presentable(text: str) -> str:
    """A text of a finding: on one line, of bearable length, and without the secrets that it quotes.

    Findings of one kind come in numbers and share their hints, so the last ones are remembered.
    """
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT * 2 // 3]} … {text[-MAX_TEXT // 3 :]}"
    return printable(covered(text))


def printable(text: str) -> str:
    """Text on one line; characters that would move a terminal's cursor or colour it become spaces."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by place, then severity, then text; exact repeats are dropped. Same input, same order."""
    unique = dict.fromkeys(problems)

    def key(problem: Problem) -> tuple[str, int, int, int, str, str]:
        at = problem.location
        place = at.path if at else problem.url or ""
        line, column = (at.line, at.column) if at else (0, 0)
        return place, line, column, SEVERITY_ORDER[problem.severity], problem.code, problem.message

    return sorted(unique, key=key)


class ObservatoryError(Exception):
    """The root. Shown without a traceback unless it is a bug."""

    exit_code = ExitCode.BUG


class UsageError(ObservatoryError):
    """The command line asks for something that cannot be meant."""

    exit_code = ExitCode.USAGE


class ProblemsError(ObservatoryError):
    """An error made of problems; not raised itself."""

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(problem.render() for problem in self.problems))


class InputInvalid(ProblemsError):
    """Documents, settings, profiles or dashboards cannot be used; carries all that was found, not the first."""

    exit_code = ExitCode.INPUT_INVALID


class SourceFailed(ProblemsError):
    """A source of telemetry did not answer, or answered something that is no answer."""

    exit_code = ExitCode.SOURCE_FAILED


class PartialData(ProblemsError):
    """An answer was asked to be complete, and is not."""

    exit_code = ExitCode.PARTIAL_DATA
