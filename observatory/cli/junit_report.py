"""The list before production as JUnit XML, which CI services show: a suite per channel, a case per item."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from observatory.diagnose.ready_items import Readiness
    from observatory.sources.base import SourceState

_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even as a reference."""


def as_junit(found: Sequence[Readiness], at_ms: int, states: Sequence[SourceState] = ()) -> str:
    """The report; the same list gives the same bytes.

    A source that answered in part, or not at all, is an error of its own, for items may have failed for want of it.
    """
    from observatory.diagnose.ready_items import TITLES
    from observatory.windows import format_instant

    at = (format_instant(at_ms) or "").removesuffix("Z")
    unwell = [state for state in states if state.state != "ok"]
    counts = _counts(found, errors=len(unwell))
    # Jenkins refuses a report whose root counts what was skipped; suites may.
    del counts["skipped"]
    root = ElementTree.Element("testsuites", {"name": "observatory ready", **counts})
    if unwell:
        suite = ElementTree.SubElement(
            root, "testsuite", {"name": "sources", **_counts([], errors=len(unwell)), "timestamp": at}
        )
        for state in unwell:
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": "sources", "name": _text(state.name), "time": "0"}
            )
            why = "; ".join(problem.message for problem in state.problems) or state.detail
            message = f"answered in part, so that items may fail for want of telemetry: {why}"
            ElementTree.SubElement(case, "error", {"message": _text(message), "type": state.state})
    for one in found:
        name = _text(one.channel.id)
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, **_counts([one]), "timestamp": at})
        for item in one.items:
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": name, "name": TITLES[item.name], "time": "0"}
            )
            evidence = _text(item.evidence)
            if item.state == "failed":
                failure = ElementTree.SubElement(case, "failure", {"message": evidence, "type": item.name})
                failure.text = _text(f"{item.evidence}\n{item.hint}" if item.hint else item.evidence)
            elif item.state == "not_applicable":
                ElementTree.SubElement(case, "skipped", {"message": evidence})
            else:
                ElementTree.SubElement(case, "system-out").text = evidence
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _counts(found: Sequence[Readiness], *, errors: int = 0) -> dict[str, str]:
    states = [item.state for one in found for item in one.items]
    return {
        "tests": str(len(states) + errors),
        "failures": str(states.count("failed")),
        "errors": str(errors),
        "skipped": str(states.count("not_applicable")),
        "time": "0",
    }


def _text(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
