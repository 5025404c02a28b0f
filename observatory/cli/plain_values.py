"""Values of options that need no reading: those that were not given, plain text, and paths that can be read.

Typer reads every value with pydantic, which takes longer to import than some commands take to answer. It still reads
everything that is not as plain as that, and says what is wrong with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.core import TyperGroup

UNREAD = object()
"""Stands for a value that is left to Typer."""
_LIMITS = ("parser", "exists", "writable", "resolve_path", "allow_dash", "path_type")
"""What an option may ask of its values; none of ours asks any."""


class PlainGroup(TyperGroup):
    """Commands of which each reads plain values without Typer's help."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; None where there is none."""
        found = super().get_command(ctx, cmd_name)
        for param in found.get_params(ctx) if found is not None else ():
            _read_plain(param)
        return found

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own options."""
        found = super().get_params(ctx)
        for param in found:
            _read_plain(param)
        return found


def _read_plain(param: Any) -> None:
    full = getattr(param, "get_runtime_param", None)
    if callable(full) and not isinstance(getattr(full, "__self__", None), _Reader):
        param.get_runtime_param = _Reader(param.type_descriptor, full).here


class _Reader:
    """Reads the values of one option or argument."""

    def __init__(self, described: Any, full: Callable[[], Any]) -> None:
        self._annotation = described.annotation
        self._is_plain = not any(getattr(described.parameter_info, limit, None) for limit in _LIMITS)
        self._full = full

    def here(self) -> _Reader:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command takes it."""
        if value is None or (isinstance(value, tuple | list) and not value):
            return () if param.multiple or param.nargs == -1 else None
        found = plain(value, self._annotation) if self._is_plain else UNREAD
        return self._full().coerce(value, param=param, ctx=ctx) if found is UNREAD else found


def plain(value: Any, kind: Any) -> Any:
    """A value as its kind, where that is no work; else `UNREAD`."""
    if get_origin(kind) is list and isinstance(value, tuple | list):
        found = [plain(one, get_args(kind)[0]) for one in value]
        return UNREAD if any(one is UNREAD for one in found) else found
    if kind is str and isinstance(value, str):
        return value
    if kind is Path and isinstance(value, str | Path) and (os.access(value, os.R_OK) or not os.path.lexists(value)):
        return Path(value)
    if isinstance(kind, type) and issubclass(kind, Enum) and isinstance(value, kind):
        return value
    return UNREAD
