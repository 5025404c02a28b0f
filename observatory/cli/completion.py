"""`observatory completion`: the script that makes a shell complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer._completion_classes import completion_init
from typer._completion_shared import get_completion_script

from observatory.cli import console


class Shell(StrEnum):
    """Shells that have a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


@console.command
def completion(shell: Annotated[Shell, typer.Argument(help="The shell to print the script for.")]) -> None:
    """Print a completion script for a shell, to be loaded from its start file."""
    script = get_completion_script(prog_name="observatory", complete_var="_OBSERVATORY_COMPLETE", shell=shell.value)
    console.answer(script)


def register(app: typer.Typer) -> None:
    """Add the command, and answer what the scripts ask."""
    completion_init()
    app.command("completion")(completion)
