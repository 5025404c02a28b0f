"""Structure: documents against the JSON Schemas of their version family."""

from __future__ import annotations

from observatory.errors import Problem
from observatory.spec.references import Cursor


def check_structure(root: Cursor, family: int) -> list[Problem]:
    return []
