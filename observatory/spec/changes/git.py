"""The few questions that are asked of git: programs are started with a list of arguments, and nothing is fetched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct

from observatory.errors import InputInvalid, Problem

TIMEOUT_SECONDS = 60
MAX_TREE_BYTES = 512 * 1024 * 1024
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}


class TreeFile(Struct, frozen=True):
    """A file of a revision; `path` is relative to the top of the repository."""

    path: str
    blob: str
    size: int


class Repository(Struct, frozen=True):
    """A repository with a work tree; `top` is the real path of it."""

    top: Path

    def commit(self, revision: str) -> str | None:
        """The full name of the commit that a revision means, None where there is no such revision."""
        if revision.startswith("-") or not revision.isprintable() or not revision:
            return None
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
        done = _git(self.top, arguments, expected=(0, 1, 128))
        name = done.stdout.decode("ascii", "replace").strip().splitlines()
        found = name[-1] if done.returncode == 0 and name else ""
        return found if len(found) in (40, 64) and all(char in "0123456789abcdef" for char in found) else None

    def files(self, commit: str, folder: str) -> Iterator[TreeFile]:
        """Regular files of a commit below a folder; symbolic links and submodules are left out."""
        arguments = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", *([folder] if folder else [])]
        for entry in _git(self.top, arguments).stdout.split(b"\0"):
            head, _, path = entry.partition(b"\t")
            fields = head.split()
            if len(fields) == 4 and fields[0] in (b"100644", b"100755") and fields[1] == b"blob":
                yield TreeFile(os.fsdecode(path), fields[2].decode("ascii"), int(fields[3]))

    def contents(self, blobs: list[str]) -> Iterator[bytes]:
        """Contents of blobs, in order."""
        asked = "".join(f"{blob}\n" for blob in blobs).encode("ascii")
        answer = memoryview(_git(self.top, ["cat-file", "--batch"], text=asked).stdout)
        place = 0
        for blob in blobs:
            end = place
            while answer[end] != 0x0A:
                end += 1
            head = bytes(answer[place:end]).split()
            if len(head) != 3 or head[1] != b"blob":
                raise InputInvalid(_failed(f"the object {blob} is not there"))
            size = int(head[2])
            yield bytes(answer[end + 1 : end + 1 + size])
            place = end + size + 2

    def near(self, revision: str) -> str | None:
        """The branch or tag that is called most like it."""
        done = _git(self.top, ["for-each-ref", "--count=2000", "--format=%(refname:short)", "refs/heads", "refs/tags"])
        known = done.stdout.decode("utf-8", "replace").splitlines()
        return next(iter(get_close_matches(revision, known, 1, 0.6)), None)


def repository_of(path: Path) -> Repository | None:
    """The repository that holds a path, which need not exist any more; None where there is none.

    Raises:
        InputInvalid: git is not installed, or refuses to look at the repository.
    """
    folder = path if path.is_dir() else path.parent
    while not folder.is_dir():
        folder = folder.parent
    done = _git(folder, ["rev-parse", "--show-toplevel"], expected=(0, 128))
    if done.returncode == 0:
        return Repository(Path(os.fsdecode(done.stdout.rstrip(b"\n"))).resolve())
    said = done.stderr.decode("utf-8", "replace")
    if "not a git repository" in said:
        return None
    raise InputInvalid(_failed(said.strip().splitlines()[0] if said.strip() else "git gave no reason"))


def _git(
    folder: Path, arguments: list[str], *, text: bytes = b"", expected: tuple[int, ...] = (0,)
) -> subprocess.CompletedProcess[bytes]:
    # No transport is allowed: a repository that was cloned in part would fetch what is missing.
    command = ["git", "-c", "protocol.allow=never", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (a list of arguments; revisions are checked and stand behind --end-of-options)
            command,
            cwd=folder,
            env=_environment(),
            input=text,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        message = "git is not installed, and a revision can only be read with it"
        raise InputInvalid(
            Problem(code="git-missing", message=message, hint="compare two paths, or install git")
        ) from None
    except (subprocess.TimeoutExpired, OSError) as error:
        raise InputInvalid(_failed(str(error))) from None
    if done.returncode not in expected:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputInvalid(_failed(said[0] if said else f"git {arguments[0]} ended with {done.returncode}"))
    return done


def _environment() -> dict[str, str]:
    """The environment without what a hook would say about another repository."""
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
    return {name: value for name, value in os.environ.items() if name not in elsewhere} | _QUIET


def _failed(reason: str) -> Problem:
    return Problem(code="git-failed", message=f"git cannot read the repository: {reason}")
