"""From a file to what it says: read, checked, declared and described, each document by itself.

What a document gives depends on its file, the files it refers to, and overlays; never on its neighbours. So it can be
kept, and be joined with theirs later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem
from observatory.spec import asyncapi2, asyncapi3
from observatory.spec.declared import DeclaredDocument
from observatory.spec.description import Description, service_name
from observatory.spec.drafts import DocumentDraft, DocumentFile, DocumentRecord, OverlaidRecords
from observatory.spec.extensions import ExtensionReader
from observatory.spec.files import Library, Source
from observatory.spec.overlay import Overlays
from observatory.spec.references import References
from observatory.spec.rules import check_rules
from observatory.spec.uses import uses_of
from observatory.spec.validation import check_structure
from observatory.spec.versions import version_of


class _Document(Struct, eq=False):
    """A file on its way to a record."""

    file: DocumentFile
    references: References
    source: Source | None = None
    declared: DeclaredDocument | None = None
    draft: DocumentDraft | None = None
    problems: list[Problem] = field(default_factory=list)

    def open(self) -> None:
        try:
            self.source = self.references.library.document(Path(self.file.address), self.file.shown)
        except InputInvalid as error:
            self.problems += error.problems

    @property
    def asyncapi(self) -> bool:
        data = self.source.data if self.source else None
        return isinstance(data, dict) and "asyncapi" in data

    def declare(self) -> None:
        if self.source is None or not (self.asyncapi or self.file.named):
            return
        root = self.references.root(self.source)
        version, problems = version_of(root)
        self.problems += problems
        if version.family is None:
            return
        reader = asyncapi2 if version.family == 2 else asyncapi3
        uses = uses_of(root)
        self.problems += check_structure(root, version, uses)
        self.declared = reader.read_document(root, version.text)
        self.problems += check_rules(self.declared)

    def describe(self) -> None:
        if self.declared is None:
            return
        extensions = ExtensionReader()
        service = service_name(self.declared, extensions)
        description = Description(declared=self.declared, service=service, extensions=extensions)
        self.draft = description.draft()
        self.problems += self.declared.problems + description.problems + extensions.problems

    def record(self) -> DocumentRecord:
        library = self.references.library
        problems = [*self.problems, *self.references.problems]
        for source in library.sources() if self.asyncapi or self.file.named else ():
            problems += map(_in_document, source.reading.problems)
        return DocumentRecord(
            readable=self.source is not None,
            asyncapi=self.asyncapi,
            draft=self.draft,
            problems=tuple(dict.fromkeys(problems)),
            followed=tuple((address, target, trace) for (address, target), trace in library.followed.items()),
            whole=not library.fetched,
        )


def _in_document(problem: Problem) -> Problem:
    """What a file's reading found, as it matters in a document: `!include` of RAML is let pass there."""
    harmless = problem.code == "yaml-tag" and "!include" in problem.message
    return replace(problem, severity="warning") if harmless else problem


def read_document(file: DocumentFile, library: Library) -> DocumentRecord:
    """One file without overlays."""
    document = _Document(file, References(library.another()))
    document.open()
    document.declare()
    document.describe()
    library.files.forget(file.address, file.shown)
    return document.record()


def read_overlaid(files: Sequence[DocumentFile], overlay_paths: Sequence[Path], library: Library) -> OverlaidRecords:
    """Many files at once: an overlay names documents by what tells them from the others, and reaches shared files."""
    references = References(library.another())
    documents = [_Document(file, References(library.another(), references.overlays)) for file in files]
    for document in documents:
        document.open()
    sources = [one.source for one in documents if one.source is not None and (one.asyncapi or one.file.named)]
    overlays = Overlays.read(overlay_paths, references, sources)
    for document in documents:
        document.declare()
    overlays.by_address([one.declared for one in documents if one.declared is not None])
    for document in documents:
        document.describe()
    problems = [*overlays.problems, *references.problems]
    for source in references.library.sources():
        problems += source.reading.problems
    followed = references.library.followed
    return OverlaidRecords(
        records=tuple(document.record() for document in documents),
        problems=tuple(dict.fromkeys(problems)),
        followed=tuple((address, target, trace) for (address, target), trace in followed.items()),
        whole=not references.library.fetched,
    )
