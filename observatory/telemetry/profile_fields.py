"""Reading one value of a profile file at a time, collecting every fault with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.telemetry.binding import Matcher

Word = TypeVar("Word", bound=str)
Path = tuple[str, ...]


class Fields:
    """A profile file while it is read. Every method answers something usable and notes what was wrong."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.problems: list[Problem] = list(reading.problems)

    def fault(self, code: str, message: str, path: Path, *, key: bool = False, hint: str | None = None) -> None:
        """Note a fault at a place of the file."""
        self.problems.append(Problem(code=code, message=message, location=self.reading.at(path, key=key), hint=hint))

    def mapping(self, value: object, path: Path, allowed: Iterable[str] | None = None) -> Mapping[str, Any]:
        """A mapping; unknown keys are faults when `allowed` is given."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault("profile-value-invalid", f"{_name(path)} must be a mapping", path)
            return {}
        if allowed is not None:
            known = list(allowed)
            for key in value:
                if key not in known:
                    close = get_close_matches(key, known, 1)
                    hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
                    self.fault(
                        "profile-key-unknown",
                        f"{key!r} is no key of {_name(path)}",
                        (*path, key),
                        key=True,
                        hint=hint,
                    )
        return value

    def text(self, value: object, path: Path, default: str = "") -> str:
        """Text; numbers are taken as written, for versions such as 1.9."""
        if value is None:
            return default
        if isinstance(value, str):
            return value.strip("\n") if "\n" in value else value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        self.fault("profile-value-invalid", f"{_name(path)} must be text", path)
        return default

    def texts(self, value: object, path: Path) -> tuple[str, ...]:
        """A list of texts; a single text stands for a list of one."""
        if value is None:
            return ()
        if isinstance(value, list):
            return tuple(self.text(item, (*path, str(index))) for index, item in enumerate(value))
        return (self.text(value, path),)

    def word(self, value: object, path: Path, words: Any, default: Word) -> Word:
        """One of a closed set of words (a `Literal`)."""
        known: Sequence[Word] = get_args(words)
        if value is None:
            return default
        if value in known:
            return value  # type: ignore[return-value]
        close = get_close_matches(str(value), known, 1)
        hint = f"did you mean {close[0]}?" if close else f"one of: {', '.join(known)}"
        self.fault("profile-value-invalid", f"{_name(path)} is {value!r}", path, hint=hint)
        return default

    def flag(self, value: object, path: Path) -> bool:
        """True or false; absent is false."""
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault("profile-value-invalid", f"{_name(path)} must be true or false", path)
        return False

    def number(self, value: object, path: Path) -> float | None:
        """A number; absent is None."""
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        self.fault("profile-value-invalid", f"{_name(path)} must be a number", path)
        return None

    def conditions(self, value: object, path: Path) -> tuple[Matcher, ...]:
        """Label conditions: a value, a list of values, `{not: ...}` or `{matches: pattern}`."""
        return tuple(
            self._condition(label, wanted, (*path, label)) for label, wanted in self.mapping(value, path).items()
        )

    def _condition(self, label: str, wanted: object, path: Path) -> Matcher:
        if not isinstance(wanted, dict):
            return Matcher(label, self.texts(wanted, path))
        spec = self.mapping(wanted, path, ("not", "matches"))
        if "matches" in spec:
            pattern = self.text(spec["matches"], (*path, "matches"))
            try:
                re.compile(pattern)
            except re.error as error:
                self.fault(
                    "profile-value-invalid", f"{pattern!r} is no regular expression: {error}", (*path, "matches")
                )
                pattern = ""
            return Matcher(label, pattern=pattern)
        return Matcher(label, self.texts(spec.get("not"), (*path, "not")), negated=True)


def _name(path: Path) -> str:
    return ".".join(path) if path else "a profile"
