"""Two thousand mutants of documents: each ends in findings with a place inside the file, and none in an exception."""

from __future__ import annotations

from pathlib import Path

import document_mutants
import pytest

import observatory
from observatory.cli.findings import as_github, as_text
from observatory.cli.sarif import as_sarif
from observatory.objectives.load import objectives_of
from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog
from observatory.spec.topology import catalog_json

BATCHES, EACH = 20, 100
EXPLAINED = {path.stem for path in (Path(observatory.__file__).parent / "explanations").glob("*.md")}


def lines_of(raw: bytes) -> list[str]:
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return raw.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def check(catalog: Catalog, name: str, raw: bytes) -> None:
    lines = lines_of(raw)
    for problem in catalog.problems:
        assert problem.code in EXPLAINED, name
        at = problem.location
        assert at is not None, (name, problem)
        assert at.path == name, (name, problem)
        assert 1 <= at.line <= len(lines), (name, problem)
        assert 1 <= at.column <= len(lines[at.line - 1]) + 1, (name, problem)
        assert at.column - 1 + at.length <= len(lines[at.line - 1]) + 1, (name, problem)
    problems = list(catalog.problems)
    as_text(problems)
    as_github(problems)
    as_sarif(problems, {})
    catalog_json(catalog, list(catalog.channels), None)
    objectives_of(catalog)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_mutant_ends_in_findings_with_a_place(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(batch * EACH, (batch + 1) * EACH):
        name, raw = document_mutants.mutant(seed)
        Path(name).write_bytes(raw)
        try:
            catalog = load_catalog([Path(name)])
        except Exception as error:
            error.add_note(f"mutant {seed}")
            raise
        check(catalog, name, raw)


def test_the_documents_that_mutants_are_made_of_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, text in enumerate(document_mutants.BASES):
        Path(f"base{number}.yaml").write_text(text, encoding="utf-8")
        severe = [one for one in load_catalog([Path(f"base{number}.yaml")]).problems if one.severity != "info"]
        assert severe == []


def test_the_same_seed_gives_the_same_mutant_and_another_one_another() -> None:
    assert document_mutants.mutant(7) == document_mutants.mutant(7)
    assert len({document_mutants.mutant(seed)[1] for seed in range(200)}) > 190
