"""Passwords and tokens of requests, checked against the file of users, which may change while the server runs."""

from __future__ import annotations

import hmac
import logging
import secrets
from hashlib import sha256
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Literal

from observatory.errors import InputInvalid
from observatory.settings.users import MOST_PASSWORD_BYTES, Cost, Entry, PasswordHash, TokenHash, read_users

log = logging.getLogger("observatory.web")

MOST_HASHING = 2
"""Passwords that are hashed at a time, each in 32 MiB."""
WAIT_SECONDS = 2.0
MOST_WAITING = 6
"""Requests that hash or wait for it: what one browser opens at once. Beyond them a login is told to come again."""
Verdict = Literal["right", "wrong", "busy"]


class Logins:
    """Knows who may come in; a password that was right is not hashed again until its entry changes."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            InputInvalid: It cannot be used.
        """
        self._path = path
        self._stamp = _stamp(path)
        self._entries = read_users(path)
        self._tokens = _tokens(self._entries)
        self._key = secrets.token_bytes(32)
        self._right: dict[str, tuple[PasswordHash, bytes]] = {}
        self._lock = Lock()
        self._door, self._room = BoundedSemaphore(MOST_WAITING), BoundedSemaphore(MOST_HASHING)
        # Somebody who is not there takes as long as a wrong password does.
        self._nobody = PasswordHash(salt=secrets.token_bytes(16), hash=secrets.token_bytes(32), cost=Cost())

    def token(self, token: str) -> bool:
        """Whether it is one of the tokens; digests are compared, all of them, each in constant time."""
        self._renew()
        digest = TokenHash.of(token).digest
        return sum(hmac.compare_digest(digest, known) for known in self._tokens) > 0

    def known(self, name: str, password: str) -> bool:
        """Whether this password was right before, and still is; without the cost of a hash."""
        self._renew()
        entry, kept = self._entries.get(name), self._right.get(name)
        return kept is not None and kept[0] is entry and hmac.compare_digest(kept[1], self._seal(name, password))

    def password(self, name: str, password: str) -> Verdict:
        """Hash a password and compare; `busy` where too many others are being hashed."""
        if len(password.encode("utf-8", "surrogatepass")) > MOST_PASSWORD_BYTES:
            return "wrong"
        # The request threads beyond the door stay free for those who are known.
        if not self._door.acquire(blocking=False):
            return "busy"
        try:
            if not self._room.acquire(timeout=WAIT_SECONDS):
                return "busy"
            try:
                return "right" if self._fits(name, password) else "wrong"
            finally:
                self._room.release()
        finally:
            self._door.release()

    def _fits(self, name: str, password: str) -> bool:
        # Several requests of one page come with the same password at once; the first one did the work.
        if self.known(name, password):
            return True
        entry = self._entries.get(name)
        if not isinstance(entry, PasswordHash):
            self._nobody.fits(password)
            return False
        if not entry.fits(password):
            return False
        with self._lock:
            self._right[name] = (entry, self._seal(name, password))
        return True

    def _seal(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{name}\0{password}".encode("utf-8", "surrogatepass"), sha256)

    def _renew(self) -> None:
        """Read the file again where it changed. While it cannot be used, nobody comes in: it may have lost somebody."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        with self._lock:
            if stamp == self._stamp:
                return
            try:
                entries = read_users(self._path)
            except InputInvalid as error:
                log.warning("the users' file cannot be used, so nobody can log in: %s", error)
                entries = {}
            # Entries that stayed as they were keep what was found right about them.
            kept = {
                name: self._entries[name] if self._entries.get(name) == one else one for name, one in entries.items()
            }
            self._right = {name: one for name, one in self._right.items() if kept.get(name) is one[0]}
            self._entries, self._tokens, self._stamp = kept, _tokens(kept), stamp


def _tokens(entries: dict[str, Entry]) -> list[str]:
    return [one.digest for one in entries.values() if isinstance(one, TokenHash)]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
