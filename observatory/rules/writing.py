"""Generated files in a folder: compared, or written so that nobody ever reads half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from observatory.errors import InputInvalid, Problem
from observatory.rules.generate import MARK

OURS = (f"# {MARK}", f'{{\n  "description": "{MARK}')
"""How files of ours begin: with a comment, or in JSON with a description."""


def write_files(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write every file by a temporary name and a rename; the names of those that changed, sorted.

    Raises:
        InputInvalid: The folder cannot be made or written.
    """
    changed: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in sorted(files.items()):
            path = folder / name
            if _text_of(path) != text:
                write_text(path, text)
                changed.append(name)
    except OSError as error:
        raise InputInvalid(_unwritable(folder, error)) from error
    return tuple(changed)


def write_text(path: Path, text: str) -> None:
    """Put a text in place in one step. On failure the old file stays and the temporary one is removed."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def differences(folder: Path, files: Mapping[str, str]) -> tuple[Problem, ...]:
    """What a run would change: missing and differing files as errors, see also `orphans`."""
    found: list[Problem] = []
    for name, text in sorted(files.items()):
        present = _text_of(folder / name)
        if present != text:
            what = "is missing" if present is None else "differs from what would be generated"
            found.append(
                Problem(
                    code="output-stale",
                    message=f"{folder / name} {what}",
                    hint="run the same command without --check and commit the result",
                )
            )
    return tuple(found)


def orphans(folder: Path, files: Mapping[str, str], endings: Sequence[str]) -> tuple[Problem, ...]:
    """Files with one of the endings that an earlier run wrote and that no document stands behind any more."""
    found = [
        path
        for pattern in (f"*{ending}" for ending in endings)
        for path in folder.glob(pattern)
        if path.name not in files and (_text_of(path) or "").startswith(OURS)
    ]
    return tuple(
        Problem(
            code="output-orphaned",
            severity="warning",
            message=f"{path} was generated for a document that gives nothing any more",
            hint="delete it; whatever loads the folder goes on using it",
        )
        for path in sorted(found)
    )


def _text_of(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError:
        return None


def _unwritable(folder: Path, error: OSError) -> Problem:
    return Problem(code="output-unwritable", message=f"{folder} cannot be written: {error.strerror or error}")
