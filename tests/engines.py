"""The table that tells which engines a run compared."""

from __future__ import annotations

ENGINES_TITLE = "engines that were compared"
