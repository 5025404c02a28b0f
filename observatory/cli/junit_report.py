"""The list before production as JUnit XML, which CI services show: a suite per channel, a case per item."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from observatory.diagnose.readiness import Readiness

_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even as a reference."""


def as_junit(found: Sequence[Readiness], at_ms: int) -> str:
    """The report; the same list gives the same bytes."""
    from observatory.diagnose.readiness import TITLES
    from observatory.windows import format_instant

    at = (format_instant(at_ms) or "").removesuffix("Z")
    counts = _counts(found)
    # Jenkins refuses a report whose root counts what was skipped; suites may.
    del counts["skipped"]
    root = ElementTree.Element("testsuites", {"name": "observatory ready", **counts})
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


def _counts(found: Sequence[Readiness]) -> dict[str, str]:
    states = [item.state for one in found for item in one.items]
    return {
        "tests": str(len(states)),
        "failures": str(states.count("failed")),
        "errors": "0",
        "skipped": str(states.count("not_applicable")),
        "time": "0",
    }


def _text(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
