"""Which AsyncAPI a document is written in, and whether it can be read."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Literal

from msgspec import Struct

from observatory.errors import Problem
from observatory.spec.references import Cursor
from observatory.spec.schema_files import LATEST

KNOWN = ("2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "3.0.0", "3.1.0")


class Version(Struct, frozen=True):
    """A version as written, and the family whose rules hold; None when nothing can be read from the document."""

    text: str
    family: Literal[2, 3] | None

    @property
    def minor(self) -> int:
        """The minor version whose schema holds: the last known one where the written one is none of the known."""
        match = re.fullmatch(r"\d\.(\d)\.\d+", self.text)
        latest = LATEST[self.family or 3]
        return min(int(match[1]), latest) if match else latest


def version_of(root: Cursor) -> tuple[Version, list[Problem]]:
    """The version of a document, with what is wrong about it.

    A document of 2.x or 3.x is read even where its version is not quite right: the channels are wanted all the same.
    """
    if not isinstance(root.value, dict) or "asyncapi" not in root.value:
        keys = list(root.value) if isinstance(root.value, dict) else []
        near = get_close_matches("asyncapi", keys, 1, 0.7)
        hint = (
            f"did you mean 'asyncapi' instead of {near[0]!r}?" if near else "its first line would be: asyncapi: 3.0.0"
        )
        if other := next((key for key in ("openapi", "swagger") if key in keys), None):
            near, hint = (
                [other],
                "this is OpenAPI, which describes HTTP; name a document that begins with asyncapi: 3.0.0",
            )
        message = "this is no AsyncAPI document: it has no key 'asyncapi'"
        at = root.location(near[0], key=True) if near else root.location()
        return Version("", None), [Problem(code="not-asyncapi", message=message, location=at, hint=hint)]
    written = root.value["asyncapi"]
    text = str(written)
    at = root.location("asyncapi")

    def wrong(message: str, hint: str) -> Problem:
        return Problem(code="asyncapi-version", message=message, location=at, hint=hint)

    if text in KNOWN:
        return Version(text, 2 if text.startswith("2") else 3), []
    if match := re.fullmatch(r"3\.(\d+)\.(\d+)", text):
        return Version(text, 3), _unknown_minor(text, match[1], root)
    family: Literal[2, 3] | None = 2 if re.match(r"2(\.|$)", text) else 3 if re.match(r"3(\.|$)", text) else None
    if family is None and re.match(r"[01]\.", text):
        hint = "convert it with `asyncapi convert --target-version 3.0.0`"
        return Version(text, None), [wrong(f"AsyncAPI {text} is too old to be read", hint)]
    near = get_close_matches(text, KNOWN, 1, 0.5) or ["3.0.0"]
    return Version(text, family), [wrong(f"{text!r} is no version of AsyncAPI", f"did you mean {near[0]}?")]


def _unknown_minor(text: str, minor: str, root: Cursor) -> list[Problem]:
    if f"3.{minor}.0" in KNOWN:
        return []  # patch releases of the specification are editorial
    message = f"AsyncAPI {text} is newer than what is known here; it is read as {KNOWN[-1]}"
    at = root.location("asyncapi")
    return [Problem(code="asyncapi-version-newer", severity="warning", message=message, location=at)]
