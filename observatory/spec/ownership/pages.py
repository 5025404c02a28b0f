"""Parts of a file that hold values: the YAML documents of a multi-document file, or the front matter of a page.

Each part is read by itself, so that one broken part leaves the others readable; places are those of the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading import Reading, bytes_of, read_text, text_of
from observatory.spec.ownership.finding import Faults, File
from observatory.spec.secrets import without_secrets

MAX_PAGES = 10_000
"""YAML documents that are read of one file."""
MAX_FRONT_MATTER_LINES = 5_000
_MARKER = re.compile(r"---(\s|$)")
_END = re.compile(r"\.\.\.(\s|$)")
_FENCE = re.compile(r"---\s*$")


class Page(Struct, frozen=True):
    """One part of a file.

    Attributes:
        above: Lines of the file before the part.
    """

    file: File
    reading: Reading
    above: int = 0

    @property
    def data(self) -> Any:
        return self.reading.data

    @property
    def folder(self) -> Path:
        """The real folder of the file."""
        return self.file.path.parent

    def at(self, *segments: str, key: bool = False) -> Location:
        """The place of the value at a path, in the file."""
        found = self.reading.at(segments, key=key)
        return replace(found, line=found.line + self.above)

    def line(self, *segments: str) -> str:
        """`file:line` of the value at a path, for a provenance."""
        found = self.at(*segments)
        return f"{found.path}:{found.line}"


class Pages(Struct):
    """Reads files into pages; each file once."""

    faults: Faults
    _read: dict[Path, tuple[Page, ...]] = field(default_factory=dict)

    def of(self, file: File) -> tuple[Page, ...]:
        """The YAML documents of a file, or the one value of a JSON file; what cannot be read is reported."""
        return self._once(file, self._documents)

    def front_matter(self, file: File) -> tuple[Page, ...]:
        """The values above the text of a Markdown page; nothing for a page without any."""
        return self._once(file, self._front_matter)

    def _once(self, file: File, read: Callable[[File], Iterator[Page]]) -> tuple[Page, ...]:
        if file.path not in self._read:
            self._read[file.path] = tuple(read(file))
        return self._read[file.path]

    def _text(self, file: File) -> str | None:
        try:
            return text_of(bytes_of(file.path, file.shown), file.shown)
        except InputInvalid as error:
            self.faults.unreadable(file, error.problems)
            return None

    def _documents(self, file: File) -> Iterator[Page]:
        text = self._text(file)
        if text is None:
            return
        parts = [(0, text)] if file.shown.lower().endswith(".json") else list(_parts(text))
        if len(parts) > MAX_PAGES:
            message = f"the file holds more than {MAX_PAGES:,} documents; the others are not read"
            self.faults.add("ownership-too-many", message, Location(file.shown), severity="warning")
        for above, part in parts[:MAX_PAGES]:
            yield from self._page(file, part, above)

    def _front_matter(self, file: File) -> Iterator[Page]:
        text = self._text(file)
        if text is None:
            return
        lines = text.split("\n", MAX_FRONT_MATTER_LINES + 1)
        if not _FENCE.match(lines[0]):
            return
        end = next((number for number, line in enumerate(lines[1:], 1) if _FENCE.match(line)), None)
        if end is None:
            message = "the front matter has no end: there is no second line of ---"
            self.faults.add("front-matter-open", message, Location(file.shown, 1, 1, 3), file=file)
            return
        if any(line.strip() and not line.lstrip().startswith("#") for line in lines[1:end]):
            yield from self._page(file, "\n".join(lines[1:end]), 1)

    def _page(self, file: File, text: str, above: int) -> Iterator[Page]:
        try:
            # The name decides between JSON and YAML; the front matter of a page is YAML.
            name = file.shown if not file.shown.lower().endswith((".md", ".mdx")) else f"{file.shown}.yaml"
            reading = without_secrets(read_text(text, name, lenient=True))
        except InputInvalid as error:
            self.faults.unreadable(file, [_moved(problem, file, above) for problem in error.problems])
            return
        self.faults.unreadable(file, [_moved(problem, file, above) for problem in reading.problems], severity="warning")
        yield Page(file, replace(reading, path=file.shown), above)


def _moved(problem: Problem, file: File, above: int) -> Problem:
    at = problem.location
    if at is None:
        return problem
    return replace(problem, location=replace(at, path=file.shown, line=at.line + above))


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The YAML documents of a text with the lines above each.

    A marker at the start of a line ends a document wherever it stands, in block scalars too, so that text can be
    divided before it is parsed.
    """
    part: list[str] = []
    start = 0
    for number, line in enumerate(text.split("\n")):
        marker, end = _MARKER.match(line), _END.match(line)
        if marker or end:
            yield from _part(start, part)
            part, start = ([line], number) if marker else ([], number + 1)
        else:
            part.append(line)
    yield from _part(start, part)


def _part(start: int, lines: list[str]) -> Iterator[tuple[int, str]]:
    """A document, unless it holds nothing but comments and directives."""
    rest = [line for line in lines if line.strip() and not line.lstrip().startswith("#") and not line.startswith("%")]
    if rest and not (len(rest) == 1 and re.fullmatch(r"---\s*(#.*)?", rest[0])):
        yield start, "\n".join(lines)
