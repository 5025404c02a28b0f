"""Verdicts, operations and merged traits on a corpus of real documents, where one is present.

    OBSERVATORY_CORPUS=FOLDER pytest tests/agreement/official_parser/test_corpus.py -s

The verdicts are those of the folder's MANIFEST.tsv; where that has none, and for operations and traits, the official
parser is asked if it can be. Every disagreement is printed with its reason from known_differences.tsv.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from agreement.official_parser.corpus import Recorded, UnreadableManifest, folder, read_manifest
from agreement.official_parser.official import ask, missing
from agreement.official_parser.verdict import (
    DEFINITIONS,
    Operation,
    Verdict,
    directions,
    is_supported,
    official,
    ours,
)

from observatory.errors import InputInvalid
from observatory.reading import read

REASONS = Path(__file__).with_name("known_differences.tsv")
WANTED = 0.985
HOUR = 3600
pytestmark = [pytest.mark.timeout(HOUR)]
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Pair:
    """Both verdicts on one document; `theirs` has codes and operations where the official parser was asked."""

    path: Path
    mine: Verdict
    theirs: Verdict

    def kind(self) -> str:
        """A name for a disagreement, by which its reason is looked up."""
        if self.theirs.plain:
            return f"refused here: {', '.join(self.mine.codes)}"
        return f"accepted here: {', '.join(self.theirs.codes) or 'no code recorded'}"


@pytest.fixture(scope="module")
def corpus() -> Path:
    found = folder()
    if found is None:
        pytest.skip("no corpus here: put one at ../shared/corpus/asyncapi, or name it in OBSERVATORY_CORPUS")
    return found


@pytest.fixture(scope="module")
def answers(corpus: Path) -> dict[Path, Verdict]:
    """What the official parser says about all that is not recorded as refused; empty where it cannot be asked."""
    if missing() is not None:
        return {}
    paths = [one.path for one in _supported(corpus) if one.accepted is not False]
    return {path: official(answer) for path, answer in zip(paths, ask(paths, seconds=HOUR), strict=True)}


def _supported(corpus: Path) -> list[Recorded]:
    return [one for one in _listed(corpus) if is_supported(_version(one))]


def _listed(corpus: Path) -> list[Recorded]:
    try:
        listed = read_manifest(corpus)
    except UnreadableManifest as error:
        print(f"\n{error}; the official parser is asked instead")
        files = sorted(path for path in corpus.rglob("*") if path.suffix in SUFFIXES and path.is_file())
        listed = [Recorded(path, None, None) for path in files if _is_document(path)]
    return [one for one in listed if one.path.is_file()]


def _is_document(path: Path) -> bool:
    return b"asyncapi" in path.read_bytes()[:4096]


@pytest.fixture(scope="module")
def pairs(corpus: Path, request: pytest.FixtureRequest) -> list[Pair]:
    """Both verdicts on each document of a supported version that has one."""
    listed = _supported(corpus)
    unrecorded = [one for one in listed if one.accepted is None]
    asked: dict[Path, Verdict] = {}
    if unrecorded:
        if why := missing():
            pytest.skip(
                f"not run here: {len(unrecorded)} of {len(listed)} documents have no recorded verdict, and {why}"
            )
        asked = request.getfixturevalue("answers")
    found = []
    for one in listed:
        recorded = Verdict(frozenset() if one.accepted else frozenset({"structure"}), bool(one.accepted), ())
        found.append(Pair(one.path, ours(one.path, [corpus]), asked.get(one.path) or recorded))
    return found


def _version(one: Recorded) -> object:
    """The version that a document says it has; of one that cannot be read, the one in the manifest."""
    try:
        data = read(one.path, lenient=True).data
    except InputInvalid:
        return one.version.strip().strip("'\"") if one.version else None
    return data.get("asyncapi") if isinstance(data, dict) else None


def reasons() -> dict[str, str]:
    with REASONS.open(encoding="utf-8") as file:
        return {row["kind"]: row["reason"] for row in csv.DictReader(file, delimiter="\t")}


def test_the_structural_verdict_is_the_recorded_one(corpus: Path, pairs: list[Pair]) -> None:
    """A record does not say which kinds of fault it counts; what fits best is taken for it, and all are printed."""
    assert pairs
    different = {
        definition: [pair for pair in pairs if pair.mine.accepted_as(definition) != pair.theirs.accepted_as(definition)]
        for definition in DEFINITIONS
    }
    print(f"\n{len(pairs)} documents of supported versions; disagreements where a verdict counts")
    for definition, listed in different.items():
        print(f"  {len(listed):4}  {definition}")
    meant = min(different, key=lambda definition: len(different[definition]))
    softer = [pair for pair in pairs if pair.mine.plain and pair.theirs.plain is False and pair not in different[meant]]
    print(f"{len(softer)} more where a binding or a channel key is a warning here and an error there")
    known = reasons()
    for pair in different[meant]:
        print(f"  {pair.path.relative_to(corpus)}: {pair.kind()}: {known.get(pair.kind(), 'no reason known')}")
    assert len(different[meant]) <= (1 - WANTED) * len(pairs)


def test_no_official_example_is_refused(pairs: list[Pair]) -> None:
    examples = [pair for pair in pairs if "examples" in pair.path.parts and "spec" in str(pair.path.parent).lower()]
    assert [str(pair.path) for pair in examples if pair.theirs.accepted and not pair.mine.plain] == []


def test_every_finding_has_a_place(pairs: list[Pair]) -> None:
    assert [problem for pair in pairs for problem in pair.mine.problems if problem.location is None] == []


def _merged(operations: tuple[Operation, ...]) -> list[str]:
    return sorted(json.dumps([one.action, one.address, one.merged], sort_keys=True) for one in operations)


def test_operations_directions_and_merged_traits_are_those_of_the_official_parser(
    corpus: Path, pairs: list[Pair], answers: dict[Path, Verdict]
) -> None:
    if why := missing():
        pytest.skip(f"not run here: {why}")
    accepted = [pair for pair in pairs if pair.path in answers and answers[pair.path].operations]
    print(f"\n{len(accepted)} accepted documents with operations")
    counts = {str(pair.path): directions(pair.mine) for pair in accepted}
    assert counts == {str(pair.path): directions(answers[pair.path]) for pair in accepted}
    circular = [pair for pair in accepted if "(itself)" in json.dumps(_merged(answers[pair.path].operations))]
    merged = {str(pair.path): _merged(pair.mine.operations) for pair in accepted if pair not in circular}
    expected = {path: _merged(answers[Path(path)].operations) for path in merged}
    assert {path for path in merged if merged[path] != expected[path]} == set()
