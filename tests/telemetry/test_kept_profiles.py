"""Shipped profiles that were kept are those of the files, and of no other files."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.telemetry import profile as loading
from observatory.telemetry.profile import load_profiles


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept beside the package, where an earlier run may have left it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two of the shipped files, in a folder of their own."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for path in sorted(loading.SHIPPED.glob("*.yaml"))[:2]:
        shutil.copy(path, folder)
    monkeypatch.setattr(loading, "SHIPPED", folder)
    return folder


def test_kept_profiles_are_those_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_profiles()
    assert load_profiles(cache=tmp_path) == read
    monkeypatch.setattr(loading, "load_profile", lambda path: pytest.fail(f"{path} was read again"))
    found = load_profiles(cache=tmp_path)
    assert [repr(one) for one in found] == [repr(one) for one in read]


def test_a_changed_file_is_read_again(shipped: Path, tmp_path: Path) -> None:
    before = load_profiles(cache=tmp_path)
    path = next(iter(sorted(shipped.iterdir())))
    path.write_text(f"{path.read_text()}\n# more\n".replace("\nrank: ", "\nrank: 1"))
    after = load_profiles(cache=tmp_path)
    assert sorted(one.rank for one in after) != sorted(one.rank for one in before)
    assert after == load_profiles()


def test_a_damaged_entry_is_not_believed(shipped: Path, tmp_path: Path) -> None:
    read = load_profiles(cache=tmp_path)
    (entry,) = (tmp_path / "profiles").iterdir()
    entry.write_bytes(entry.read_bytes()[:-40])
    assert load_profiles(cache=tmp_path) == read


def test_faults_are_told_in_every_run(shipped: Path, tmp_path: Path) -> None:
    path = next(iter(sorted(shipped.iterdir())))
    path.write_text(f"{path.read_text()}\nrnak: 3\n")
    for _ in range(2):
        with pytest.raises(InputInvalid, match="rnak"):
            load_profiles(cache=tmp_path)
    assert not (tmp_path / "profiles").exists()


def test_they_are_kept_with_the_modules_of_the_package_for_whoever_runs_it_next(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "compiled"))
    read = load_profiles(cache=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    (entry,) = (tmp_path / "compiled").rglob("*.drafts")
    assert entry.parent.parts[-len(shipped.parts) + 1 :] == shipped.parts[1:]
    monkeypatch.setattr(loading, "load_profile", lambda path: pytest.fail(f"{path} was read again"))
    assert load_profiles(cache=tmp_path / "of somebody else") == read


def test_they_are_kept_with_what_is_ours_where_the_package_cannot_be_written(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "file"))
    load_profiles(cache=tmp_path / "mine")
    assert len(list((tmp_path / "mine").rglob("*.drafts"))) == 1
