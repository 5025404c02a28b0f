"""The file of people and tokens who may ask the server: one entry a line, hashes only.

    alice:$scrypt$ln=15,r=8,p=3$SALT$HASH      a password, hashed by scrypt (RFC 7914)
    collector:$token$sha256$DIGEST             a random token of 256 bits, which needs no slow hash

Salt and hash are base64 without padding, as in the PHC string format; other tools that write scrypt that way may fill
the file. Empty lines and lines that begin with `#` do not count.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from hashlib import scrypt, sha256
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading import bytes_of, text_of

MOST_USERS = 10_000
LEAST_PASSWORD = 8
"""Characters of a new password."""
MOST_PASSWORD_BYTES = 1024
TOKEN_PREFIX = "obs_"  # noqa: S105 - it marks tokens for those who look for leaked ones
_NAME = re.compile(r"[^\s:#$\x00-\x1f\x7f][^\s:\x00-\x1f\x7f]{0,99}")
_SCRYPT = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,88})\$([A-Za-z0-9+/]{43,88})")
_TOKEN = re.compile(r"\$token\$sha256\$([0-9a-f]{64})")
_MOST_BYTES = 64 * 2**20
_HINT = "write it with: observatory users add NAME"


class Cost(Struct, frozen=True, kw_only=True):
    """What one guess costs: 2**ln * r * 128 bytes, p times over. The default is one of OWASP's for scrypt."""

    ln: int = 15
    r: int = 8
    p: int = 3

    @property
    def bytes(self) -> int:
        """Memory that one hash takes."""
        return 128 * self.r << self.ln


class PasswordHash(Struct, frozen=True, kw_only=True):
    """A password that is known by its hash only."""

    salt: bytes
    hash: bytes
    cost: Cost

    @classmethod
    def of(cls, password: str, cost: Cost | None = None) -> PasswordHash:
        """Hash a password with a new salt; takes some tenths of a second."""
        salt, chosen = secrets.token_bytes(16), cost or Cost()
        return cls(salt=salt, hash=_derive(password, salt, chosen, 32), cost=chosen)

    def fits(self, password: str) -> bool:
        """Whether it is this password; compared in constant time."""
        return hmac.compare_digest(_derive(password, self.salt, self.cost, len(self.hash)), self.hash)

    def __str__(self) -> str:
        cost = f"ln={self.cost.ln},r={self.cost.r},p={self.cost.p}"
        return f"$scrypt${cost}${_text(self.salt)}${_text(self.hash)}"


class TokenHash(Struct, frozen=True, kw_only=True):
    """A token that is known by its digest only."""

    digest: str

    @classmethod
    def of(cls, token: str) -> TokenHash:
        """The digest of a token."""
        return cls(digest=sha256(token.encode()).hexdigest())

    def __str__(self) -> str:
        return f"$token$sha256${self.digest}"


Entry = PasswordHash | TokenHash


def new_token() -> str:
    """256 random bits as text."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def name_fault(name: str) -> str | None:
    """Why something cannot be a name; None where it can."""
    if _NAME.fullmatch(name):
        return None
    return "a name has 1 to 100 characters, no spaces and no colon, and begins with neither # nor $"


def password_fault(password: str) -> str | None:
    """Why something cannot be a new password; None where it can."""
    if len(password) < LEAST_PASSWORD:
        return f"a password has at least {LEAST_PASSWORD} characters"
    if len(password.encode()) > MOST_PASSWORD_BYTES:
        return f"a password has at most {MOST_PASSWORD_BYTES} bytes"
    if any(ord(char) < 32 or ord(char) == 127 for char in password):
        return "a password has no control characters, for browsers cannot send them"
    return None


def read_users(path: Path) -> dict[str, Entry]:
    """The entries of a file by name.

    Raises:
        InputInvalid: It cannot be read, or a line is none; carries every problem found, and never shows a line.
    """
    shown = str(path)
    found: dict[str, Entry] = {}
    problems: list[Problem] = []
    for number, line in enumerate(_written(path, shown).split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, written = line.strip().partition(":")
        # The caret needs an excerpt, and the line may hold a password in the clear; so the place alone is told.
        place = f"{shown}:{number}"
        entry = _entry(written)
        if name_fault(name) is not None or entry is None:
            message = "this is no NAME:HASH with a hash that is known here (scrypt within 64 MiB, or a token)"
            problems.append(Problem(code="users-invalid", message=message, url=place, hint=_HINT))
        elif name in found:
            problems.append(Problem(code="users-invalid", message="this name stands here already", url=place))
        else:
            found[name] = entry
    if len(found) > MOST_USERS:
        message = f"the file has more than {MOST_USERS:,} entries"
        problems.append(Problem(code="users-invalid", message=message, location=Location(shown)))
    if problems:
        raise InputInvalid(problems[:100])
    return found


def write_users(path: Path, entries: Mapping[str, Entry]) -> None:
    """Write a file anew, readable by its owner only; others see the old file or the new one, never half of it.

    Raises:
        InputInvalid: The folder cannot be written to.
    """
    unfinished: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        unfinished = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(_lines(entries.items()))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
        raise InputInvalid(
            Problem(code="output-unwritable", message=f"cannot write the file: {error.strerror}", url=str(path))
        ) from None


def _written(path: Path, shown: str) -> str:
    try:
        return text_of(bytes_of(path, shown), shown)
    except InputInvalid as error:
        raise InputInvalid([replace(one, hint=one.hint or _HINT) for one in error.problems]) from None


def _lines(entries: Iterable[tuple[str, Entry]]) -> Iterable[str]:
    yield "# Who may ask the server; written by `observatory users`.\n"
    for name, entry in sorted(entries):
        yield f"{name}:{entry}\n"


def _entry(written: str) -> Entry | None:
    if token := _TOKEN.fullmatch(written):
        return TokenHash(digest=token[1])
    found = _SCRYPT.fullmatch(written)
    if found is None:
        return None
    cost = Cost(ln=int(found[1]), r=int(found[2]), p=int(found[3]))
    if not (10 <= cost.ln <= 20 and cost.r >= 1 and 1 <= cost.p <= 16 and cost.bytes <= _MOST_BYTES):
        return None
    salt, hashed = _bytes(found[4]), _bytes(found[5])
    return None if salt is None or hashed is None else PasswordHash(salt=salt, hash=hashed, cost=cost)


def _derive(password: str, salt: bytes, cost: Cost, length: int) -> bytes:
    # OpenSSL counts some memory beyond the table itself.
    most = cost.bytes + 128 * cost.r * cost.p + 2**20
    return scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=2**cost.ln,
        r=cost.r,
        p=cost.p,
        maxmem=most,
        dklen=length,
    )


def _text(raw: bytes) -> str:
    return b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes | None:
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None
