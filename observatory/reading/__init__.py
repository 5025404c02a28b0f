"""YAML and JSON, read into plain values whose places in the file are known.

Scalars follow the core schema of YAML 1.2, so `yes`, `on` and `2024-01-01` stay text; keys are always text, as
written. A place is looked up only when it is asked for, which keeps reading cheap.

Input is untrusted. Size, nesting, length of one scalar and growth by aliases are bounded; tags never build objects.
"""

from __future__ import annotations

import gc
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from observatory.errors import InputInvalid
from observatory.location import Location
from observatory.reading.faults import MAX_BYTES, fault, place_of_offset
from observatory.reading.text import Place, Places, Reading, pointer_of, segments_of

__all__ = [
    "Place",
    "Places",
    "Reading",
    "bytes_of",
    "pointer_of",
    "read",
    "read_bytes",
    "read_text",
    "segments_of",
    "text_of",
    "without_collection",
]

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_FORBIDDEN_IN_JSON = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def read(path: Path, *, shown_as: str | None = None, lenient: bool = False) -> Reading:
    """Read a YAML or JSON file.

    Args:
        path: The file.
        shown_as: Its name in messages; the path itself when None.
        lenient: Duplicate keys and unknown tags go to `Reading.problems` instead of ending the reading.

    Raises:
        InputInvalid: It cannot be read; each cause has its own code and place.
    """
    shown = shown_as or str(path)
    return read_bytes(bytes_of(path, shown), shown, lenient=lenient)


def bytes_of(path: Path, shown: str) -> bytes:
    """What a file holds, as far as one byte beyond the bound.

    Raises:
        InputInvalid: It cannot be read, or is a pipe or a device, which may never end.
    """
    try:
        # Without O_NONBLOCK a pipe would hold us until somebody writes. What was opened is looked at, not its name.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise InputInvalid(fault("file-unreadable", f"{shown} is a folder", Location(shown))) from None
    except FileNotFoundError:
        raise InputInvalid(fault("file-missing", f"there is no file {shown}", Location(shown))) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name cannot be used"
        raise InputInvalid(fault("file-unreadable", f"{shown} cannot be read: {reason}", Location(shown))) from None
    message = f"{shown} is a pipe or a device and not a file"
    raise InputInvalid(fault("file-unreadable", message, Location(shown), "write it into a file first"))


def read_bytes(raw: bytes, shown: str, *, lenient: bool = False) -> Reading:
    """The contents of a file, YAML or JSON.

    Raises:
        InputInvalid: As for `read`.
    """
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024**2} MiB"
        raise InputInvalid(fault("document-too-large", message, Location(shown)))
    return read_text(_decode(raw, shown), shown, lenient=lenient)


def read_text(text: str, path: str, *, lenient: bool = False) -> Reading:
    """Read YAML or JSON from text; the ending of `path` says which, and YAML takes JSON as well.

    Raises:
        InputInvalid: As for `read`.
    """
    is_json = path.lower().endswith(".json")
    if not is_json or not text.strip():
        _refuse_control_characters(text, path, _FORBIDDEN_IN_JSON if is_json else _FORBIDDEN)
    if not text.strip():
        raise InputInvalid(fault("document-empty", "the file is empty", Location(path)))
    with without_collection():
        try:
            reading = _read_json(text, path) if is_json else _read_yaml(text, path)
        except InputInvalid:
            if is_json:  # no JSON holds one, so they are looked for where there is something wrong
                _refuse_control_characters(text, path, _FORBIDDEN_IN_JSON)
            raise
    if reading.problems and not lenient:
        raise InputInvalid(reading.problems)
    return reading


def _refuse_control_characters(text: str, path: str, forbidden: re.Pattern[str]) -> None:
    if match := forbidden.search(text):
        message = f"control character U+{ord(match[0]):04X} is not allowed in a document"
        raise InputInvalid(fault("control-character", message, place_of_offset(text, match.start(), path)))


def _read_json(text: str, path: str) -> Reading:
    from observatory.reading.json_text import read_json

    return read_json(text, path)


def _read_yaml(text: str, path: str) -> Reading:
    # What was read in an earlier run is found without it; its parser takes as long to import as many commands work.
    from observatory.reading.yaml_text import read_yaml

    return read_yaml(text, path)


def text_of(raw: bytes, shown: str, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file, of UTF-8 or of UTF-16 with a byte order mark; line ends are line feeds.

    Raises:
        InputInvalid: It is larger than `max_bytes`, or no text.
    """
    if len(raw) > max_bytes:
        message = f"the file is larger than {max_bytes // 1024**2} MiB"
        raise InputInvalid(fault("document-too-large", message, Location(shown)))
    return _decode(raw, shown)


@contextmanager
def without_collection() -> Iterator[None]:
    """Pause cyclic garbage collection: a growing tree of many small parts is scanned over and over otherwise.

    Reading a large document takes a quarter of the time this way; nothing built here forms a cycle. What was built
    counts as old afterwards, so that it is not scanned as a whole at the very next occasion either.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                # Frozen and thawed objects join the oldest generation, without a look at any of them.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _decode(raw: bytes, shown: str) -> str:
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = _with_line_feeds(raw[: error.start].decode(encoding, "replace"))
        wrong = raw[error.start : error.start + 1].hex()
        message = f"byte 0x{wrong} is not {encoding.removesuffix('-sig').upper()} text"
        at = place_of_offset(before, len(before), shown)
        raise InputInvalid(fault("not-utf8", message, at, "save the file as UTF-8")) from None
    return _with_line_feeds(text)


def _with_line_feeds(text: str) -> str:
    """Old line ends become new ones here, so that everybody counts the same lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
