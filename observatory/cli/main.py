"""The door: `observatory COMMAND`. Command modules import only light things at their top."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from importlib import import_module
from typing import Annotated

import typer

from observatory import __version__
from observatory.cli.plain_values import PlainGroup

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
"""Modules of this package, each with `register(app)` and named as its command, in the order of `--help`."""
# Before numpy is imported. Matrices are small here: a second thread waits at full speed for longer than it works.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
COMPLETING = "_OBSERVATORY_COMPLETE"
"""Environment variable by which a shell's completion script asks."""

app = typer.Typer(
    name="observatory",
    cls=PlainGroup,
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


def register_commands(only: str | None = None) -> None:
    """Attach every command to the app, or one alone; once."""
    if not app.registered_commands and not app.registered_groups:
        for name in COMMAND_MODULES if only is None else (only,):
            import_module(f"observatory.cli.{name}").register(app)


def run() -> None:
    """Entry point of the `observatory` script."""
    if sys.argv[1:] == ["--version"]:
        print(f"observatory {__version__}")
        return
    first = next(iter(sys.argv[1:]), None)
    # A command that is named is imported alone. Everything else, such as help or completion, is about all of them.
    register_commands(first if first in COMMAND_MODULES and COMPLETING not in os.environ else None)
    try:
        app()
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _leave(ended.code)
        raise


def _leave(code: int) -> None:
    """End the process now: to take apart what it read, object by object, takes as long as reading a part of it.

    Sources are closed by then. Threads that need not finish, such as one that packs files for browsers that come later,
    are cut off, as they would be anyway; taken apart around them, libraries complain on the terminal. Where a thread
    must finish, or somebody no longer reads what was said, this returns, and Python ends the process.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(code)
