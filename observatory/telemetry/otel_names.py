"""How OpenTelemetry names turn into Prometheus names: four translations, all of them in use.

Rules: dots and other characters outside [a-zA-Z0-9_:] become underscores unless the server takes UTF-8 names; with
suffixes a unit in words is appended (`s` as `_seconds`), units in braces and `1` on counters add nothing, and monotonic
sums end in `_total`. Source: the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNIT_WORDS = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "1": "ratio",
}
_OUTSIDE = re.compile(r"[^a-zA-Z0-9_:]")
_OUTSIDE_LABEL = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Translation:
    """One translation strategy: whether names are escaped, and whether suffixes are added."""

    id: str
    escaped: bool
    suffixes: bool

    def metric(self, name: str, unit: str, *, counter: bool) -> str:
        """The Prometheus name of an OpenTelemetry metric; of a histogram it is the base name."""
        text = _OUTSIDE.sub("_", name) if self.escaped else name
        if not self.suffixes:
            return text
        word = "" if unit == "1" and counter else UNIT_WORDS.get(unit, "")
        if word and not text.endswith(word):
            text = f"{text}_{word}"
        return text + "_total" if counter and not text.endswith("_total") else text

    def label(self, name: str) -> str:
        """The Prometheus label of an OpenTelemetry attribute."""
        return _OUTSIDE_LABEL.sub("_", name) if self.escaped else name


TRANSLATIONS = (
    Translation("with-suffixes", escaped=True, suffixes=True),
    Translation("without-suffixes", escaped=True, suffixes=False),
    Translation("utf8-with-suffixes", escaped=False, suffixes=True),
    Translation("utf8", escaped=False, suffixes=False),
)
