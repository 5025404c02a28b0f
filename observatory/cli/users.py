"""`observatory users`: people and tokens who may ask the server, in a file that holds hashes only."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.errors import UsageError

if TYPE_CHECKING:
    from observatory.settings.users import Entry

users_app = typer.Typer(no_args_is_help=True, help="People and tokens who may ask `serve`: add, token, remove, list.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a person or of a token.")]
File = Annotated[
    Path | None, typer.Option("--file", help="File of users; else `serve: {users: FILE}` in observatory.yaml.")
]


@users_app.command("add")
@console.command
def add(name: Name, file: File = None, config: options.Config = None) -> None:
    """Add a person, or change their password.

    The password is read from stdin: asked for on a terminal, else the first line.
    """
    from observatory.settings.users import PasswordHash, password_fault

    path = _chosen(file, config)
    entries = _entries(path)
    _named(name)
    password = _password(name)
    if fault := password_fault(password):
        raise UsageError(fault)
    known = name in entries
    _write(path, entries | {name: PasswordHash.of(password)})
    console.say(f"{name} {'has a new password' if known else 'may log in'} ({path})")


@users_app.command("token")
@console.command
def token(name: Name, file: File = None, config: options.Config = None) -> None:
    """Make a token for a program, and show it once.

    It opens the receivers of telemetry, /metrics and /api/status, and no pages. Whoever has the name gets a new one.
    """
    from observatory.settings.users import TokenHash, new_token

    path = _chosen(file, config)
    entries = _entries(path)
    _named(name)
    made = new_token()
    _write(path, entries | {name: TokenHash.of(made)})
    console.say(f"the token of {name} is shown this once; {path} holds its digest only")
    console.answer(made)


@users_app.command("remove")
@console.command
def remove(name: Name, file: File = None, config: options.Config = None) -> None:
    """Remove a person or a token; a server that runs notices."""
    path = _chosen(file, config)
    entries = _entries(path)
    if name not in entries:
        raise UsageError(f"there is no {name} in {path}")
    _write(path, {known: entry for known, entry in entries.items() if known != name})
    console.say(f"{name} is removed ({path})")


@users_app.command("list")
@console.command
def list_users(file: File = None, config: options.Config = None) -> None:
    """Names, and whether each has a password or a token."""
    from observatory.settings.users import TokenHash

    for name, entry in sorted(_entries(_chosen(file, config)).items()):
        console.answer(f"{name}  {'token' if isinstance(entry, TokenHash) else 'password'}")


def _chosen(file: Path | None, config: Path | None) -> Path:
    from observatory.settings import load_settings

    path = file or load_settings(config, os.environ).serve.users
    if path is None:
        raise UsageError("say which file: --file users.txt, or `serve: {users: users.txt}` in observatory.yaml")
    return path


def _entries(path: Path) -> dict[str, Entry]:
    from observatory.settings.users import read_users

    return read_users(path) if path.exists() else {}


def _write(path: Path, entries: dict[str, Entry]) -> None:
    from observatory.settings.users import write_users

    write_users(path, entries)


def _named(name: str) -> None:
    from observatory.settings.users import name_fault

    if fault := name_fault(name):
        raise UsageError(fault)


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline(8192).rstrip("\r\n")
    first = getpass(f"Password of {name}: ")
    if getpass("Once more: ") != first:
        raise UsageError("the two passwords differ")
    return first


def register(app: typer.Typer) -> None:
    """Attach the commands."""
    app.add_typer(users_app, name="users")
