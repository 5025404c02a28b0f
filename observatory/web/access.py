"""The gate before every route: by which name, from which page, how often, and who.

Nothing here changes anything: the server's own routes read, and the receivers are the only ones that write.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address
from time import monotonic
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from msgspec import Struct, field

from observatory.errors import ExitCode, Problem, ProblemsError
from observatory.settings.access import AccessSettings
from observatory.web.client import Client, client_of
from observatory.web.limits import Limit, client_key
from observatory.web.logins import Logins
from observatory.web.otlp_status import status_response
from observatory.web.own_metrics import OwnMetrics

OTLP = ("/v1/traces", "/v1/metrics")
REMOTE_WRITE = "/api/v1/write"
RECEIVERS = (*OTLP, REMOTE_WRITE)
MACHINES = (*RECEIVERS, "/metrics", "/api/status")
"""What a token opens."""
MOST_ASKED = 2**20
"""Bytes of a request that asks; those that bring telemetry have their own bound."""
_FREE = ("/assets/", "/_dash-component-suites/")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_RPC = {401: 16, 403: 7, 421: 7, 413: 3, 429: 14}
_CHALLENGE = 'Basic realm="Observatory", charset="UTF-8"'


class OpenToOthers(ProblemsError):
    """The command line opens the server to other machines and says nothing of who may ask it."""

    exit_code = ExitCode.USAGE


class Refusal(Exception):
    """A request is not answered."""

    def __init__(
        self, status: int, reason: str, problem: Problem, *, retry_seconds: int | None = None, challenge: bool = False
    ) -> None:
        """`reason` is the word under which it is counted; `challenge` lets a browser ask for a password."""
        super().__init__(problem.message)
        self.status, self.reason, self.problem = status, reason, problem
        self.retry_seconds, self.challenge = retry_seconds, challenge


class Access(Struct, frozen=True, kw_only=True, dict=True):
    """Who may ask, by which name and how often.

    Attributes:
        logins: People and tokens; None where there is no file of them.
        local: Whether the server listens on loopback only.
        anonymous: Whether everybody may read; what writes still wants a token where there are some.
        clock: Seconds that only grow.
    """

    settings: AccessSettings = field(default_factory=AccessSettings)
    logins: Logins | None = None
    local: bool = True
    anonymous: bool = False
    clock: Callable[[], float] = monotonic
    failures: Limit = field(default_factory=lambda: Limit(burst=10, per_second=1 / 6))
    asking: Limit = field(default_factory=lambda: Limit(burst=1000, per_second=100))
    receiving: Limit = field(default_factory=lambda: Limit(burst=2000, per_second=500))

    @property
    def guarded(self) -> bool:
        """Whether anybody is known by name."""
        return self.logins is not None or bool(self.settings.proxies)

    def wants_login(self, path: str) -> bool:
        """Whether this path is for those only who say who they are."""
        return self.guarded and path != "/healthz" and (path in RECEIVERS or not self.anonymous)

    def check(self, client: Client) -> None:
        """Let the request at hand pass.

        Raises:
            Refusal: It does not.
        """
        self._name()
        self._page()
        self._pace(client)
        if self.wants_login(request.path):
            self._login(client)

    def tells_all(self, client: Client) -> bool:
        """Whether `/healthz` may name sources to whoever asks."""
        if not self.wants_login("/"):
            return True
        try:
            self._login(client)
        except Refusal:
            return False
        return True

    def _name(self) -> None:
        """The Host header, so that a page of another site cannot reach this server by rebinding its name in DNS."""
        name = host_of(request.host)
        if name in self.settings.hosts or is_loopback(name):
            return
        if not self.local:
            # Another site's page is named by a full domain name: neither by an address nor by a bare word.
            if name and ("." not in name or _is_address(name)):
                return
            # With logins such a page gets nothing: browsers send a password to the name only that it was given for.
            if name and not self.settings.hosts and not self.anonymous:
                return
        where = "loopback names only" if self.local else "its own names only"
        raise Refusal(
            421,
            "host",
            Problem(
                code="access-host",
                message=f"this server answers to {where}",
                hint="list the name by which you ask it: `serve: {hosts: [slo.example.com]}` in observatory.yaml",
            ),
        )

    def _page(self) -> None:
        """Where the request comes from, as browsers say it; programs say nothing and bring their own credentials."""
        site, mode = request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode")
        if request.method in _SAFE:
            own = site in (None, "same-origin", "none") or mode == "navigate"
        elif site is not None:
            own = site in ("same-origin", "none")
        else:
            own = self._own_origin(request.headers.get("Origin"))
        if not own:
            message = "a page of another site sent this request"
            raise Refusal(403, "origin", Problem(code="access-origin", message=message))

    def _own_origin(self, origin: str | None) -> bool:
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return False
        return parts.netloc.lower() == request.host.lower() or host_of(parts.netloc) in self.settings.hosts

    def _pace(self, client: Client) -> None:
        path = request.path
        if path == "/healthz" or path.startswith(_FREE):
            return
        receives = path in RECEIVERS
        if not receives and (request.content_length or 0) > MOST_ASKED:
            message = f"more than {MOST_ASKED // 2**20} MiB in a request that asks"
            raise Refusal(413, "size", Problem(code="access-size", message=message))
        limit = self.receiving if receives else self.asking
        if wait := limit.take(client_key(client.address), self.clock()):
            raise _too_often("rate", "too many requests of one client", wait)

    def _login(self, client: Client) -> None:
        told = request.authorization
        if client.user is not None:
            return
        if self.logins is None:
            message = "this server is asked by a proxy that logs people in, and this request names nobody"
            raise Refusal(403, "login", Problem(code="access-login", message=message))
        if told is None:
            raise _unknown("say who you are", challenge=True)
        key, now = client_key(client.address), self.clock()
        if told.type == "bearer":
            if self.logins.token(told.token or ""):
                if request.path in MACHINES or request.path == "/healthz":
                    return
                raise Refusal(
                    403, "login", Problem(code="access-login", message="a token opens no pages; log in with a password")
                )
            if wait := self.failures.take(key, now):
                raise _too_often("login_limit", "too many logins of one client failed", wait)
            raise _unknown("there is no such token", challenge=False)
        name, password = told.username or "", told.password or ""
        if told.type != "basic" or not name:
            raise _unknown("log in with a name and a password, or with a token", challenge=True)
        if self.logins.known(name, password):
            return
        # Taken before the password is looked at: many guesses at once are not looked at either.
        if wait := self.failures.take(key, now):
            raise _too_often("login_limit", "too many logins of one client failed", wait)
        verdict = self.logins.password(name, password)
        if verdict != "wrong":
            self.failures.give_back(key, now)
        if verdict == "busy":
            raise _too_often("login_limit", "too many logins are under way", 1)
        if verdict == "wrong":
            raise _unknown("name or password is wrong", challenge=True)


def add_gate(server: Flask, access: Access, metrics: OwnMetrics) -> None:
    """Put the gate before every route of the server, pages and callbacks included."""

    @server.before_request
    def _gate() -> Response | None:
        g.client = client_of(request.remote_addr or "", request.headers, access.settings)
        try:
            access.check(g.client)
        except Refusal as refusal:
            metrics.refused(refusal.reason)
            return _answer(refusal)
        return None


def open_access(settings: AccessSettings, host: str, *, anonymous: bool) -> Access:
    """The access of a server that listens on an address. Loopback is free; elsewhere it is said who may ask.

    Raises:
        OpenToOthers: Nobody is known by name, and `anonymous` is not set.
        InputInvalid: The file of users cannot be used.
    """
    logins = Logins(settings.users) if settings.users else None
    access = Access(settings=settings, logins=logins, local=is_loopback(host), anonymous=anonymous)
    if not access.local and not access.guarded and not anonymous:
        raise OpenToOthers(
            Problem(
                code="access-open",
                message=f"--host {host} opens the dashboards to other machines, and nothing says who may ask",
                hint="name a file of users or proxies that log people in: `serve: {users: users.txt}` in "
                "observatory.yaml (`observatory users add NAME` writes it); or let everybody in: --allow-anonymous",
            )
        )
    return access


def host_of(authority: str) -> str:
    """The name of `name:port`, in lower case, without the brackets of an IPv6 address."""
    name = authority.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0] if name.count(":") == 1 else name


def is_loopback(host: str) -> bool:
    """Whether a Host header, port and all, or a bare host names this machine only."""
    name = host_of(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _unknown(message: str, *, challenge: bool) -> Refusal:
    return Refusal(401, "login", Problem(code="access-login", message=message), challenge=challenge)


def _too_often(reason: str, message: str, wait: int) -> Refusal:
    problem = Problem(code="access-rate", message=message, hint=f"come again in {wait} s")
    return Refusal(429, reason, problem, retry_seconds=wait)


def _answer(refusal: Refusal) -> Response:
    """A refusal in the form that the path's usual callers read."""
    problem, status = refusal.problem, refusal.status
    text = f"{problem.message} [{problem.code}]"
    if request.path in OTLP:
        response = status_response(status, _RPC[status], text, request.content_type or "")
    elif request.path == "/api/status":
        told = {"schema": "observatory.problem/1", "problems": [problem.to_json()]}
        response = Response(json.dumps(told, ensure_ascii=False), status, content_type="application/json")
    else:
        body = f"{text}\n{problem.hint + chr(10) if problem.hint else ''}"
        response = Response(body, status, content_type="text/plain; charset=utf-8")
    if status == 429 and request.path in RECEIVERS:
        # Prometheus and some exporters drop what is answered with 429; what is answered with 503 all of them repeat.
        response.status_code = 503
    if refusal.retry_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_seconds)
    if refusal.challenge:
        response.headers["WWW-Authenticate"] = _CHALLENGE
    elif status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Observatory"'
    return response
