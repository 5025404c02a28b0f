"""Colours for findings: on a terminal that takes them, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from observatory.errors import Paint, Role, uncoloured

_CODES: dict[Role, str] = {
    "error": "1;31",
    "warning": "1;33",
    "info": "1;36",
    "place": "1",
    "gutter": "34",
    "hint": "1;32",
}


def painter(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Paint:
    """How parts of a finding are written to a stream.

    Plain where the stream is no terminal, where NO_COLOR is set to anything but an empty text (no-color.org), and on
    terminals that call themselves dumb.
    """
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or not stream.isatty():
        return uncoloured
    return lambda role, text: f"\x1b[{_CODES[role]}m{text}\x1b[0m"
