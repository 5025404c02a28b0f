"""The embedded store: samples and spans in one DuckDB file that one process owns."""

from observatory.sources.store.store import Store

__all__ = ["Store"]
