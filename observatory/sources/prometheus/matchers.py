"""Matchers of a request as remote_read wants them: kind, label, value."""

from __future__ import annotations

from collections.abc import Mapping

from observatory.sources.base import SeriesRequest
from observatory.sources.prometheus.wire import EQUAL, NOT_EQUAL, NOT_REGEX, REGEX, Condition
from observatory.telemetry.binding import Matcher

_SPECIAL = frozenset(r"\.+*?()|[]{}^$")


def with_fixed_labels(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """The matchers and those that every request to this server carries."""
    return matchers + tuple(Matcher(name, (value,)) for name, value in sorted(labels.items()))


def conditions(request: SeriesRequest) -> list[Condition]:
    """One condition for the name and one per matcher; several values become one anchored regular expression."""
    found: list[Condition] = [(EQUAL, "__name__", request.metric)]
    for matcher in request.matchers:
        if matcher.pattern is not None:
            found.append((NOT_REGEX if matcher.negated else REGEX, matcher.label, matcher.pattern))
        elif len(matcher.values) == 1:
            found.append((NOT_EQUAL if matcher.negated else EQUAL, matcher.label, matcher.values[0]))
        else:
            pattern = "|".join(literal(value) for value in matcher.values)
            found.append((NOT_REGEX if matcher.negated else REGEX, matcher.label, pattern))
    return found


def literal(value: str) -> str:
    """A regular expression in RE2's syntax that matches exactly this text."""
    return "".join("\\" + character if character in _SPECIAL else character for character in value)
