"""What documents gave, from the cache where nothing has changed since, else read anew and kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from observatory.errors import Problem
from observatory.spec.cache import DraftCache, code_fingerprint, key_of
from observatory.spec.drafts import DocumentFile, DocumentRecord, OverlaidRecords
from observatory.spec.files import Library
from observatory.spec.tables import TableError, Tables

FOLDER = "drafts"
Followed = Sequence[tuple[str, str, str]]


class Records:
    """Reads the documents of one run.

    Without overlays each document is an entry of its own, so that one changed file of many costs what that file costs.
    Overlays tie documents together, and then all of them are one entry.
    """

    def __init__(self, library: Library, folder: Path | None) -> None:
        self._library = library
        self._cache = DraftCache(folder / FOLDER) if folder is not None else None
        # The number of the roots keeps them apart from what follows.
        self._options = (str(len(library.roots)), *map(str, library.roots), str(library.allow_remote))

    def of(
        self, files: Sequence[DocumentFile], overlays: Sequence[Path]
    ) -> tuple[Sequence[DocumentRecord], Sequence[Problem]]:
        """A record for each file, and what is wrong with the overlays."""
        if overlays:
            overlaid = self._overlaid(files, overlays)
            read, problems = overlaid.records, overlaid.problems
        else:
            read, problems = tuple(self._one(file) for file in files), ()
        if self._cache is not None:
            self._cache.trim()
        return read, problems

    def _one(self, file: DocumentFile) -> DocumentRecord:
        if self._cache is None:
            return _read_document(file, self._library)
        key = self._key("document", *self._parts(file))
        kept = self._find(key, _record_tables())
        if isinstance(kept, DocumentRecord) and self._unchanged(kept.followed):
            return kept
        record = _read_document(file, self._library)
        # The file may have changed since it was looked at; the entry belongs to what was read.
        if record.whole and key == self._key("document", *self._parts(file)):
            self._keep(key, record, _record_tables())
        return record

    def _overlaid(self, files: Sequence[DocumentFile], overlays: Sequence[Path]) -> OverlaidRecords:
        if self._cache is None:
            return _read_overlaid(files, overlays, self._library)
        parts = self._estate(files, overlays)
        key = self._key("estate", *parts)
        kept = self._find(key, _estate_tables())
        if isinstance(kept, OverlaidRecords) and all(
            self._unchanged(one) for one in (kept.followed, *(record.followed for record in kept.records))
        ):
            return kept
        overlaid = _read_overlaid(files, overlays, self._library)
        whole = overlaid.whole and all(record.whole for record in overlaid.records)
        if whole and parts == self._estate(files, overlays):
            self._keep(key, overlaid, _estate_tables())
        return overlaid

    def _estate(self, files: Sequence[DocumentFile], overlays: Sequence[Path]) -> list[str]:
        parts = [
            part for path in overlays for part in (str(path), self._library.files.fingerprint(str(path.resolve())))
        ]
        return [*parts, *(part for file in files for part in self._parts(file))]

    def _parts(self, file: DocumentFile) -> tuple[str, ...]:
        return file.address, file.shown, str(file.named), self._library.files.fingerprint(file.address)

    def _key(self, kind: str, *parts: str) -> str:
        return key_of(code_fingerprint(), kind, *self._options, *parts)

    def _find(self, key: str, tables: Tables) -> object:
        assert self._cache is not None
        raw = self._cache.find(key)
        if raw is None:
            return None
        try:
            return tables.read(raw)
        except TableError:
            return None

    def _keep(self, key: str, value: object, tables: Tables) -> None:
        assert self._cache is not None
        try:
            raw = tables.write(value)
        except TableError:
            return
        self._cache.keep(key, raw)

    def _unchanged(self, followed: Followed) -> bool:
        return all(self._library.trace(target, address) == trace for address, target, trace in followed)


def _read_document(file: DocumentFile, library: Library) -> DocumentRecord:
    # All that reads documents comes with it, which a run that finds every document kept does without.
    from observatory.spec.documents import read_document

    return read_document(file, library)


def _read_overlaid(files: Sequence[DocumentFile], overlays: Sequence[Path], library: Library) -> OverlaidRecords:
    from observatory.spec.documents import read_overlaid

    return read_overlaid(files, overlays, library)


@cache
def _record_tables() -> Tables:
    return Tables(DocumentRecord)


@cache
def _estate_tables() -> Tables:
    return Tables(OverlaidRecords)
