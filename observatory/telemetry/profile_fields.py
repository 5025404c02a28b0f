"""Reading one value of a profile file at a time, collecting every fault with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.spec.servers import FAMILIES, PROTOCOLS, family_of
from observatory.telemetry.binding import Matcher

Word = TypeVar("Word", bound=str)
Path = tuple[str, ...]
_ID = re.compile(r"\w[\w.-]*")
_LARGEST = 1e300
_NOT_RE2 = re.compile(r"(?<!\\)(?:\\\\)*(\(\?(?:[=!>(]|<[=!]|P=)|\\[1-9]|[*+?}]\+)")
"""Looking around, references back and possessive counts, which Python knows and RE2 does not."""


class Fields:
    """A profile file while it is read. Every method answers something usable and notes what was wrong."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.problems: list[Problem] = list(reading.problems)
        self.faulty: set[Path] = set()
        """Parts of the file, two keys deep, that hold a fault."""

    def fault(self, code: str, message: str, path: Path, *, key: bool = False, hint: str | None = None) -> None:
        """Note a fault at a place of the file."""
        self.faulty.add(path[:2])
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

    def items(self, value: object, path: Path) -> Sequence[Any]:
        """A list; none is an empty one."""
        if value is None or isinstance(value, list):
            return value or ()
        self.fault("profile-value-invalid", f"{_name(path)} must be a list", path)
        return ()

    def names(self, value: object, path: Path) -> tuple[str, ...]:
        """Ids, each one word, so that documents and commands can name them."""
        found = self.texts(value, path)
        for index, name in enumerate(found):
            if not _ID.fullmatch(name):
                at = (*path, str(index)) if isinstance(value, list) else path
                message = f"{name!r} is no id: letters, digits, dots, dashes and underscores make one"
                self.fault("profile-value-invalid", message, at)
        return found

    def protocols(self, value: object, path: Path) -> tuple[str, ...]:
        """AsyncAPI protocols as the catalogue calls them: `kafka-secure` is kafka. What is nearly one is a fault."""
        found: dict[str, None] = {}
        for index, text in enumerate(self.texts(value, path)):
            family = family_of(text)
            near = get_close_matches(family, (*PROTOCOLS, *FAMILIES), 1, 0.8) if family not in PROTOCOLS else []
            if near:
                at = (*path, str(index)) if isinstance(value, list) else path
                message = f"{text!r} is no protocol that AsyncAPI documents use"
                self.fault("profile-value-invalid", message, at, hint=f"did you mean {near[0]}?")
            found[family] = None
        return tuple(found)

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
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST:
            return float(value)
        self.fault("profile-value-invalid", f"{_name(path)} must be a number, such as 30", path)
        return None

    def unknown_identity(self, name: str, identities: Iterable[str], path: Path) -> None:
        """Note that `by` names no identity of the file."""
        known = [one for one in identities if one]
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"under `identities`: {', '.join(known) or 'nothing'}"
        self.fault("profile-value-invalid", f"no identity is called {name!r}", path, hint=hint)

    def conditions(self, value: object, path: Path) -> tuple[Matcher, ...]:
        """Label conditions: a value, a list of values, `{not: ...}` or `{matches: pattern}`."""
        return tuple(
            self._condition(label, wanted, (*path, label)) for label, wanted in self.mapping(value, path).items()
        )

    def _condition(self, label: str, wanted: object, path: Path) -> Matcher:
        spec = self.mapping(wanted, path, ("not", "matches")) if isinstance(wanted, dict) else {}
        if wanted in (None, []) or (isinstance(wanted, dict) and (len(spec) != 1 or None in spec.values())):
            forms = f"{label}: value, {label}: [one, other], {label}: {{not: value}} or {label}: {{matches: pattern}}"
            self.fault("profile-value-invalid", f"{_name(path)} is no condition", path, hint=forms)
            return Matcher(label, ("",))
        if "matches" in spec:
            return Matcher(label, pattern=self._pattern(spec["matches"], (*path, "matches")))
        if "not" in spec:
            return Matcher(label, self.texts(spec["not"], (*path, "not")), negated=True)
        return Matcher(label, self.texts(wanted, path))

    def _pattern(self, value: object, path: Path) -> str:
        """A regular expression that servers understand as well."""
        pattern = self.text(value, path)
        why = ""
        try:
            re.compile(pattern)
        except re.error as error:
            why = str(error)
        if foreign := _NOT_RE2.search(pattern):
            why = f"servers take RE2, which has no {foreign[1]}"
        if why:
            self.fault("profile-value-invalid", f"{pattern!r} is no regular expression: {why}", path)
            return ""
        return pattern


def _name(path: Path) -> str:
    return ".".join(path) if path else "a profile"
