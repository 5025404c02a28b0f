"""Documents written into a folder and read from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

HEAD3 = "asyncapi: 3.0.0\ninfo: {title: Shop, version: '1'}\n"
HEAD2 = "asyncapi: 2.6.0\ninfo: {title: Shop, version: '1'}\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Catalog]:
    """`load({"a.yaml": text}, overlays={...})`: write the files, read the documents; paths are relative."""
    monkeypatch.chdir(tmp_path)

    def loader(files: dict[str, str], *, overlays: dict[str, str] | None = None, **options: Any) -> Catalog:
        for name, text in {**files, **(overlays or {})}.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        chosen = options.pop("paths", [Path(name) for name in files])
        return load_catalog(chosen, overlays=[Path(name) for name in overlays or {}], **options)

    return loader


@pytest.fixture
def one(load: Callable[..., Catalog]) -> Callable[..., Catalog]:
    """`one(text)`: the catalogue of a single document, doc.yaml."""

    def loader(text: str, **options: Any) -> Catalog:
        return load({"doc.yaml": text}, **options)

    return loader


def findings(catalog: Catalog) -> list[tuple[str, str]]:
    """Code and place of each problem."""
    return [(problem.code, str(problem.location)) for problem in catalog.problems]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Path]:
    """Write files into a folder that is the working folder."""
    monkeypatch.chdir(tmp_path)

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write
