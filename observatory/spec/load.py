"""From paths to the catalogue: the one door into this package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from observatory.errors import InputInvalid, Problem, in_order
from observatory.reading import without_collection
from observatory.spec import asyncapi2, asyncapi3
from observatory.spec.catalog import Catalog
from observatory.spec.declared import DeclaredDocument
from observatory.spec.description import Description, service_name
from observatory.spec.extensions import ExtensionReader
from observatory.spec.files import Library, Source, find_documents, roots_of
from observatory.spec.joining import join
from observatory.spec.overlay import Overlays
from observatory.spec.references import References
from observatory.spec.rules import check_rules
from observatory.spec.validation import check_structure
from observatory.spec.versions import version_of


def load_catalog(
    paths: Sequence[Path],
    *,
    roots: Sequence[Path] = (),
    overlays: Sequence[Path] = (),
    allow_remote: bool = False,
) -> Catalog:
    """Read AsyncAPI documents into one catalogue.

    Never raises for what documents hold: every fault is in `Catalog.problems`, in order of place, and the channels
    that could be read are there all the same.

    Args:
        paths: Documents, and folders that are searched for them.
        roots: Folders that references may not leave; the folders of `paths` when empty.
        overlays: Overlay files; what they say about something the documents do not have is a problem.
        allow_remote: Whether references to web addresses are fetched.
    """
    with without_collection():
        return _load(paths, roots, overlays, allow_remote)


def _load(paths: Sequence[Path], roots: Sequence[Path], overlay_paths: Sequence[Path], allow_remote: bool) -> Catalog:
    found, problems = find_documents(paths)
    library = Library(roots=roots_of(paths, roots), allow_remote=allow_remote)
    references = References(library)
    sources: list[Source] = []
    seen: set[str] = set()
    for path, named in found:
        try:
            source = library.document(path, str(path))
        except InputInvalid as error:
            problems += error.problems
            continue
        is_document = isinstance(source.data, dict) and "asyncapi" in source.data
        if source.address not in seen and (named or is_document):
            seen.add(source.address)
            sources.append(source)
    overlays = Overlays.read(overlay_paths, references, sources)
    documents: list[DeclaredDocument] = []
    for source in sorted(sources, key=lambda one: one.reading.path):
        document, faults = _read_document(source, references)
        problems += faults
        if document is not None:
            documents.append(document)
    extensions = ExtensionReader()
    descriptions = [
        Description(declared=document, name=name, service=service, extensions=extensions)
        for document, name, service in _named_documents(documents, extensions)
    ]
    overlays.by_address(documents)
    for description in descriptions:
        description.describe()
        problems += description.declared.problems + description.problems
    problems += extensions.problems + references.problems + overlays.problems
    for source in library.sources():
        problems += (_in_document(problem) for problem in source.reading.problems)
    catalog = join(descriptions, problems)
    return Catalog(
        documents=catalog.documents,
        channels=catalog.channels,
        operations=catalog.operations,
        problems=tuple(in_order(catalog.problems)),
    )


def _in_document(problem: Problem) -> Problem:
    """What a file's reading found, as it matters in a document: `!include` of RAML is let pass there."""
    harmless = problem.code == "yaml-tag" and "!include" in problem.message
    return replace(problem, severity="warning") if harmless else problem


def _read_document(source: Source, references: References) -> tuple[DeclaredDocument | None, list[Problem]]:
    root = references.root(source)
    version, problems = version_of(root)
    if version.family is None:
        return None, problems
    reader = asyncapi2 if version.family == 2 else asyncapi3
    uses = references.check(root)
    problems += check_structure(root, version, uses)
    document = reader.read_document(root, version.text)
    problems += check_rules(document)
    return document, problems


def _named_documents(
    documents: Sequence[DeclaredDocument], extensions: ExtensionReader
) -> list[tuple[DeclaredDocument, str, str]]:
    """Each document with its name and its service. Services that several documents share are told apart by file."""
    services = [(document, service_name(document, extensions)) for document in documents]
    sharing: dict[str, list[DeclaredDocument]] = defaultdict(list)
    for document, service in services:
        sharing[service].append(document)
    taken: set[str] = {service for service, members in sharing.items() if len(members) == 1}
    named: list[tuple[DeclaredDocument, str, str]] = []
    for document, service in services:
        name = service
        if len(sharing[service]) > 1:
            stem = Path(document.root.source.reading.path).stem
            name = base = f"{service}-{stem}"
            number = 2
            while name in taken:
                name, number = f"{base}-{number}", number + 1
            taken.add(name)
        named.append((document, name, service))
    return named
