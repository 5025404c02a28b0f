"""What is wrong with a text that is no YAML, in words for the person who wrote it.

libyaml says where it gave up and which of its rules was waiting. What somebody did is mostly one of a dozen things: a
tab, a line that is indented by one blank too many, a quote or a bracket that is not closed, a colon inside a value.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

import yaml

from observatory.covering import MAX_LOOK_BACK, covered_line
from observatory.errors import Problem
from observatory.location import Location
from observatory.reading.faults import fault
from observatory.reading.lines import Lines

_SHOWN = 60
_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_MAX_ANCHORS = 1000


class SyntaxFault:
    """One error of libyaml, and the text around it."""

    def __init__(self, error: yaml.MarkedYAMLError, lines: Lines, path: str) -> None:
        self.lines = lines
        self.path = path
        self.said = (error.problem or "cannot be parsed").strip()
        self.context = (error.context or "").strip()
        mark = error.problem_mark or error.context_mark
        self.line, self.column = lines.of(mark) if mark else (1, 1)
        self.began = lines.of(error.context_mark) if error.context_mark else (self.line, self.column)
        self.text = lines.text_of(self.line)
        self.rest = self.text[self.column - 1 :]
        self.before = self.text[: self.column - 1]
        above = [lines.text_of(number) for number in range(max(1, self.line - MAX_LOOK_BACK), self.line)]
        # What is quoted in a message would otherwise get round the covering of the excerpt.
        self.secret = covered_line([*above, self.text], len(above)) != self.text

    def problem(self) -> Problem:
        """The finding."""
        readings = (
            *(self._document, self._left_over, self._blank, self._anchor, self._tab, self._token, self._quote),
            *(self._key, self._colon, self._bracket, self._indentation),
        )
        for read in readings:
            if (found := read()) is not None:
                return found
        return self._other()

    def _document(self) -> Problem | None:
        if "found another document" not in self.said:
            return None
        at = Location(self.path, self.line, self.column, 3)
        return fault("yaml-many-documents", "the file holds more than one YAML document", at, "keep one per file")

    def _left_over(self) -> Problem | None:
        """Marks of a merge that nobody finished, on the line or just above it."""
        for number in (self.line, self.line - 1, self.began[0]):
            if number >= 1 and (mark := re.match(r"(<{7}|={7}|>{7}|\|{7})(?= |$)", self.lines.text_of(number))):
                message = f"{mark[0]} is left over from a merge"
                at = Location(self.path, number, 1, len(mark[0]))
                return fault("yaml-syntax", message, at, "choose what is right between the marks, and take them out")
        return None

    def _blank(self) -> Problem | None:
        """A blank in the indentation that looks like a space and is none; the next line is where it gets noticed."""
        for number in (self.line, self.line - 1):
            blank = re.match(rf" *([{_BLANKS}]+)", self.lines.text_of(number)) if number >= 1 else None
            if blank is not None:
                message = f"U+{ord(blank[1][0]):04X} stands in the indentation: it looks like a space and is none"
                at = Location(self.path, number, blank.start(1) + 1, len(blank[1]))
                return fault("yaml-syntax", message, at, "replace it by a space")
        return None

    def _anchor(self) -> Problem | None:
        name = re.match(r"[*&]([\w-]*)", self.rest)
        if name is None:
            return None
        length = len(name[0])
        if "undefined alias" in self.said:
            known = re.findall(r"(?<!\S)&([\w-]+)", self.lines.text_before(self.line))
            near = get_close_matches(name[1][:_SHOWN], known[:_MAX_ANCHORS], 1, 0.6)
            hint = f"did you mean *{near[0]}?" if near else f"write &{name[1]} at a value above this line"
            hint += f"; quote it if the * is meant as text: '*{name[1]}'"
            if self.secret:
                return self._fault("this alias has no anchor before it", "quote it if the * is meant as text", length)
            return self._fault(f"the alias *{name[1]} has no anchor before it", hint, length)
        if "occurrence" in self.said:
            message = f"the anchor &{name[1]} is written twice; the first one is in line {self.began[0]}"
            return self._fault(message, "give one of them another name", length)
        return None

    def _tab(self) -> Problem | None:
        tabs = re.match(r"\t+", self.rest)
        if tabs is None or self.before.strip():
            return None
        message = "a tab stands in the indentation, and YAML is indented with spaces"
        return self._fault(message, "replace each tab by two spaces", len(tabs[0]))

    def _token(self) -> Problem | None:
        first = self.rest[:1]
        if "cannot start any token" in self.said or "expected alphabetic or numeric" in self.said:
            if first not in ("@", "`", "%"):
                start = re.search(r"[*&]\S*$", self.before[-_SHOWN:] + first)
                first = start[0][0] if start else first
            value = self._value_from(first)
            means = {"*": "an alias", "&": "an anchor", "%": "a directive"}.get(first, "nothing that YAML knows")
            hint = "put it in quotes" + ("" if self.secret else f": '{value}'")
            return self._fault(f"a value that starts with {first} is {means}", hint)
        if "unknown escape" in self.said:
            escape = self.rest[:2]
            message = f"{escape} is no escape, and in double quotes a backslash begins one"
            return self._fault(message, f"write \\{escape}, or put the text in single quotes", 2)
        if "block scalar" in self.context and "comment or line break" in self.said:
            message = "behind | or > stands nothing but +, - or a digit"
            return self._fault(message, "begin the text in the next line, indented below its key")
        if "<document start>" in self.said:
            message = "this line is indented less than the first one, so it is no part of the document"
            return self._fault(message, "begin the keys at the top in one column", max(1, len(self.rest.rstrip())))
        if "block sequence entries are not allowed" in self.said:
            hint = "write each - on a line of its own, below the key; text that begins with - is put in quotes"
            return self._fault("a list cannot begin behind its key", hint)
        if "unexpected ':'" in self.said:
            return self._fault("a colon stands in a value between brackets", "put the value in quotes")
        if "mapping keys are not allowed" in self.said:
            return self._fault("a question mark and a blank begin a key here", "put text that begins with ? in quotes")
        if "hexdecimal" in self.said:
            return self._fault("an escape lacks hexadecimal digits", "\\x takes two of them, \\u four, \\U eight")
        return None

    def _quote(self) -> Problem | None:
        if "quoted scalar" not in self.context or "unexpected" not in self.said:
            return None
        line, column = self.began
        quote = self.lines.text_of(line)[column - 1 : column]
        at = Location(self.path, line, column, 1)
        return fault("yaml-syntax", "the quote that opens here is not closed", at, f"write {quote} where the text ends")

    def _key(self) -> Problem | None:
        if "could not find expected ':'" not in self.said:
            return None
        line, column = self.began
        word = self.lines.text_of(line)[column - 1 :].rstrip()
        at = Location(self.path, line, column, max(1, len(word)))
        return fault("yaml-syntax", "this is no key, because no colon and blank follow", at, "is a colon missing?")

    def _colon(self) -> Problem | None:
        if "mapping values are not allowed" not in self.said:
            return None
        pair = re.fullmatch(r"\s*(?:-\s+)*([^\s:#][^:#]*):\s+(\S.*)", self.text.rstrip())
        if pair is not None and ":" in self.before:
            message = "a value that holds a colon and a blank looks like another key"
            value = pair[2].replace("'", "''")
            if value.endswith(":"):
                return self._fault("a colon stands behind a value, which makes a key of it", "take the colon out")
            quoted = len(pair[0]) <= _SHOWN and not self.secret
            hint = "put the value in quotes" + (f": {pair[1]}: '{value}'" if quoted else "")
            return self._fault(message, hint)
        above = self.lines.text_of(self.line - 1) if self.line > 1 else ""
        if re.search(r"^\s*[^\s:#]+:\S", above):
            at = Location(self.path, self.line - 1, above.index(":") + 1, 1)
            return fault("yaml-syntax", "a colon behind a key is followed by a blank, and here it is not", at)
        if above.strip() and ":" not in above:
            at = Location(self.path, self.line - 1, len(above) - len(above.lstrip()) + 1, len(above.strip()))
            return fault("yaml-syntax", "this line is no key and no value", at, "a colon behind it is missing?")
        message = "this line is indented below a line that has its value already"
        begin = len(self.text) - len(self.text.lstrip())
        at = Location(self.path, self.line, begin + 1, max(1, self.column - 1 - begin))
        return fault("yaml-syntax", message, at, "indent it as far as the line above")

    def _bracket(self) -> Problem | None:
        if "did not find expected node content" in self.said:
            if match := re.search(r":\s+(#\S*)", self.text if "#" in self.text else self.lines.text_of(self.line - 1)):
                line = self.line if match[0] in self.text else self.line - 1
                at = Location(self.path, line, match.start(1) + 1, len(match[1]))
                return fault("yaml-syntax", "this is a comment, because of the blank before #", at, "put it in quotes")
            first = self.rest[:1]
            if first and first in "]}" and "block" in self.context:
                return self._fault(f"this {first} closes nothing", "take it out, or quote the text it is part of")
            if not first:
                return self._fault("the file ends inside a bracket that is not closed", "is it cut off?")
            return self._fault(f"a value is missing {'between two commas' if first == ',' else f'before {first}'}")
        if "flow sequence" not in self.context and "flow mapping" not in self.context:
            return None
        what, close = ("list", "]") if "sequence" in self.context else ("mapping", "}")
        line, column = self.began
        opening = self.lines.text_of(line)
        indent, outer = (len(row) - len(row.lstrip()) for row in (self.text, opening))
        ended = not self.text.strip() or (self.line > line and indent <= outer)
        if ended:
            message = f"the {what} that opens here is not closed"
            at = Location(self.path, line, column, 1)
            return fault("yaml-syntax", message, at, f"write {close} where it ends")
        message = (
            f"the {what} that opens in line {line}, column {column} goes on, so a comma or {close} is missing here"
        )
        return self._fault(message)

    def _indentation(self) -> Problem | None:
        if "did not find expected key" not in self.said and "expected '-'" not in self.said:
            return None
        if self.before.strip():
            return self._fault("the value has ended before this", "put the whole value in one pair of quotes")
        own = self.column - 1
        around = self.lines.indents_above(self.line)
        if own not in around:
            fits = [str(one) for one in (max((n for n in around if n < own), default=None), _next(around, own))
                    if one is not None]  # fmt: skip
            message = f"this line is indented by {own} {'blank' if own == 1 else 'blanks'}, as no line above it is"
            hint = f"indent it by {' or '.join(fits)}" if fits else None
            at = Location(self.path, self.line, 1, max(own, 1))
            return fault("yaml-syntax", message, at, hint)
        began = f"in line {self.began[0]}"
        if self.rest.startswith("-") and "mapping" in self.context:
            return self._fault(
                f"this begins a list, among the keys of the mapping that begins {began}", "indent it below its key"
            )
        if "collection" in self.context:
            message = f"this is no entry of the list that begins {began}: entries begin with - and a blank"
            return self._fault(message)
        return self._fault(f"a key is expected here, in the mapping that begins {began}", "check the lines above it")

    def _other(self) -> Problem:
        said = self.said.removeprefix("found ").replace("did not find expected", "no")
        context = re.sub(r"^while (scanning|parsing) ", "in ", self.context)
        return self._fault(f"not YAML: {said}{' ' + context if context.startswith('in ') else ''}")

    def _value_from(self, first: str) -> str:
        start = self.text.find(first, max(0, self.column - 2))
        value = self.text[start if start >= 0 else self.column - 1 :].rstrip()
        return value[:_SHOWN].replace("'", "''")

    def _fault(self, message: str, hint: str | None = None, length: int = 1) -> Problem:
        return fault("yaml-syntax", message, Location(self.path, self.line, self.column, length), hint)


def _next(around: list[int], own: int) -> int | None:
    return min((n for n in around if n > own), default=None)
