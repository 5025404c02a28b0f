"""Exposition text, OpenMetrics or Prometheus, with timestamps: what exporters serve and `promtool` reads back.

OpenMetrics writes timestamps in seconds and ends with `# EOF`; the older Prometheus format writes milliseconds and
does not. Exemplars are left out. Metric and label names may be quoted, as in Prometheus 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from msgspec import Struct, field

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.sources.base import SampleSet
from observatory.telemetry.inventory import MetricMetadata

MAX_PROBLEMS = 20
"""A file of the wrong kind is told in a few findings, not in a million."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)*)")\s*(?:=\s*"((?:[^"\\]|\\.)*)")?\s*(,|$)')
_SERIES_END = re.compile(r'[^"{}]*\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}')
_ESCAPE = re.compile(r"\\(.)")
_SPECIAL = {"+inf": "inf", "-inf": "-inf", "inf": "inf", "nan": "nan", "+nan": "nan"}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_MAX_MS = 253_402_300_800_000  # the year 10000


class Exposition(Struct, frozen=True):
    """What a text held.

    Attributes:
        samples: Sorted by time within each series; of repeats the first. NaN values are left out.
        metadata: TYPE, UNIT and HELP by metric family.
    """

    samples: SampleSet
    metadata: Mapping[str, MetricMetadata] = field(default_factory=dict)


def parse(text: str, *, path: str = "<text>", default_ms: int | None = None) -> SampleSet:
    """The samples of an exposition; see `read`."""
    return read(text, path=path, default_ms=default_ms).samples


def read(text: str, *, path: str = "<text>", default_ms: int | None = None) -> Exposition:
    """Read an exposition.

    Args:
        path: What messages call the text.
        default_ms: Time of samples that carry none; without it they are an error.

    Raises:
        InputInvalid: `openmetrics-invalid` with the line, for each faulty line up to `MAX_PROBLEMS`;
            `sample-without-time`.
    """
    reader = _Reader(path, default_ms)
    reader.read(text)
    if reader.problems:
        raise InputInvalid(reader.problems)
    return Exposition(reader.samples(), reader.metadata())


