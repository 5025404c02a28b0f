"""An installation without the extra `fast`."""

from __future__ import annotations

import builtins
import sys

import pytest


def hide_numba(monkeypatch: pytest.MonkeyPatch, compiled: str) -> None:
    """As if numba were not installed, for a module of kernels that may have been imported before."""
    imported = builtins.__import__

    def without_numba(name: str, *rest: object, **more: object) -> object:
        if name.split(".")[0] == "numba":
            raise ImportError(name)
        return imported(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, compiled, raising=False)
    monkeypatch.delattr(compiled, raising=False)
    monkeypatch.setattr(builtins, "__import__", without_numba)
