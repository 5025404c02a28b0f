"""The door: `observatory COMMAND`. Command modules import only light things at their top."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from observatory import __version__

COMMAND_MODULES = (
    "validate",
    "catalog",
    "map",
    "status",
    "generate",
    "review",
    "drift",
    "ready",
    "diagnose",
    "serve",
    "users",
    "ingest",
    "store",
    "demo",
    "profiles",
    "explain",
    "completion",
)
"""Modules of this package, each with `register(app)`, in the order of `--help`."""

app = typer.Typer(
    name="observatory",
    help="SLOs for event-driven systems: AsyncAPI documents joined with the telemetry that measures them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"observatory {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end."),
    ] = False,
) -> None:
    """Global options; every command has its own `--help`."""


def register_commands() -> None:
    """Attach every command to the app, once."""
    if not app.registered_commands and not app.registered_groups:
        for name in COMMAND_MODULES:
            import_module(f"observatory.cli.{name}").register(app)


def run() -> None:
    """Entry point of the `observatory` script."""
    if sys.argv[1:] == ["--version"]:
        print(f"observatory {__version__}")
        return
    register_commands()
    app()
