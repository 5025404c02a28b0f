"""JUnit XML of contract tests, as two counters per channel: `messaging_contract_tests_total` by outcome.

A test case belongs to the channel that its property `channel` names, else to that of its suite, else to the suite's
name. A run becomes series of its own (label `run`, made of the file's content), zero when the suite started and its
count when it ended: so runs add up, in any order, and reading a file twice changes nothing. Skipped cases do not count.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from xml.parsers import expat

from msgspec import Struct, field

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.sources.base import SampleSet
from observatory.sources.contract_tests import SHORTEST_MS, RunSeries, run_series


class _Suite(Struct):
    name: str
    line: int
    time_ms: int | None
    seconds: float
    channel: str = ""
    cases: list[_Case] = field(default_factory=list)


class _Case(Struct):
    channel: str = ""
    outcome: str = "success"


class _Refused(ValueError):
    """Raised inside the parser's callbacks, where the line is known to the parser."""


def parse(data: bytes, *, path: str = "<junit>", default_ms: int | None = None) -> SampleSet:
    """The counters of a JUnit report.

    Args:
        default_ms: When the tests ran, for suites that carry no `timestamp`.

    Raises:
        InputInvalid: `junit-invalid` with the line; `sample-without-time`.
    """
    reader = _Reader()
    try:
        reader.parse(data)
    except (expat.ExpatError, _Refused) as error:
        line = reader.parser.ErrorLineNumber if isinstance(error, expat.ExpatError) else reader.parser.CurrentLineNumber
        message = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else str(error)
        raise InputInvalid(
            Problem(code="junit-invalid", message=f"not a JUnit report: {message}", location=Location(path, line))
        ) from error
    run = hashlib.sha256(data).hexdigest()[:16]
    series: list[RunSeries] = []
    for number, suite in enumerate(reader.suites):
        ended_ms = suite.time_ms if suite.time_ms is not None else default_ms
        if ended_ms is None:
            raise InputInvalid(
                Problem(
                    code="sample-without-time",
                    message=f"the test suite {suite.name[:80]!r} carries no timestamp",
                    location=Location(path, suite.line),
                    hint="say when it ran: --at 2026-11-20T12:00:00Z",
                )
            )
        started_ms = ended_ms - SHORTEST_MS
        if suite.time_ms is not None:
            # The attribute is the start of the suite, its `time` the seconds that it took.
            started_ms, ended_ms = suite.time_ms, suite.time_ms + max(SHORTEST_MS, round(suite.seconds * 1000))
        counts = Counter((case.channel or suite.channel or suite.name, case.outcome) for case in suite.cases)
        series += run_series(counts, f"{run}-{number}", started_ms, ended_ms)
    return SampleSet.of(series)


class _Reader:
    def __init__(self) -> None:
        self.suites: list[_Suite] = []
        self._open: list[_Suite] = []
        self._case: _Case | None = None
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype

    def parse(self, data: bytes) -> None:
        self.parser.Parse(data, True)
        self.suites = [suite for suite in self.suites if suite.cases]

    def _doctype(self, *_: object) -> None:
        raise _Refused("it declares a document type, which a report has no need of")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if not self._open and tag not in ("testsuites", "testsuite") and not self.suites:
            raise _Refused(f"the root element is {tag[:40]!r}, and testsuites or testsuite is expected")
        if tag in ("testsuites", "testsuite"):
            outer = self._open[-1] if self._open else None
            suite = _Suite(
                given.get("name") or (outer.name if outer else "") or "contract-tests",
                self.parser.CurrentLineNumber,
                _time_ms(given.get("timestamp", "")) or (outer.time_ms if outer else None),
                _seconds(given.get("time", "")),
                outer.channel if outer else "",
            )
            self._open.append(suite)
            self.suites.append(suite)
        elif tag == "testcase":
            self._case = _Case()
            self._open[-1].cases.append(self._case)
        elif tag == "property" and given.get("name") == "channel":
            holder = self._case or self._open[-1]
            holder.channel = given.get("value", "")
        elif self._case is not None and tag in ("failure", "error"):
            self._case.outcome = "error"
        elif self._case is not None and tag == "skipped":
            self._case.outcome = "skipped"

    def _end(self, tag: str) -> None:
        if tag == "testcase":
            self._case = None
        elif tag in ("testsuites", "testsuite"):
            self._open.pop()


def _time_ms(text: str) -> int | None:
    """Milliseconds of an ISO 8601 time; without an offset it is UTC, as the JUnit schema has it."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float:
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 10**7 else 0.0
