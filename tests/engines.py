"""Which engines a run compares: where the newest Prometheus is, and the title of the table that tells what ran."""

from __future__ import annotations

import os
from pathlib import Path

ENGINES_TITLE = "engines that were compared, and living servers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
"""The user's, which is looked for before the tests hide it."""


def prometheus_3() -> str | None:
    """The newest Prometheus, where `.ci/prometheus-3` or somebody else has built it."""
    found = os.environ.get("OBSERVATORY_PROMETHEUS_3", str(CACHE / "asyncapi-observatory" / "prometheus-3"))
    return found if os.access(found, os.X_OK) else None
