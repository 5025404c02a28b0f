"""Credentials: taken out of addresses, read from files and the environment, never shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from msgspec import Struct, field

MAX_SECRET_BYTES = 64 * 1024
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADER = re.compile(r"(?i)(proxy-)?authorization|cookie|.*(token|secret|password|api-?key).*")


class Asked(Struct, frozen=True, kw_only=True):
    """What is asked over HTTP.

    Attributes:
        headers: Sent with every request; values may be secrets, so they are no part of its text and are never logged.
    """

    headers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "headers")
        return f"{type(self).__name__}({', '.join(parts)})"


class HeaderError(ValueError):
    """A header that cannot be used; the message never holds its value."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def take_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The address without user and password, and the header that carries them instead.

    Raises:
        ValueError: It is no http or https address; the message does not repeat it, for it may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("this is no address of a server") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("the address of a server starts with http:// or https://")
    if parts.query or parts.fragment:
        raise ValueError("the address of a server has no ? and no #")
    netloc = f"[{host}]" if ":" in host else host
    netloc = f"{netloc}:{port}" if port is not None else netloc
    clean = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
    if parts.username is None:
        return clean, {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return clean, {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def split_header(line: str) -> tuple[str, str]:
    """Name and value of `Name: value`.

    Raises:
        HeaderError: There is no colon.
    """
    name, colon, value = line.partition(":")
    if not colon:
        raise HeaderError("a header is written as 'Name: value'", "'Authorization: @token.txt'")
    return name.strip(), value.strip()


def header_value(name: str, value: str, environ: Mapping[str, str], folder: Path, *, literal_secret: bool) -> str:
    """The value of a header: as written, from a file (`@file`), or from the environment (`$NAME`).

    A file may hold the whole value (`Bearer ...`); a line break at its end does not count.

    Raises:
        HeaderError: The name is none, the file or variable is missing, the value breaks the line, or a credential
            stands where every user of the machine can read it.
    """
    if not _HEADER_NAME.fullmatch(name):
        raise HeaderError(f"{name!r} is no name of a header")
    if value.startswith("@"):
        found = _from_file(folder / value[1:], value[1:])
    elif value.startswith("$") and re.fullmatch(r"\$\{?\w+\}?", value):
        variable = value.strip("${}")
        if variable not in environ:
            raise HeaderError(f"{name} refers to ${variable}, which is not set")
        found = environ[variable].strip()
    elif not literal_secret and _SECRET_HEADER.fullmatch(name):
        hint = f"write '{name}: @file' or '{name}: $VARIABLE' with the value in there"
        raise HeaderError(f"the value of {name} would show in the list of processes", hint)
    else:
        found = value
    if any(ord(char) < 32 or ord(char) == 127 for char in found):
        raise HeaderError(f"the value of {name} holds a control character")
    return found


def _from_file(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        text = raw.decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise HeaderError(f"the file {shown} cannot be read: {reason}") from None
    if len(raw) > MAX_SECRET_BYTES:
        raise HeaderError(f"the file {shown} is too large to be a header")
    return text.strip()
