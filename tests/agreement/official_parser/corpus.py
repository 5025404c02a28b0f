"""A folder of real documents with recorded verdicts, where one is present: which files, and what was said about them.

The folder is ../shared/corpus/asyncapi beside the checkout, or the one that OBSERVATORY_CORPUS names. Its MANIFEST.tsv
is read by its header line; the names of columns and of verdicts may be any of the usual ones.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
_PATHS = ("path", "file", "filename", "document", "doc", "name")
_VERSIONS = ("version", "asyncapi", "asyncapi_version", "spec_version", "spec")
_VERDICTS = ("structural", "structure", "verdict", "valid", "accepted", "official", "parser", "result", "status", "ok")
_YES = ("valid", "true", "yes", "ok", "accept", "pass", "no error", "1")
_NO = ("invalid", "false", "error", "reject", "fail", "refuse", "no", "0")


class UnreadableManifest(Exception):
    """The manifest says nothing that can be compared; the text says why."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of the manifest; `version` is as written there, `accepted` None where the line does not say."""

    path: Path
    version: str | None
    accepted: bool | None


def folder() -> Path | None:
    """The folder of the corpus, None where there is none."""
    named = os.environ.get("OBSERVATORY_CORPUS")
    found = Path(named) if named else CHECKOUT.parent / "shared" / "corpus" / "asyncapi"
    return found if found.is_dir() else None


def read_manifest(corpus: Path) -> list[Recorded]:
    """The documents of a corpus with their verdicts.

    Raises:
        UnreadableManifest: It is missing, or has no column of paths or of verdicts, or its verdicts mean nothing here.
    """
    manifest = corpus / "MANIFEST.tsv"
    if not manifest.is_file():
        raise UnreadableManifest(f"{manifest} is missing")
    text = manifest.read_text(encoding="utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UnreadableManifest(f"{manifest} is empty")
    lines[0] = lines[0].lstrip("# ")
    rows = list(csv.DictReader(lines, delimiter="\t" if "\t" in lines[0] else ","))
    header = [str(name) for name in (rows[0] if rows else [])]
    at = _column(header, _PATHS)
    judged = _column(header, _VERDICTS)
    version = _column([name for name in header if name != judged], _VERSIONS)
    if at is None or judged is None:
        what = "paths" if at is None else "verdicts"
        raise UnreadableManifest(f"{manifest} has no column of {what}: its columns are {', '.join(header)}")
    found = [
        Recorded(_located(corpus, row[at] or ""), row.get(version or "") or None, _accepted(row[judged] or ""))
        for row in rows
        if row.get(at)
    ]
    if all(one.accepted is None for one in found):
        said = Counter(row[judged] for row in rows).most_common(5)
        raise UnreadableManifest(f"the column {judged!r} of {manifest} holds no verdicts: {said}")
    return found


def _column(header: Sequence[str], words: Sequence[str]) -> str | None:
    """The column that the first of the words names that names one: as a whole, or as a part."""
    plain = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in header}
    for word in words:
        for key, name in sorted(plain.items(), key=lambda one: one[0] != word):
            if word in key:
                return name
    return None


def _accepted(text: str) -> bool | None:
    word = text.strip().lower()
    if word.startswith(tuple(one for one in _YES if len(one) > 2)) or word in _YES:
        return True
    return False if word.startswith(tuple(one for one in _NO if len(one) > 2)) or word in _NO else None


def _located(corpus: Path, written: str) -> Path:
    for base in (corpus, corpus / "documents", corpus / "docs", corpus / "files", corpus.parent, corpus.parent.parent):
        if (found := base / written).is_file():
            return found
    return corpus / written
