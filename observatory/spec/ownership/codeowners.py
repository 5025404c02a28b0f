"""CODEOWNERS, of GitHub and of GitLab: who reviews changes of a document, the last resort for who owns it.

GitHub: the last rule that matches decides; a rule without owners takes ownership away; `!` and `[ ]` are not known.
GitLab: the same inside each section, sections stand side by side, each may have default owners, `!` excludes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from observatory.errors import InputInvalid
from observatory.location import Location
from observatory.reading import bytes_of, text_of
from observatory.spec.catalog import Document, Owner
from observatory.spec.ownership.claims import Claim, Findings
from observatory.spec.ownership.finding import Faults, File
from observatory.spec.ownership.patterns import Pattern

MAX_BYTES = 3 * 1024 * 1024
"""GitHub reads no larger file either."""
_HEADING = re.compile(r"(?P<optional>\^)?\[(?P<name>[^\]]+)\](?:\[\d+\])?(?:\s+(?P<owners>.*))?\s*")
_OWNER = re.compile(r"@@?[\w./-]+|[\w.+-]+@[\w-]+(\.[\w-]+)+")
_FIRST_WORD = re.compile(r"((?:\\.|[^\\\s])+)\s*(.*)")


class Rule(Struct, frozen=True):
    """One line: what it matches, and who owns that. `excludes` takes a path out of its section."""

    pattern: Pattern
    owners: tuple[str, ...]
    at: Location
    excludes: bool = False


class Section(Struct):
    """Rules that are looked at together; the rules of GitHub are one section without a name."""

    optional: bool = False
    rules: list[Rule] = msgspec.field(default_factory=list)

    def deciding(self, path: tuple[str, ...]) -> Rule | None:
        """The rule that says who owns a path; None where there is none or it names nobody."""
        if any(rule.excludes and rule.pattern.matches(path) for rule in self.rules):
            return None
        found = next((rule for rule in reversed(self.rules) if rule.pattern.matches(path)), None)
        return found if found is not None and found.owners else None


class CodeOwners(Struct):
    """A file that was read."""

    base: Path
    sections: list[Section]

    def owner(self, path: Path) -> Owner | None:
        """Who owns a file, by its real path; None outside the repository, and where nobody is named.

        Where several sections name somebody, the last one that must approve names the team, and all are contacts.
        """
        if not path.is_relative_to(self.base):
            return None
        segments = path.relative_to(self.base).parts
        matched = [(section, rule) for section in self.sections if (rule := section.deciding(segments)) is not None]
        required = [rule for section, rule in matched if not section.optional]
        rules = required or [rule for _, rule in matched]
        if not rules:
            return None
        last = rules[-1]
        named = list(dict.fromkeys([*last.owners, *(owner for rule in rules for owner in rule.owners)]))
        return Owner(
            team=_team(last.owners),
            contact=", ".join(named),
            provenance=f"{last.at.path}:{last.at.line}",
            location=last.at,
        )


def read_codeowners(file: File, faults: Faults) -> CodeOwners | None:
    """The rules of a file, None when it cannot be read; lines that cannot be used are reported and left out."""
    try:
        text = text_of(bytes_of(file.path, file.shown), file.shown, max_bytes=MAX_BYTES)
    except InputInvalid as error:
        faults.unreadable(file, error.problems)
        return None
    lines = text.split("\n")
    gitlab = file.path.parent.name == ".gitlab" or (
        file.path.parent.name != ".github" and any(_HEADING.fullmatch(line.strip()) for line in lines)
    )
    reader = _GitLab(file, faults) if gitlab else _GitHub(file, faults)
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            reader.read(line, number)
    return CodeOwners(file.base or file.path.parent, list(reader.sections.values()))


@dataclass(slots=True)
class _Lines(ABC):
    file: File
    faults: Faults
    sections: dict[str, Section] = field(default_factory=lambda: {"": Section()})

    @abstractmethod
    def read(self, line: str, number: int) -> None:
        """Take in one line."""

    def at(self, line: str, number: int) -> Location:
        stripped = line.strip()
        return Location(self.file.shown, number, line.index(stripped) + 1, len(stripped))

    def unusable(self, message: str, at: Location, hint: str | None = None) -> None:
        self.faults.add("codeowners-line", message, at, hint, severity="warning")


class _GitHub(_Lines):
    def read(self, line: str, number: int) -> None:
        at = self.at(line, number)
        match = _FIRST_WORD.match(line.strip())
        if match is None:
            self.unusable("a pattern cannot end in a backslash", at)
            return
        pattern, rest = match.groups()
        if pattern.startswith("!"):
            hint = "write the pattern of what is left out, without owners, below"
            self.unusable("a pattern with ! is not known in this file, and the line has no effect", at, hint)
            return
        if "[" in pattern.replace("\\[", ""):
            hint = "write a pattern for each, or one with *"
            self.unusable("a pattern with [ ] is not known in this file, and the line has no effect", at, hint)
            return
        words = re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].split()
        if (wrong := next((word for word in words if not _OWNER.fullmatch(word)), None)) is not None:
            hint = "an owner is @user, @organisation/team or an e-mail address; a space in a path is written \\ "
            self.unusable(f"{wrong!r} is no owner, and the line has no effect", at, hint.rstrip())
            return
        self.sections[""].rules.append(Rule(Pattern.github(pattern), tuple(words), at))


@dataclass(slots=True)
class _GitLab(_Lines):
    current: str = ""
    defaults: tuple[str, ...] = ()

    def read(self, line: str, number: int) -> None:
        at = self.at(line, number)
        if heading := _HEADING.fullmatch(line.strip()):
            # Sections of one name, in whatever case, are one.
            self.current = heading["name"].strip().casefold()
            self.sections.setdefault(self.current, Section(optional=heading["optional"] is not None))
            self.defaults = tuple(word for word in (heading["owners"] or "").split() if _OWNER.fullmatch(word))
            return
        match = _FIRST_WORD.match(line.strip())
        if match is None:
            self.unusable("a pattern cannot end in a backslash", at)
            return
        pattern, rest = match.groups()
        excludes = pattern.startswith("!")
        owners = tuple(word for word in rest.split() if _OWNER.fullmatch(word)) or self.defaults
        rule = Rule(Pattern.gitlab(pattern.removeprefix("!")), owners, at, excludes)
        self.sections[self.current].rules.append(rule)


def _team(owners: tuple[str, ...]) -> str:
    """The name to go by: of the first team, else of the first person; its last part, without the organisation."""
    people = [owner for owner in owners if not owner.startswith("@@")] or list(owners)
    chosen = next((owner for owner in people if owner.startswith("@") and "/" in owner), people[0])
    return chosen.rsplit("/", 1)[-1].lstrip("@") if chosen.startswith("@") else chosen


def claim_by_codeowners(
    files: Iterator[File], documents: dict[str, tuple[Document, Path]], found: Findings, faults: Faults
) -> None:
    """What CODEOWNERS files say about documents: of several that speak of one, the nearest to it."""
    read = [(file, owners) for file in files if (owners := read_codeowners(file, faults)) is not None]
    for name, (_, path) in documents.items():
        speaking = [(owners, owner) for _, owners in read if (owner := owners.owner(path)) is not None]
        if speaking:
            _, owner = max(speaking, key=lambda pair: len(pair[0].base.parts))
            found.claims.append(Claim(reader="codeowners", document=name, owner=owner))
