"""Results of Microcks, as its API gives them at `/api/tests/{id}` and `/api/tests/service/{id}`.

Microcks exports nothing of its tests to Prometheus, so its own answer is read. Each step of a test case, a message that
was checked against the contract, counts for the channel that the case's operation names: `SUBSCRIBE user/signedup` is
the channel `user/signedup`; `SEND publishOrder`, as Microcks calls operations of AsyncAPI 3, is the operation
`publishOrder`, which x-telemetry {labels: {channel: publishOrder}} ties to its channel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.sources.base import SampleSet
from observatory.sources.contract_tests import SHORTEST_MS, RunSeries, run_series

MARK = b'"testCaseResults"'
"""What no other JSON that is ingested holds."""
VERBS = frozenset({"SUBSCRIBE", "PUBLISH", "SEND", "RECEIVE"})


def parse(document: object, *, path: str = "<microcks>") -> SampleSet:
    """The counters of one result or of a list of them; tests that are still running are left out.

    Raises:
        InputInvalid: `microcks-invalid`.
    """
    results = document if isinstance(document, list) else [document]
    return SampleSet.of([line for number, result in enumerate(results) for line in _series(result, number, path)])


def _series(result: object, number: int, path: str) -> Iterator[RunSeries]:
    if not isinstance(result, dict) or not isinstance(result.get("testCaseResults"), list):
        raise _invalid(path, f"result {number + 1} has no list of testCaseResults")
    if result.get("inProgress") is True:
        return
    began = result.get("testDate")
    if not isinstance(began, int) or isinstance(began, bool) or not 0 < began < 2**53:
        raise _invalid(path, f"result {number + 1} has no testDate in milliseconds")
    took = result.get("elapsedTime")
    counts: Counter[tuple[str, str]] = Counter()
    for case in result["testCaseResults"]:
        if not isinstance(case, dict) or not isinstance(case.get("operationName"), str):
            raise _invalid(path, f"a case of result {number + 1} has no operationName")
        for one in _steps(case):
            counts[_channel(case["operationName"]), "success" if one.get("success") is True else "error"] += 1
    ended = began + max(SHORTEST_MS, took if isinstance(took, int) and 0 <= took < 2**40 else 0)
    yield from run_series(counts, f"microcks-{result.get('id') or number}", began, ended)


def _steps(case: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The checked messages of a case; the case itself where none came, which is a failure unless Microcks says else."""
    steps = [step for step in case.get("testStepResults") or () if isinstance(step, dict)]
    yield from steps or (case,)


def _channel(operation: str) -> str:
    verb, _, rest = operation.strip().partition(" ")
    return rest.strip() if verb in VERBS and rest.strip() else operation.strip()


def _invalid(path: str, message: str) -> InputInvalid:
    return InputInvalid(
        Problem(
            code="microcks-invalid",
            message=f"not a test result of Microcks: {message}",
            location=Location(path, 1),
            hint="save what GET /api/tests/{id} answers, or /api/tests/service/{id} for all of a service",
        )
    )
