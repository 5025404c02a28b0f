"""Imported by every Python that a test starts: it opens no socket, or reaches loopback alone.

`tests/conftest.py` puts this folder on PYTHONPATH and says which of the two in TEST_SOCKETS. An audit hook sees what
extension modules do as well, and cannot be taken off again.
"""

import os
import sys

ALLOWED = os.environ.get("TEST_SOCKETS", "")
LOOPBACK = ("127.0.0.1", "::1", "localhost", "")


def _guard(event: str, arguments: tuple) -> None:
    if not event.startswith("socket."):
        return
    if ALLOWED == "none" and event in ("socket.__new__", "socket.getaddrinfo", "socket.connect"):
        raise RuntimeError(f"this test opens no socket, and its process did: {event}")
    if event in ("socket.connect", "socket.sendto") and len(arguments) > 1:
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise RuntimeError(f"tests reach loopback alone, and this one reached for {address[0]}")


if ALLOWED:
    sys.addaudithook(_guard)
