"""The simulated estate in a store, and a command that is asked about it inside this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from observatory.sources.simulated import prepare
from observatory.sources.store import Store
from observatory.windows import parse_instant

AT = "2026-11-20T12:00:00Z"


def filled(folder: Path, days: float) -> Path:
    """A store with the last `days` before `AT`."""
    path = folder / "estate.duckdb"
    with Store.open(path) as opened:
        prepare(opened, parse_instant(AT), days=days)
    return path


def invoked(register: Callable[[typer.Typer], None], words: Sequence[str]) -> Result:
    """What a command says, without a Prometheus from the environment."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return CliRunner().invoke(app, list(words), env={"OBSERVATORY_PROMETHEUS_URL": ""})
