"""Catalogues of what was: an argument is a path, or a revision of the repository that holds the documents.

The files of a revision are laid into a temporary folder that is removed again, read under the same bounds as any
others, and named `REVISION:path` in every message.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading.faults import MAX_BYTES
from observatory.spec.catalog import Catalog
from observatory.spec.changes.git import MAX_TREE_BYTES, Repository, TreeFile, repository_of
from observatory.spec.files import MAX_FILES, SUFFIXES
from observatory.spec.load import load_catalog

READ_SUFFIXES = (*SUFFIXES, ".avsc", ".jsonschema", ".proto", ".raml", ".xsd")
"""Files that documents may refer to; the others of a revision are not laid out."""
T = TypeVar("T")


class Side(Struct, frozen=True, kw_only=True):
    """One side of a comparison.

    Attributes:
        name: The path or the revision as it was typed.
        commit: Full name of the commit, None for a path.
    """

    name: str
    commit: str | None
    catalog: Catalog


class Wanted(Struct, frozen=True, kw_only=True):
    """What to read on both sides.

    Attributes:
        documents: What to read of a revision, and of a folder that holds them.
        roots, overlays, allow_remote: As `load_catalog` takes them.
    """

    documents: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    overlays: tuple[Path, ...] = ()
    allow_remote: bool = False


def read_sides(old: str, new: str, wanted: Wanted) -> tuple[Side, Side]:
    """The catalogues of two arguments, each a path where there is one of that name, and else a revision.

    Raises:
        InputInvalid: An argument is neither, or git cannot be asked.
    """
    paths = [Path(one) for one in (old, new) if _is_path(one)]
    # Beside a path, a revision is read at that path, unless documents were named.
    documents = wanted.documents or tuple(paths[:1]) or (Path(),)
    readers = [_path_side if _is_path(one) else _revision_side for one in (old, new)]
    before, after = (
        read(one, replace(wanted, documents=documents)) for read, one in zip(readers, (old, new), strict=True)
    )
    return before, after


def _is_path(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):
        return False


def _path_side(name: str, wanted: Wanted) -> Side:
    path = Path(name)
    inside = path.is_dir() and all(one.resolve().is_relative_to(path.resolve()) for one in wanted.documents)
    catalog = load_catalog(
        wanted.documents if inside else [path],
        roots=wanted.roots,
        overlays=wanted.overlays,
        allow_remote=wanted.allow_remote,
    )
    return Side(name=name, commit=None, catalog=catalog)


def _revision_side(name: str, wanted: Wanted) -> Side:
    repository = repository_of(wanted.documents[0].resolve())
    if repository is None:
        message = (
            f"{name!r} is no path, and {wanted.documents[0]} lies in no git repository that it could be a revision of"
        )
        raise InputInvalid(Problem(code="git-no-repository", message=message))
    commit = repository.commit(name)
    if commit is None:
        near = repository.near(name)
        raise InputInvalid(
            Problem(
                code="revision-unknown",
                message=f"{name!r} is neither a path nor a revision of {repository.top.name}",
                hint=f"did you mean {near!r}?" if near else "a branch, a tag, a commit or such as HEAD~3",
            )
        )
    return Side(name=name, commit=commit, catalog=_Checkout(repository, commit, name, wanted).catalog())


class _Checkout(Struct, frozen=True):
    """The files of one commit that are to be read."""

    repository: Repository
    commit: str
    name: str
    wanted: Wanted

    def catalog(self) -> Catalog:
        """The catalogue of the commit, its places named by the revision."""
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            top = Path(folder).resolve()
            documents = [self._inside(path) for path in self.wanted.documents]
            roots = [self._inside(path) for path in self.wanted.roots if self._holds(path)]
            overlays = [path for path in self.wanted.overlays if self._holds(path)]
            tree: dict[str, TreeFile] = {}
            for relative in [*(self._folder(one) for one in documents), *roots]:
                for file in self.repository.files(self.commit, _pathspec(relative)):
                    tree[file.path] = file
            for overlay in overlays:
                tree |= {
                    file.path: file for file in self.repository.files(self.commit, _pathspec(self._inside(overlay)))
                }
            self._lay_out(top, [tree[path] for path in sorted(tree)])
            there = [one for one in documents if (top / one).exists()]
            catalog = load_catalog(
                [top / one for one in there],
                roots=[top / one for one in roots] or [top / self._folder(one) for one in there],
                overlays=[
                    path if path not in overlays else top / self._inside(path)
                    for path in self.wanted.overlays
                    if path not in overlays or (top / self._inside(path)).exists()
                ],
                allow_remote=self.wanted.allow_remote,
            )
            missing = tuple(self._missing(one) for one in documents if one not in there)
            named = _renamed(
                catalog, lambda text: text.replace(f"{top}/", f"{self.name}:").replace(str(top), self.name)
            )
            return replace(named, problems=(*missing, *named.problems))

    def _holds(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.repository.top)

    def _inside(self, path: Path) -> PurePosixPath:
        """A path relative to the top of the repository."""
        if not self._holds(path):
            message = (
                f"{path} lies outside the repository {self.repository.top.name} that {self.name!r} is a revision of"
            )
            raise InputInvalid(Problem(code="revision-outside", message=message))
        return PurePosixPath(path.resolve().relative_to(self.repository.top))

    def _folder(self, path: PurePosixPath) -> PurePosixPath:
        """The folder that references of a document may lead into: itself where it is one, in the revision."""
        is_file = any(file.path == str(path) for file in self.repository.files(self.commit, _pathspec(path)))
        return path.parent if is_file else path

    def _missing(self, path: PurePosixPath) -> Problem:
        message = f"there is no {path} at {self.name}: nothing is read of it"
        return Problem(
            code="revision-path-missing", severity="warning", message=message, location=Location(f"{self.name}:{path}")
        )

    def _lay_out(self, top: Path, files: Sequence[TreeFile]) -> None:
        chosen = [file for file in files if _readable(file)]
        if len(chosen) > MAX_FILES or sum(file.size for file in chosen) > MAX_TREE_BYTES:
            message = f"{self.name} has {len(chosen):,} files to read there, which is more than is read"
            hint = (
                f"name a smaller folder; at most {MAX_FILES:,} files are read, {MAX_TREE_BYTES // 2**20} MiB together"
            )
            raise InputInvalid(Problem(code="revision-too-large", message=message, hint=hint))
        contents = self.repository.contents([file.blob for file in chosen])
        for file, content in zip(chosen, contents, strict=True):
            path = top.joinpath(*PurePosixPath(file.path).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _pathspec(path: PurePosixPath) -> str:
    """A path as git takes it; empty for the top."""
    return "" if path == PurePosixPath() else str(path)


def _readable(file: TreeFile) -> bool:
    """Whether a file of a tree is laid out: by its suffix and size, and never with a name that leads elsewhere."""
    parts = PurePosixPath(file.path).parts
    safe = not file.path.startswith("/") and not any(part in ("..", ".git") for part in parts)
    return safe and file.path.lower().endswith(READ_SUFFIXES) and file.size <= MAX_BYTES


def _renamed(value: T, name: Callable[[str], str]) -> T:
    """A catalogue whose places and messages carry other names for files; what was resolved stays the same object."""
    if isinstance(value, Location):
        return replace(value, path=name(value.path))
    if isinstance(value, Problem):
        at = _renamed(value.location, name)
        return replace(value, message=name(value.message), hint=value.hint and name(value.hint), location=at)
    if isinstance(value, tuple):
        return tuple(_renamed(one, name) for one in value)  # type: ignore[return-value]
    if not isinstance(value, Struct):
        return value
    changes: dict[str, Any] = {}
    for field in value.__struct_fields__:
        part = getattr(value, field)
        if field in ("path", "provenance") and isinstance(part, str):
            changes[field] = name(part)
        elif isinstance(part, tuple | Struct):
            new = _renamed(part, name)
            if new is not part:
                changes[field] = new
    return replace(value, **changes) if changes else value
