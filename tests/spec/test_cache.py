"""The folder of entries: never half written, never believed when damaged or foreign, bounded."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from observatory.spec.cache import DraftCache, code_fingerprint, key_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "drafts"


def entry(folder: Path) -> Path:
    (found,) = folder.glob("*.drafts")
    return found


def test_what_is_kept_is_found(folder: Path) -> None:
    cache = DraftCache(folder)
    assert cache.find("a") is None
    cache.keep("a", b"one\ntwo")
    assert (cache.find("a"), cache.find("b")) == (b"one\ntwo", None)
    assert DraftCache(folder).find("a") == b"one\ntwo"
    assert [path.name for path in folder.iterdir()] == ["a.drafts"]
    assert (folder.stat().st_mode & 0o777, entry(folder).stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "folder", "fifo"])
def test_what_is_damaged_is_not_found_and_written_anew(folder: Path, damage: str) -> None:
    cache = DraftCache(folder)
    cache.keep("a", b"payload")
    path = entry(folder)
    raw = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes({"cut": raw[:-1], "changed": raw.replace(b"pay", b"pax"), "empty": b""}[damage])
    assert cache.find("a") is None
    if damage != "folder":
        cache.keep("a", b"payload")
        assert cache.find("a") == b"payload"


def test_a_link_in_the_place_of_an_entry_is_not_followed(folder: Path, tmp_path: Path) -> None:
    cache = DraftCache(folder)
    cache.keep("a", b"payload")
    moved = entry(folder).rename(tmp_path / "elsewhere")
    (folder / "a.drafts").symlink_to(moved)
    assert cache.find("a") is None
    cache.keep("a", b"new")
    assert (cache.find("a"), moved.read_bytes().endswith(b"payload")) == (b"new", True)


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_may_write_is_not_used(folder: Path, mode: int) -> None:
    DraftCache(folder).keep("a", b"payload")
    folder.chmod(mode)
    cache = DraftCache(folder)
    cache.keep("b", b"payload")
    assert (cache.find("a"), cache.find("b")) == (None, None)


def test_an_entry_that_others_may_write_is_not_believed(folder: Path) -> None:
    cache = DraftCache(folder)
    cache.keep("a", b"payload")
    entry(folder).chmod(0o666)
    assert cache.find("a") is None


def test_an_entry_of_somebody_else_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DraftCache(folder).keep("a", b"payload")
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert DraftCache(folder).find("a") is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = DraftCache(tmp_path / "file" / "drafts")
    cache.keep("a", b"payload")
    cache.trim()
    assert cache.find("a") is None


def test_the_folder_is_bounded_and_what_was_used_last_stays(folder: Path) -> None:
    cache = DraftCache(folder, max_bytes=5000)
    for number in range(10):
        cache.keep(f"k{number}", b"x" * 900)
        os.utime(folder / f"k{number}.drafts", (1000 + number, 1000 + number))
    assert cache.find("k0") is not None
    cache.trim()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 4000
    assert [number for number in range(10) if cache.find(f"k{number}")] == [0, 7, 8, 9]


def test_what_a_killed_process_left_behind_goes_in_time(folder: Path) -> None:
    cache = DraftCache(folder)
    cache.keep("a", b"payload")
    for name, age in (("old.unfinished", 7200), ("new.unfinished", 60)):
        (folder / name).write_bytes(b"half")
        when = entry(folder).stat().st_mtime - age
        os.utime(folder / name, (when, when))
    cache.trim()
    assert sorted(path.name for path in folder.iterdir()) == ["a.drafts", "new.unfinished"]


def test_an_entry_larger_than_the_folder_is_not_kept(folder: Path) -> None:
    cache = DraftCache(folder, max_bytes=1000)
    cache.keep("a", b"x" * 2000)
    assert cache.find("a") is None


def test_two_that_write_and_read_at_once_see_whole_entries(folder: Path) -> None:
    payloads = [bytes([65 + number]) * 200_000 for number in range(4)]
    wrong: list[object] = []

    def work(payload: bytes) -> None:
        cache = DraftCache(folder, max_bytes=300_000)
        for _ in range(30):
            cache.keep("a", payload)
            found = cache.find("a")
            if found is not None and found not in payloads:
                wrong.append(found[:10])
            cache.trim()

    threads = [threading.Thread(target=work, args=(payload,)) for payload in payloads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_keys_tell_lists_of_parts_apart() -> None:
    keys = {key_of(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("ab", "c", ""), ("\udce4",), ("1:a",))}
    assert len(keys) == 6


def test_the_fingerprint_of_the_code_is_the_same_twice() -> None:
    first = code_fingerprint()
    code_fingerprint.cache_clear()
    assert code_fingerprint() == first
