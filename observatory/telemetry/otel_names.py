"""How OpenTelemetry names turn into Prometheus names: four translations, all of them in use.

Rules: dots and other characters outside [a-zA-Z0-9_:] become underscores, several in a row one, unless the server takes
UTF-8 names; with suffixes a unit in words is appended (`s` as `_seconds`, `By/s` as `_bytes_per_second`) where the name
does not hold it already, units in braces add nothing, `1` adds `_ratio` to gauges alone, and monotonic sums end in
`_total`. Source: the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

import re

from msgspec import Struct

UNIT_WORDS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tebibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
    "1": "",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_OUTSIDE = re.compile(r"[^a-zA-Z0-9:]+")
_INVALID = re.compile(r"[^a-zA-Z0-9:_]+")
_OUTSIDE_UNIT = re.compile(r"[^a-zA-Z0-9]+")
_OUTSIDE_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_SEVERAL = re.compile(r"__+")


class Translation(Struct, frozen=True):
    """One translation strategy: whether names are escaped, and whether suffixes are added."""

    id: str
    escaped: bool
    suffixes: bool

    def metric(self, name: str, unit: str, *, counter: bool, gauge: bool = False) -> str:
        """The Prometheus name of an OpenTelemetry metric; of a histogram it is the base name.

        A name without a single letter or digit becomes the empty string.
        """
        if not self.escaped:
            return self._unescaped(name, unit, counter, gauge) if self.suffixes else name
        words = [word for word in (_OUTSIDE if self.suffixes else _INVALID).split(name) if word]
        if self.suffixes and words:
            words += [word for word in unit_words(unit) if word not in words]
            for wanted, word in ((counter, "total"), (gauge and unit == "1", "ratio")):
                if wanted:
                    words = [*(one for one in words if one != word), word]
        text = "_".join(words)
        return f"_{text}" if text[:1].isdigit() else text

    @staticmethod
    def _unescaped(name: str, unit: str, counter: bool, gauge: bool) -> str:
        """The name as it is, with the suffixes that it lacks."""
        suffixes = [*unit_words(unit), *(["total"] if counter else []), *(["ratio"] if gauge and unit == "1" else [])]
        for suffix in reversed(suffixes[1:]):
            name = name.removesuffix(f"_{suffix}").removesuffix(f".{suffix}")
        for suffix in suffixes:
            name = name if name.endswith(suffix) else f"{name}_{suffix}"
        return name

    def label(self, name: str) -> str:
        """The Prometheus label of an OpenTelemetry attribute; one that may not begin so is put behind `key`."""
        if not self.escaped or not name:
            return name
        text = _SEVERAL.sub("_", _OUTSIDE_LABEL.sub("_", name))
        if text[0].isdigit():
            return f"key_{text}"
        return f"key{text}" if text[0] == "_" else text


def unit_words(unit: str) -> list[str]:
    """What a unit adds to a name: the unit, and `per_...` where it is a quotient. Annotations in braces add nothing."""
    main, _, per = unit.partition("/")
    found = []
    if (main := main.strip()) and not set("{}") & set(main):
        found.append(UNIT_WORDS.get(main, main))
    if _OUTSIDE_UNIT.sub("", per := per.strip()) and not set("{}") & set(per):
        found.append(f"per_{_PER.get(per, per)}")
    return [word for one in found if (word := _OUTSIDE_UNIT.sub("_", one).strip("_"))]


TRANSLATIONS = (
    Translation("with-suffixes", escaped=True, suffixes=True),
    Translation("without-suffixes", escaped=True, suffixes=False),
    Translation("utf8-with-suffixes", escaped=False, suffixes=True),
    Translation("utf8", escaped=False, suffixes=False),
)
