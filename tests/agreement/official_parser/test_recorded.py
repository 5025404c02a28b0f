"""Our verdicts, operations and merged traits on small documents, against what the official parser said about them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agreement.official_parser.documents import documents
from agreement.official_parser.official import VERSION, ask, missing
from agreement.official_parser.record import RECORD, entry, recorded, write_documents
from agreement.official_parser.verdict import ABOUT_PAYLOADS, Operation, Verdict, directions, ours

from observatory.errors import Problem, in_order
from observatory.spec.files import Library
from observatory.spec.references import References
from observatory.spec.uses import uses_of
from observatory.spec.validation import check_structure
from observatory.spec.versions import version_of


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_documents(tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="module")
def verdicts(files: dict[str, Path]) -> dict[str, Verdict]:
    return {name: ours(path, [path.parent]) for name, path in files.items()}


def refused_for(answer: dict[str, Any]) -> list[str]:
    return [code for code in answer["codes"] if code not in ABOUT_PAYLOADS]


def test_the_record_is_of_the_documents_of_the_table() -> None:
    assert json.loads(RECORD.read_text(encoding="utf-8").splitlines()[0]) == {
        "parser": VERSION,
        "documents": len(documents()),
    }
    assert set(recorded()) == set(documents())


def test_the_table_has_faulty_and_good_documents_of_every_version() -> None:
    found = {(name.split("/")[0], not refused_for(answer)) for name, answer in recorded().items()}
    versions = [f"2.{minor}.0" for minor in range(7)] + ["3.0.0", "3.1.0"]
    assert found == {(version, good) for version in versions for good in (True, False)}


def test_our_verdict_is_the_official_one_on_every_document(verdicts: dict[str, Verdict]) -> None:
    official = {name: not refused_for(answer) for name, answer in recorded().items()}
    assert {name: verdict.codes for name, verdict in verdicts.items() if verdict.accepted != official[name]} == {}


def test_only_bindings_and_wildcards_are_warnings_where_the_official_parser_refuses(
    verdicts: dict[str, Verdict],
) -> None:
    softer = {name for name, verdict in verdicts.items() if verdict.plain and not verdict.accepted}
    assert {code for name in softer for code in verdicts[name].codes} == {
        "binding-key",
        "binding-required",
        "binding-type",
        "binding-value",
        "channel-key",
    }


def test_as_many_operations_send_and_receive_as_the_official_parser_says(verdicts: dict[str, Verdict]) -> None:
    said = {name: answer for name, answer in recorded().items() if answer["accepted"]}
    counted = {name: directions(verdicts[name]) for name in said}
    assert {name: (found["send"], found["receive"]) for name, found in counted.items()} == {
        name: (answer["send"], answer["receive"]) for name, answer in said.items()
    }


def as_text(operations: Iterable[Operation]) -> list[str]:
    return sorted(json.dumps([one.action, one.address, one.merged, one.messages], sort_keys=True) for one in operations)


def test_traits_are_merged_as_the_official_parser_merges_them(verdicts: dict[str, Verdict]) -> None:
    said = {name: answer["operations"] for name, answer in recorded().items() if "operations" in answer}
    assert len([name for name in said if "/traits/" in name]) >= 90
    expected = {
        name: as_text(Operation(one["action"], one["address"], one["merged"], tuple(one["messages"])) for one in listed)
        for name, listed in said.items()
    }
    assert {name: as_text(verdicts[name].operations) for name in said} == expected


def test_every_finding_has_a_place(verdicts: dict[str, Verdict]) -> None:
    assert [problem for verdict in verdicts.values() for problem in verdict.problems if problem.location is None] == []


def structure(path: Path, *, compiled: bool) -> list[Problem]:
    references = References(Library(roots=(path.parent,)))
    root = references.root(references.library.document(path, path.name))
    version, _ = version_of(root)
    uses = uses_of(root)
    return in_order(check_structure(root, version, uses, compiled=compiled)) if version.family else []


def test_both_validators_find_the_same_in_every_document(files: dict[str, Path]) -> None:
    quick, slow = partial(structure, compiled=True), partial(structure, compiled=False)
    assert {name: slow(path) for name, path in files.items()} == {name: quick(path) for name, path in files.items()}


@pytest.mark.timeout(900)
def test_the_official_parser_still_says_what_is_recorded(files: dict[str, Path]) -> None:
    if why := missing():
        pytest.skip(f"not run here: {why}")
    names = [name for name in files if name.endswith(("/whole", "/least")) or "/traits/two-" in name]
    answers = ask([files[name] for name in names])
    found = {name: entry(name, answer) for name, answer in zip(names, answers, strict=True)}
    assert found == {name: {"document": name, **recorded()[name]} for name in names}
