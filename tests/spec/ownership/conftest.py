"""A folder with documents and the files that say who owns them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Catalog]:
    """`estate({"a.yaml": text}, named=["teams"])`: write the files, read the documents of the folder."""
    monkeypatch.chdir(tmp_path)

    def loader(
        files: dict[str, str], *, named: Sequence[str] = (), paths: Sequence[str] = (".",), **options: Any
    ) -> Catalog:
        for name, text in files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        return load_catalog([Path(path) for path in paths], ownership=[Path(one) for one in named], **options)

    return loader