class _Reader:
    def __init__(self, path: str, default_ms: int | None) -> None:
        self.path = path
        self.default_ms = default_ms
        self.problems: list[Problem] = []
        self.numbers: dict[str, int] = {}
        self.canonical: dict[tuple[tuple[str, str], ...], int] = {}
        self.labels: list[dict[str, str]] = []
        self.owner: list[int] = []
        self.t: list[float] = []
        self.values: list[float] = []
        self.facts: dict[str, dict[str, str]] = {}
        self.scale = 1.0

    def read(self, text: str) -> None:
        lines = text.split("\n")
        end = _eof(lines)
        # Seconds in OpenMetrics, milliseconds in the older format.
        self.scale = 1000.0 if end is not None else 1.0
        numbers, owner, times, values = self.numbers, self.owner, self.t, self.values
        for index, line in enumerate(lines):
            if not line or line[0] == "#":
                if index == end:
                    self._nothing_after(lines, index)
                    break
                self._comment(line)
                continue
            try:
                # The common line, `name{labels} value timestamp`, is cut at its last blanks.
                series, value, time = line.rsplit(" ", 2)
                number = numbers[series]
                instant = float(time) * self.scale
                sample = float(value)
            except (ValueError, KeyError):
                self._uncommon(line, index)
                continue
            if not 0 <= instant <= _MAX_MS or "_" in time or "_" in value:
                self._fault(index, "a timestamp or value is not a number, or lies out of all bounds")
                continue
            owner.append(number)
            times.append(instant)
            values.append(sample)
            if len(self.problems) >= MAX_PROBLEMS:
                break

    def _nothing_after(self, lines: list[str], end: int) -> None:
        for index in range(end + 1, len(lines)):
            if lines[index].strip():
                self._fault(index, "there is text after # EOF")
                return

    def _comment(self, line: str) -> None:
        words = line.split(None, 3)
        if len(words) >= 3 and words[1] in ("TYPE", "UNIT", "HELP"):
            value = words[3].strip() if len(words) > 3 else ""
            self.facts.setdefault(words[2], {})[words[1].lower()] = value

    def _uncommon(self, line: str, index: int) -> None:
        """A line seen for the first time, or one with an exemplar, odd blanks or a fault."""
        line = line.strip()
        if not line or len(self.problems) >= MAX_PROBLEMS:
            return
        text, rest = _split_series(line)
        if text is None:
            self._fault(index, "the braces or quotes of the labels do not close")
            return
        words = rest.split("#", 1)[0].split()
        if not 1 <= len(words) <= 2:
            self._fault(index, "a series is followed by a value and, at most, a timestamp")
            return
        value, instant = _number(words[0]), self._instant(words, index)
        if value is None:
            self._fault(index, f"{words[0][:40]!r} is not a number")
        if value is None or instant is None:
            return
        number = self.numbers.get(text)
        if number is None:
            try:
                number = self._series(text)
            except ValueError as error:
                self._fault(index, str(error))
                return
        self.owner.append(number)
        self.t.append(instant)
        self.values.append(value)

    def _instant(self, words: list[str], index: int) -> float | None:
        if len(words) < 2:
            if self.default_ms is None:
                self._fault(
                    index,
                    "a sample carries no timestamp",
                    code="sample-without-time",
                    hint="say when it was true: --at 2026-11-20T12:00:00Z",
                )
                return None
            return float(self.default_ms)
        time = _number(words[1])
        if time is None or not 0 <= time * self.scale <= _MAX_MS:
            self._fault(index, f"{words[1][:40]!r} is not a timestamp")
            return None
        return time * self.scale

    def _series(self, text: str) -> int:
        labels = _labels(text)
        key = tuple(sorted(labels.items()))
        number = self.canonical.get(key)
        if number is None:
            number = self.canonical[key] = len(self.labels)
            self.labels.append(labels)
        self.numbers[text] = number
        return number

    def _fault(self, index: int, message: str, *, code: str = "openmetrics-invalid", hint: str | None = None) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                Problem(code=code, message=message, location=Location(self.path, index + 1), hint=hint)
            )

    def samples(self) -> SampleSet:
        t_ms = np.rint(np.array(self.t, np.float64)).astype(np.int64)
        values = np.array(self.values, np.float64)
        # NaN written by an exporter is no number; in a sample set it would mean that the series ended.
        numbers = ~np.isnan(values)
        return SampleSet.from_rows(self.labels, np.array(self.owner, np.int64)[numbers], t_ms[numbers], values[numbers])

    def metadata(self) -> dict[str, MetricMetadata]:
        return {
            name: MetricMetadata(fact.get("type", "unknown"), fact.get("unit", ""), fact.get("help", ""))
            for name, fact in self.facts.items()
        }


def _eof(lines: list[str]) -> int | None:
    """Where `# EOF` stands, the mark of OpenMetrics."""
    return next((index for index, line in enumerate(lines) if line.rstrip() == "# EOF"), None)


def _split_series(line: str) -> tuple[str | None, str]:
    """The series part of a line and what follows it; None when braces or quotes do not close."""
    brace = line.find("{")
    first_blank = next((i for i, char in enumerate(line) if char in " \t"), len(line))
    if brace < 0 or (first_blank < brace and not line[first_blank:brace].isspace()):
        return line[:first_blank], line[first_blank:]
    found = _SERIES_END.match(line)
    return (found[0], line[found.end() :]) if found else (None, "")


def _labels(text: str) -> dict[str, str]:
    """The label set in `name{a="b"}`, `{"quoted.name", a="b"}` or `name`.

    Raises:
        ValueError: A name or a label is malformed, or appears twice.
    """
    name, brace, inside = text.partition("{")
    labels: dict[str, str] = {}
    if name := name.strip():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is not a metric name")
        labels["__name__"] = name
    inside = inside.rstrip().removesuffix("}").strip() if brace else ""
    place = 0
    while place < len(inside):
        found = _LABEL.match(inside, place)
        if not found or not found[0]:
            raise ValueError(f"the labels are malformed near {inside[place : place + 40]!r}")
        key, value = found[1] or _unescaped(found[2] or ""), found[3]
        if value is None:
            # A quoted word alone is the metric's name.
            if found[2] is None:
                raise ValueError(f"the label {key[:40]!r} has no value")
            key, value = "__name__", found[2]
        if key in labels:
            raise ValueError(f"the label {key[:40]!r} appears twice")
        labels[key] = _unescaped(value)
        place = found.end()
    if "__name__" not in labels:
        raise ValueError("a series has no metric name")
    return labels


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text) if "\\" in text else text


def _number(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    word = _SPECIAL.get(text.lower())
    return None if word is None else float(word)
