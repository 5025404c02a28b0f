"""From paths to the catalogue: the one door into this package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem, in_order
from observatory.reading import Reading, without_collection
from observatory.settings import Settings, TelemetrySettings
from observatory.spec.catalog import Catalog, TelemetryOverride
from observatory.spec.drafts import DocumentDraft, DocumentFile
from observatory.spec.files import Library, find_documents, real_path, roots_of
from observatory.spec.joining import join
from observatory.spec.journey import WrittenJourney
from observatory.spec.journey_linking import linked
from observatory.spec.journey_reading import journeys_of_settings
from observatory.spec.ownership import with_ownership
from observatory.spec.records import Records


def configured_catalog(settings: Settings, roots: Sequence[Path] = ()) -> Catalog:
    """The catalogue that settings name; what measures a channel comes from them where nobody else says it.

    Args:
        roots: Replace those of the settings.
    """
    catalog = load_catalog(
        settings.documents,
        roots=roots or settings.roots,
        overlays=settings.overlays,
        ownership=settings.ownership,
        allow_remote=settings.allow_remote_references,
        cache=settings.cache_dir,
        settings=settings.journeys,
    )
    return with_telemetry(catalog, settings.telemetry)


def with_telemetry(catalog: Catalog, rules: Sequence[TelemetrySettings]) -> Catalog:
    """Channels and operations without an `x-telemetry` of their own get the first rule that fits the channel.

    A rule that fits no channel becomes a finding: nobody would see that it does nothing.
    """
    if not rules:
        return catalog
    found: dict[str, TelemetryOverride] = {}
    unmatched = [
        Problem(
            code="telemetry-unmatched",
            severity="info",
            message=f"no channel is called {rule.channels!r}, so what the settings say of its telemetry has no effect",
            location=rule.location,
            hint="write an id or an address as `observatory catalog` shows it; * and ? stand for anything",
        )
        for rule in rules
        if catalog.channels
        and not any(
            fnmatchcase(text, rule.channels) for one in catalog.channels for text in (one.id, one.address or "")
        )
    ]
    for channel in catalog.channels:
        named = (channel.id, channel.address or "")
        rule = next((one for one in rules if any(fnmatchcase(text, one.channels) for text in named)), None)
        if rule is not None and channel.names:
            labels = tuple(sorted(rule.labels.items()))
            found[channel.id] = TelemetryOverride(profile=rule.profile, labels=labels, location=rule.location)
    return replace(
        catalog,
        problems=(*catalog.problems, *unmatched),
        channels=tuple(replace(one, telemetry=one.telemetry or found.get(one.id)) for one in catalog.channels),
    )


def load_catalog(
    paths: Sequence[Path],
    *,
    roots: Sequence[Path] = (),
    ownership: Sequence[Path] = (),
    overlays: Sequence[Path] = (),
    allow_remote: bool = False,
    cache: Path | None = None,
    settings: Reading | None = None,
) -> Catalog:
    """Read AsyncAPI documents into one catalogue.

    Never raises for what documents hold: every fault is in `Catalog.problems`, in order of place, and the channels
    that could be read are there all the same.

    Args:
        paths: Documents, and folders that are searched for them.
        roots: Folders that references may not leave; the folders of `paths` when empty.
        ownership: Files and folders that say who owns what, beside those found with the documents; see
            `with_ownership`.
        overlays: Overlay files; what they say about something the documents do not have is a problem.
        allow_remote: Whether references to web addresses are fetched.
        cache: A folder for what unchanged documents need not be read for again; the catalogue is the same with
            and without it. None reads everything.
        settings: A settings file, for the journeys that it declares.
    """
    with without_collection():
        catalog = _load(paths, roots, overlays, allow_remote, cache, settings)
        # Read anew each time: who owns what may change without any document.
        return with_ownership(catalog, ownership, roots_of(paths, roots))


def _load(
    paths: Sequence[Path],
    roots: Sequence[Path],
    overlays: Sequence[Path],
    allow_remote: bool,
    cache: Path | None,
    settings: Reading | None,
) -> Catalog:
    found, problems = find_documents(paths)
    library = Library(roots=roots_of(paths, roots), allow_remote=allow_remote)
    files: dict[str, DocumentFile] = {}
    for path, named in found:
        shown = str(path)
        try:
            real = real_path(path, shown)
            library.require_inside(real, shown)
        except InputInvalid as error:
            problems += error.problems
            continue
        known = files.get(str(real))
        if known is None or (named and not known.named):
            files[str(real)] = DocumentFile(address=str(real), shown=shown, named=named)
    ordered = sorted(files.values(), key=lambda one: one.shown)
    read, faults = Records(library, cache).of(ordered, overlays)
    problems += faults
    drafts: list[DocumentDraft] = []
    for record in read:
        problems += record.problems
        if record.draft is not None:
            drafts.append(record.draft)
    documents = _named(drafts)
    catalog = join(documents, problems)
    written: list[tuple[str | None, WrittenJourney]] = [
        (name, one) for name, draft in documents for one in draft.journeys
    ]
    faults_of_settings: list[Problem] = []
    if settings is not None:
        written += [(None, one) for one in journeys_of_settings(settings, faults_of_settings)]
    journeys, unlinked = linked(catalog, written)
    return replace(
        catalog, journeys=journeys, problems=tuple(in_order([*catalog.problems, *faults_of_settings, *unlinked]))
    )


def _named(drafts: Sequence[DocumentDraft]) -> list[tuple[str, DocumentDraft]]:
    """Each document with its name: its service, told apart by file where several documents share it."""
    sharing: dict[str, list[DocumentDraft]] = defaultdict(list)
    for draft in sorted(drafts, key=lambda one: one.document.path):
        sharing[draft.document.service].append(draft)
    taken: set[str] = {service for service, members in sharing.items() if len(members) == 1}
    named: list[tuple[str, DocumentDraft]] = []
    for service, members in sharing.items():
        for draft in members:
            name = service
            if len(members) > 1:
                name = base = f"{service}-{Path(draft.document.path).stem}"
                number = 2
                while name in taken:
                    name, number = f"{base}-{number}", number + 1
                taken.add(name)
            named.append((name, draft))
    return named
