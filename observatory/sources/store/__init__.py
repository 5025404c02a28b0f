"""The embedded store: samples and spans in one DuckDB file that one process owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from observatory.sources.store.store import Store

__all__ = ["Store"]


def __getattr__(name: str) -> Any:
    # Kept days are read without the engine of the store, which takes as long to import as reading them.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from observatory.sources.store.store import Store

    return Store
