"""Names that run and that no document will ever declare: the key `drift` in observatory.yaml.

drift:
  ignore:
    - 'debezium-*'                                          `*` and `?` stand for anything and for one character
    - {names: ['scratch.*', tmp], reason: of the data team}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from msgspec import Struct

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.settings.unknown_keys import unknown_keys

KEYS = ("ignore",)
ENTRY_KEYS = ("names", "reason")
EXAMPLE = "write {names: 'scratch.*', reason: of the data team}"
BY_SETTINGS = "ignored by the settings"


class IgnoredNames(Struct, frozen=True):
    """Topics, queues, subjects, consumer groups and services that drift leaves aside.

    Attributes:
        names: Patterns, `*` and `?` standing for anything and for one character; everything else for itself.
        reason: Why they need no document, as it is shown.
    """

    names: tuple[str, ...]
    reason: str = BY_SETTINGS

    def holds(self, name: str) -> bool:
        """Whether a name is one of them."""
        return any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in self.names)


class DriftSettings(Struct, frozen=True):
    """What `drift` need not report."""

    ignore: tuple[IgnoredNames, ...] = ()


def read_drift(reading: Reading, _folder: Path, problems: list[Problem]) -> DriftSettings:
    """What stands under `drift`; every fault goes to `problems` with its place."""
    reader = _Reader(reading, problems)
    data = reading.data["drift"]
    if not isinstance(data, dict):
        reader.fault(("drift",), "drift is a mapping", "write drift: {ignore: ['scratch.*']}")
        return DriftSettings()
    problems += unknown_keys(data, KEYS, ("drift",), reading)
    return DriftSettings(tuple(reader.entries(data.get("ignore"))))


class _Reader(Struct):
    reading: Reading
    problems: list[Problem]

    def entries(self, value: Any) -> Iterator[IgnoredNames]:
        at = ("drift", "ignore")
        if value is not None and not isinstance(value, list):
            self.fault(at, "ignore is a list of names", "write ignore: ['scratch.*']")
            return
        for index, item in enumerate(value or ()):
            place = (*at, str(index))
            if isinstance(item, str):
                item = {"names": item}
            if not isinstance(item, dict):
                self.fault(place, "what drift ignores is a name or a mapping", EXAMPLE)
                continue
            self.problems += unknown_keys(item, ENTRY_KEYS, place, self.reading)
            names = item.get("names")
            patterns: Sequence[Any] = names if isinstance(names, list) else [names]
            reason = item.get("reason", BY_SETTINGS)
            if not patterns or not all(isinstance(one, str) and one.strip() for one in patterns):
                self.fault((*place, "names") if "names" in item else place, "names is one name or several", EXAMPLE)
            elif not isinstance(reason, str) or not reason.strip():
                self.fault((*place, "reason"), "reason is text", EXAMPLE)
            else:
                yield IgnoredNames(tuple(patterns), reason)

    def fault(self, at: tuple[str, ...], message: str, hint: str) -> None:
        """Report a fault at its place."""
        place = self.reading.at(at)
        self.problems.append(Problem(code="settings-value", message=message, location=place, hint=hint))
