"""The file of users: what stands in it, what is refused, and the command that writes it."""

from __future__ import annotations

import hashlib
import stat
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from observatory_process import observatory

from observatory.errors import InputInvalid
from observatory.settings.users import Cost, PasswordHash, TokenHash, read_users, write_users

QUICK = Cost(ln=10, r=8, p=1)


def test_a_hash_that_another_tool_wrote_lets_the_password_in(tmp_path: Path) -> None:
    # The second test vector of RFC 7914, section 12: password, NaCl, N = 1024, r = 8, p = 16.
    expected = bytes.fromhex(
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
    )
    assert hashlib.scrypt(b"password", salt=b"NaCl", n=1024, r=8, p=16, dklen=64) == expected
    assert PasswordHash(salt=b"NaCl", hash=expected, cost=Cost(ln=10, r=8, p=16)).fits("password")
    assert not PasswordHash(salt=b"NaCl", hash=expected, cost=Cost(ln=10, r=8, p=16)).fits("passwort")


def test_what_was_written_is_read_again_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    entries = {"alice": PasswordHash.of("correct horse", QUICK), "collector": TokenHash.of("obs_x")}
    write_users(path, entries)
    assert read_users(path) == entries
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "correct horse" not in path.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["users.txt"]


def test_the_same_password_has_another_hash_each_time() -> None:
    assert str(PasswordHash.of("correct horse", QUICK)) != str(PasswordHash.of("correct horse", QUICK))


SALT = b64encode(bytes(16)).decode().rstrip("=")
HASH = b64encode(bytes(32)).decode().rstrip("=")


@pytest.mark.parametrize(
    "line",
    [
        "alice",
        "alice:hunter2",
        "alice:$2y$10$abcdefghijklmnopqrstuv",
        f"alice:$scrypt$ln=25,r=8,p=1${SALT}${HASH}",
        f"alice:$scrypt$ln=16,r=32,p=1${SALT}${HASH}",
        f"alice:$scrypt$ln=4,r=8,p=1${SALT}${HASH}",
        f"alice:$scrypt$ln=15,r=8,p=99${SALT}${HASH}",
        f"alice:$scrypt$ln=15,r=8,p=1${SALT}$short",
        f":$scrypt$ln=15,r=8,p=1${SALT}${HASH}",
        "alice:$token$sha256$abc",
    ],
)
def test_a_line_that_is_no_entry_is_told_by_its_number_and_never_shown(line: str, tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    path.write_text(f"# people\n\n{line}\n", encoding="utf-8")
    with pytest.raises(InputInvalid) as refused:
        read_users(path)
    (problem,) = refused.value.problems
    assert (problem.code, problem.place()) == ("users-invalid", f"{path}:3")
    assert "hunter2" not in problem.render()


def test_a_name_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    entry = TokenHash.of("obs_x")
    path.write_text(f"a:{entry}\na:{entry}\n", encoding="utf-8")
    with pytest.raises(InputInvalid, match="stands here already"):
        read_users(path)


def users(folder: Path, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    return observatory("users", *arguments, cwd=folder, stdin=told.encode())


def test_the_command_adds_lists_and_removes(tmp_path: Path) -> None:
    (tmp_path / "observatory.yaml").write_text("serve: {users: users.txt}\n", encoding="utf-8")
    added = users(tmp_path, "add", "alice", told="correct horse\n")
    assert (added.returncode, added.stdout, added.stderr) == (0, "", "alice may log in (users.txt)\n")
    entry = read_users(tmp_path / "users.txt")["alice"]
    assert isinstance(entry, PasswordHash)
    assert entry.cost == Cost(ln=15, r=8, p=3)
    assert entry.fits("correct horse")
    made = users(tmp_path, "token", "collector")
    assert read_users(tmp_path / "users.txt")["collector"] == TokenHash.of(made.stdout.strip())
    assert len(made.stdout.strip()) == 47
    assert users(tmp_path, "list").stdout == "alice  password\ncollector  token\n"
    assert users(tmp_path, "remove", "alice").returncode == 0
    assert users(tmp_path, "list", "--file", "users.txt").stdout == "collector  token\n"


@pytest.mark.parametrize(
    ("arguments", "told", "says"),
    [
        (("add", "alice"), "correct horse\n", "say which file: --file users.txt"),
        (("add", "alice", "--file", "u"), "short\n", "a password has at least 8 characters"),
        (("add", "alice", "--file", "u"), "", "a password has at least 8 characters"),
        (("add", "al:ice", "--file", "u"), "correct horse\n", "no spaces and no colon"),
        (("add", "alice", "--file", "u"), "x" * 1025 + "\n", "a password has at most 1024 bytes"),
        (("remove", "alice", "--file", "u"), "", "there is no alice in u"),
    ],
)
def test_what_the_command_cannot_do_ends_in_a_usage_error(
    arguments: tuple[str, ...], told: str, says: str, tmp_path: Path
) -> None:
    done = users(tmp_path, *arguments, told=told)
    assert done.returncode == 2
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_never_taken_from_a_flag(tmp_path: Path) -> None:
    assert users(tmp_path, "add", "alice", "--password", "correct horse").returncode == 2
    assert users(tmp_path, "add", "alice", "correct horse").returncode == 2
