"""Two states of an estate, read and compared."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from spec.changes.estates import Compare

from observatory.spec.catalog import Catalog
from observatory.spec.changes import Changes, changes_between


@pytest.fixture
def compare(load: Callable[..., Catalog]) -> Compare:
    """`compare({"shop.yaml": old}, {"shop.yaml": new})`: the changes between two folders."""
    numbers = count()

    def comparing(old: dict[str, str], new: dict[str, str]) -> Changes:
        number = next(numbers)
        before, after = (
            load({f"{side}{number}/{name}": text for name, text in files.items()}, paths=[Path(f"{side}{number}")])
            for side, files in (("old", old), ("new", new))
        )
        return changes_between(before, after)

    return comparing
