"""`observatory generate rules`: files in place, compared on demand, never half written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from simulated_store import AT, filled, invoked
from typer.testing import Result

from observatory.cli.generate import register
from observatory.rules.writing import write_text
from observatory.sources.simulated import documents_folder

DOCUMENTS = [str(documents_folder() / name) for name in ("order-service.yaml", "warehouse.yaml")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("store"), days=0.25)


def run(*arguments: str) -> Result:
    return invoked(register, ["generate", "rules", *arguments])


def test_each_document_gets_its_rules_and_their_tests(store: Path, tmp_path: Path) -> None:
    result = run(*DOCUMENTS, "--store", str(store), "--at", AT, "-o", str(tmp_path / "rules"))

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "rules").iterdir()) == [
        "order-service.rules.yaml",
        "order-service.tests.yaml",
        "warehouse.rules.yaml",
        "warehouse.tests.yaml",
    ]
    assert "rules-need-series" in result.stderr


def test_a_second_run_changes_nothing(store: Path, tmp_path: Path) -> None:
    arguments = (*DOCUMENTS, "--store", str(store), "--at", AT, "-o", str(tmp_path), "--json")
    first, second = run(*arguments), run(*arguments)

    assert [one["changed"] for one in json.loads(first.stdout)["files"]] == [True] * 4
    assert [one["changed"] for one in json.loads(second.stdout)["files"]] == [False] * 4
    assert json.loads(second.stdout)["schema"] == "observatory.generate/1"


def test_check_ends_with_one_when_a_file_was_edited(store: Path, tmp_path: Path) -> None:
    arguments = (*DOCUMENTS, "--store", str(store), "--at", AT, "-o", str(tmp_path))
    run(*arguments)
    edited = tmp_path / "warehouse.rules.yaml"
    edited.write_text(edited.read_text() + "# by hand\n")

    result = run(*arguments, "--check")

    assert result.exit_code == 1
    assert f"{edited} differs from what would be generated" in result.stderr
    assert edited.read_text().endswith("# by hand\n")


def test_check_ends_with_zero_when_all_is_current(store: Path, tmp_path: Path) -> None:
    arguments = (*DOCUMENTS, "--store", str(store), "--at", AT, "-o", str(tmp_path))
    run(*arguments)

    assert run(*arguments, "--check").exit_code == 0


def test_a_file_of_a_document_that_is_gone_is_named_and_kept(store: Path, tmp_path: Path) -> None:
    run(*DOCUMENTS, "--store", str(store), "--at", AT, "-o", str(tmp_path))

    result = run(DOCUMENTS[0], "--store", str(store), "--at", AT, "-o", str(tmp_path))

    assert "output-orphaned" in result.stderr
    assert (tmp_path / "warehouse.rules.yaml").exists()


def test_a_server_that_does_not_answer_leaves_the_files_alone(tmp_path: Path) -> None:
    (tmp_path / "warehouse.rules.yaml").write_text("as it was")

    result = run(*DOCUMENTS, "--prometheus", "http://127.0.0.1:9", "--at", AT, "-o", str(tmp_path))

    assert result.exit_code == 4
    assert [path.read_text() for path in tmp_path.iterdir()] == ["as it was"]


def test_no_documents_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = run("-o", str(tmp_path))

    assert result.exit_code == 2
    assert "say which documents" in result.stderr


def test_a_folder_that_cannot_be_made_is_named(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = run(*DOCUMENTS, "--store", str(store), "--at", AT, "-o", str(tmp_path / "file" / "rules"))

    assert result.exit_code == 3
    assert "output-unwritable" in result.stderr


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("old")

    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")

    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"a.yaml": "old"}


def test_a_written_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        write_text(tmp_path / "a.yaml", "text")
    finally:
        os.umask(umask)

    assert (tmp_path / "a.yaml").stat().st_mode & 0o777 == 0o644
