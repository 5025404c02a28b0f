"""A real HTTP server on loopback that answers as a test tells it: wrongly, slowly, halfway, or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What the server received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to send for paths that begin with `path`; the first that fits is used.

    Attributes:
        declared: Content-Length to claim; the real one when None.
        hold_seconds: How long to stay silent before the reply; ends early when the server stops.
        drip_seconds: Pause after each single byte of the body.
        close_at_once: Close the connection without a byte.
    """

    body: bytes | Callable[[Request], bytes] = b""
    path: str = "/"
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    hold_seconds: float = 0.0
    drip_seconds: float = 0.0
    close_at_once: bool = False


class MisbehavingServer:
    """Listens as soon as it is made; `requests` holds all that it received."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._stopped.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming:
            try:
                if not incoming.peek(1)[:1].isalpha():  # a TLS handshake
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                line = incoming.readline().decode("latin-1").split()
                if len(line) < 2:
                    return
                headers: dict[str, str] = {}
                while text := incoming.readline().decode("latin-1").strip():
                    name, _, value = text.partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = incoming.read(int(headers.get("content-length", "0")))
                request = Request(line[0], line[1], headers, body)
                self.requests.append(request)
                self._reply(connection, request)
            except OSError:
                return

    def _reply(self, connection: socket.socket, request: Request) -> None:
        reply = next((one for one in self.replies if request.path.startswith(one.path)), Reply(status=404))
        if reply.close_at_once:
            return
        if reply.hold_seconds:
            self._stopped.wait(reply.hold_seconds)
        body = reply.body(request) if callable(reply.body) else reply.body
        length = len(body) if reply.declared is None else reply.declared
        headers = {"Content-Type": reply.content_type, "Content-Length": str(length), "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **reply.headers}.items())
        connection.sendall(f"HTTP/1.1 {reply.status} Whatever\r\n{head}\r\n".encode())
        if not reply.drip_seconds:
            connection.sendall(body)
            return
        for index in range(len(body)):
            if self._stopped.wait(reply.drip_seconds):
                return
            connection.sendall(body[index : index + 1])
