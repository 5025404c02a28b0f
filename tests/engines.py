"""Which engines a run compares: where the newest Prometheus is, and the title of the table that tells what ran."""

from __future__ import annotations

import os
from pathlib import Path

ENGINES_TITLE = "engines that were compared"


def prometheus_3() -> str | None:
    """The newest Prometheus, where `.ci/prometheus-3` or somebody else has built it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    found = os.environ.get("OBSERVATORY_PROMETHEUS_3", str(cache / "asyncapi-observatory" / "prometheus-3"))
    return found if os.access(found, os.X_OK) else None
