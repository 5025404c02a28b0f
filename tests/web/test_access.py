"""Who may ask a running server, over real connections: loopback addresses stand for machines, some of them hostile."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from web.factories import DOCUMENT

from observatory.settings.users import Cost, PasswordHash, TokenHash, read_users, write_users
from observatory.web.access import MOST_ASKED

SETTINGS = """documents: [orders.yaml]
store: x.duckdb
serve:
  users: users.txt
  proxies: [127.0.0.2, 127.0.9.0/24]
  hosts: [slo.example.com]
"""
PROXY = "127.0.0.2"
PASSWORD = "correct horse: battery"
TOKEN = "obs_0123456789abcdefghijklmnopqrstuvwxyz"
EXPORT = json.dumps({"resourceSpans": []})
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass(frozen=True)
class Server:
    """A running `serve`."""

    port: int
    folder: Path
    said: list[str] = field(default_factory=list)

    def ask(
        self,
        path: str,
        *headers: tuple[str, str],
        method: str = "GET",
        body: str | None = None,
        host: str | None = None,
        machine: str = "127.0.0.1",
    ) -> Answer:
        """A request from one of this machine's loopback addresses, with exactly these headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(machine, 0))
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode() if body is not None else None)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()

    def refused(self, reason: str) -> float:
        """The server's own count of refusals for a reason."""
        text = self.ask("/metrics", bearer()).text
        found = re.search(rf'^observatory_http_refusals_total{{reason="{reason}"}} (.*)$', text, re.MULTILINE)
        assert found, text
        return float(found[1])


def basic(name: str = "alice", password: str = PASSWORD) -> tuple[str, str]:
    return "Authorization", "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def bearer(token: str = TOKEN) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def sent(*headers: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", "application/json"), *headers)


def running(folder: Path, settings: str, *arguments: str) -> Iterator[Server]:
    (folder / "orders.yaml").write_text(DOCUMENT, encoding="utf-8")
    (folder / "observatory.yaml").write_text(settings, encoding="utf-8")
    alice = PasswordHash.of(PASSWORD, Cost(ln=12, r=8, p=1))
    write_users(folder / "users.txt", {"alice": alice, "collector": TokenHash.of(TOKEN)})
    process = subprocess.Popen(
        [sys.executable, "-m", "observatory", "serve", "--port", "0", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert process.stderr is not None
    said: list[str] = []
    port = 0
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://[^/]+:(\d+)/", line):
            port = int(found[1])
            break
    assert port, "".join(said)
    listener = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    listener.start()
    try:
        yield Server(port, folder, said)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        listener.join(10)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Open to other machines, for people, tokens, and a proxy at 127.0.0.2."""
    yield from running(tmp_path_factory.mktemp("guarded"), SETTINGS, "--host", "0.0.0.0")


@pytest.fixture(scope="module")
def anonymous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Open to other machines and to everybody, with tokens for those who write."""
    settings = "documents: [orders.yaml]\nstore: x.duckdb\nserve: {users: users.txt}\n"
    yield from running(tmp_path_factory.mktemp("anonymous"), settings, "--host", "0.0.0.0", "--allow-anonymous")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As it starts without anything said."""
    yield from running(tmp_path_factory.mktemp("local"), "documents: [orders.yaml]\nstore: x.duckdb\n")


# -- who


@pytest.mark.parametrize("path", ["/", "/on-call", "/api/status", "/metrics", "/_dash-layout", "/assets/theme.js"])
def test_nobody_reads_without_a_login(guarded: Server, path: str) -> None:
    before = guarded.refused("login")
    answer = guarded.ask(path)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Observatory", charset="UTF-8"'
    assert "access-login" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert guarded.refused("login") == before + 1


def test_name_and_password_open_pages_and_panels(guarded: Server) -> None:
    assert guarded.ask("/on-call", basic()).status == 200
    assert guarded.ask("/_dash-dependencies", basic()).status == 200


@pytest.mark.parametrize(
    "credentials",
    [
        basic(password="correct horse"),
        basic("alice ", PASSWORD),
        basic("nobody"),
        basic("collector", TOKEN),
        basic("", ""),
        basic("alice", "x" * 5000),
        ("Authorization", "Basic !!!"),
        ("Authorization", "Basic"),
        ("Authorization", "Digest username=alice"),
        ("Authorization", "Bearer "),
        bearer("obs_wrong"),
        bearer(PASSWORD),
    ],
    ids=lambda one: one[1][:24],
)
def test_a_wrong_login_gets_a_401(guarded: Server, credentials: tuple[str, str]) -> None:
    # Each from a machine of its own, so that none of them has failed before.
    machine = f"127.1.0.{sum(credentials[1].encode()) % 250 + 1}"
    assert guarded.ask("/api/status", credentials, machine=machine).status == 401


def test_a_token_opens_what_machines_ask_and_no_pages(guarded: Server) -> None:
    assert guarded.ask("/metrics", bearer()).status == 200
    assert guarded.ask("/api/status", bearer()).status in (200, 503)
    assert guarded.ask("/v1/traces", *sent(bearer()), method="POST", body=EXPORT).status == 200
    assert guarded.ask("/on-call", bearer()).status == 403


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/api/v1/write"])
def test_telemetry_without_a_token_is_refused_and_not_kept(guarded: Server, path: str) -> None:
    assert guarded.ask(path, *sent(), method="POST", body=EXPORT).status == 401


def test_an_otlp_sender_is_told_in_the_form_that_it_reads(guarded: Server) -> None:
    answer = guarded.ask("/v1/traces", *sent(), method="POST", body=EXPORT)
    assert json.loads(answer.text) == {"code": 16, "message": "say who you are [access-login]"}


def test_health_answers_everybody_and_names_no_source_to_strangers(guarded: Server) -> None:
    assert json.loads(guarded.ask("/healthz").text) == {"state": "ok"}
    assert "sources" in json.loads(guarded.ask("/healthz", basic()).text)
    assert "sources" in json.loads(guarded.ask("/healthz", bearer()).text)


def test_guessing_ends_in_a_429_for_that_client_only(guarded: Server) -> None:
    before, began = guarded.refused("login_limit"), time.monotonic()
    machine = "127.2.0.1"
    assert guarded.ask("/on-call", basic(), machine=machine).status == 200
    guesses = refusals = 0
    while True:
        while guarded.ask("/on-call", basic(password=f"guess {guesses}"), machine=machine).status == 401:
            guesses += 1
        refused = guarded.ask("/on-call", basic("bob", PASSWORD), machine=machine)
        refusals += 1
        if refused.status == 429:
            break
    # A slow machine takes longer for its guesses, so that there are more of them: ten, and one for every six seconds.
    assert 10 <= guesses <= 10 + (time.monotonic() - began) / 6
    assert 1 <= int(refused.headers["Retry-After"]) <= 6
    # Who is logged in already stays so, beside a guesser at the same address; and other addresses are not concerned.
    assert guarded.ask("/on-call", basic(), machine=machine).status == 200
    assert guarded.ask("/on-call", basic(password="guess"), machine="127.2.0.2").status == 401
    assert guarded.refused("login_limit") == before + refusals + 1


def test_many_guesses_at_once_are_not_looked_at_either(guarded: Server) -> None:
    statuses: list[int] = []
    began = time.monotonic()

    def guess(number: int) -> None:
        statuses.append(guarded.ask("/on-call", basic(password=f"at once {number}"), machine="127.2.0.3").status)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= statuses.count(401) <= 10 + (time.monotonic() - began) / 6
    assert set(statuses) == {401, 429}


def test_passwords_and_tokens_appear_in_no_log_and_no_metric(guarded: Server) -> None:
    guarded.ask("/on-call", basic("alice", "hunter2-in-no-log"), machine="127.2.0.4")
    guarded.ask("/metrics", bearer("obs_leaked-in-no-log"), machine="127.2.0.4")
    told = "".join(guarded.said) + guarded.ask("/metrics", bearer()).text
    assert "in-no-log" not in told
    assert TOKEN not in told
    assert PASSWORD not in told


def test_the_file_of_users_may_change_while_the_server_runs(guarded: Server) -> None:
    path = guarded.folder / "users.txt"
    before = path.read_bytes()
    asked = basic("bob", "a password of bob")
    try:
        write_users(path, read_users(path) | {"bob": PasswordHash.of("a password of bob", Cost(ln=12, r=8, p=1))})
        assert guarded.ask("/on-call", asked).status == 200
        write_users(path, {name: entry for name, entry in read_users(path).items() if name != "bob"})
        assert guarded.ask("/on-call", asked).status == 401
        assert guarded.ask("/on-call", basic()).status == 200
        path.write_text("alice:in the clear\n", encoding="utf-8")
        assert guarded.ask("/on-call", basic()).status == 401
    finally:
        path.write_bytes(before)
    assert guarded.ask("/on-call", basic()).status == 200
    assert "in the clear" not in "".join(guarded.said)


# -- proxies


def test_a_listed_proxy_is_believed(guarded: Server) -> None:
    assert guarded.ask("/on-call", ("X-Forwarded-User", "alice"), machine=PROXY).status == 200
    assert guarded.ask("/on-call", machine=PROXY).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-User", "alice")],
        [("X-Forwarded-User", "alice"), ("X-Forwarded-For", PROXY)],
        [("Forwarded", f"for={PROXY}"), ("X-Forwarded-User", "alice")],
    ],
    ids=["user", "says it comes by the proxy", "says it anew"],
)
def test_anybody_else_who_sets_the_proxys_header_is_not_believed(
    guarded: Server, headers: list[tuple[str, str]]
) -> None:
    assert guarded.ask("/on-call", *headers).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-User", "mallory"), ("X-Forwarded-User", "alice")],
        [("X_Forwarded_User", "mallory")],
        [("X-Forwarded-User", "")],
        [("X-Forwarded-User", "a" * 300)],
    ],
    ids=["twice", "underscores", "empty", "long"],
)
def test_a_name_that_a_client_smuggles_past_the_proxy_is_none(guarded: Server, headers: list[tuple[str, str]]) -> None:
    assert guarded.ask("/on-call", *headers, machine=PROXY).status == 401


def test_behind_the_proxy_clients_are_told_apart_and_cannot_choose_who_they_are(guarded: Server) -> None:
    def guess(number: int, forwarded: str) -> int:
        headers = basic(password=f"forwarded {number}"), ("X-Forwarded-For", forwarded)
        return guarded.ask("/on-call", *headers, machine=PROXY).status

    # The first address is the client's own invention; the last but the proxies' own is what the proxy saw.
    seen = [guess(number, f"10.0.0.{number}, 203.0.113.9, 127.0.9.5") for number in range(11)]
    assert seen == [401] * 10 + [429]
    assert guess(11, "203.0.113.10") == 401


def test_only_behind_tls_a_browser_is_told_to_stay_with_tls(guarded: Server) -> None:
    by_tls = guarded.ask("/healthz", ("X-Forwarded-Proto", "https"), machine=PROXY)
    assert by_tls.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in guarded.ask("/healthz", machine=PROXY).headers
    assert "Strict-Transport-Security" not in guarded.ask("/healthz", ("X-Forwarded-Proto", "https")).headers


# -- from where


CALLBACK = "/_dash-update-component"


def poll() -> str:
    output = "..version.data...health.data.."
    outputs = [{"id": "version", "property": "data"}, {"id": "health", "property": "data"}]
    return json.dumps(
        {
            "output": output,
            "outputs": outputs,
            "inputs": [{"id": "tick", "property": "n_intervals", "value": 1}],
            "changedPropIds": ["tick.n_intervals"],
            "state": [{"id": "version", "property": "data", "value": None}],
        }
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),
        ([("Origin", "http://127.0.0.1:{port}")], 200),
        ([("Sec-Fetch-Site", "same-origin"), ("Origin", "http://127.0.0.1:{port}")], 200),
        ([("Origin", "https://evil.example")], 403),
        ([("Origin", "http://127.0.0.1:1")], 403),
        ([("Origin", "null")], 403),
        ([("Origin", "http://127.0.0.1:{port}.evil.example")], 403),
        ([("Origin", "http://[")], 403),
        ([("Sec-Fetch-Site", "cross-site")], 403),
        ([("Sec-Fetch-Site", "same-site"), ("Origin", "http://127.0.0.1:{port}")], 403),
    ],
)
def test_a_callback_comes_from_its_own_page(local: Server, headers: list[tuple[str, str]], status: int) -> None:
    written = [(name, value.replace("{port}", str(local.port))) for name, value in headers]
    assert local.ask(CALLBACK, *sent(*written), method="POST", body=poll()).status == status


def test_another_sites_page_sends_no_telemetry_with_a_readers_login(guarded: Server) -> None:
    before = guarded.refused("origin")
    headers = sent(basic(), ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"))
    assert guarded.ask("/v1/traces", *headers, method="POST", body=EXPORT).status == 403
    assert guarded.refused("origin") == before + 1


def test_behind_a_proxy_that_changes_the_host_the_listed_name_is_the_own_page(guarded: Server) -> None:
    user = ("X-Forwarded-User", "alice")
    for origin, status in (("https://slo.example.com", 200), ("https://evil.example", 403)):
        headers = sent(user, ("Origin", origin))
        assert guarded.ask(CALLBACK, *headers, method="POST", body=poll(), machine=PROXY).status == status


def test_another_site_embeds_nothing_but_may_link(local: Server) -> None:
    fetched = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"))
    assert local.ask("/api/status", *fetched).status == 403
    followed = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"))
    assert local.ask("/on-call", *followed).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "10.0.0.1", "slo.example.com"]
)
def test_on_loopback_a_rebound_name_gets_nothing(local: Server, host: str) -> None:
    answer = local.ask("/api/status", host=host)
    assert answer.status == 421
    assert "access-host" in answer.text


def test_elsewhere_the_listed_names_and_addresses_are_answered(guarded: Server, anonymous: Server) -> None:
    assert guarded.ask("/on-call", basic(), host="SLO.example.com:443").status == 200
    assert guarded.ask("/on-call", basic(), host="evil.example").status == 421
    assert anonymous.ask("/on-call", host="192.0.2.7:8050").status == 200
    assert anonymous.ask("/on-call", host="observatory:8050").status == 200
    assert anonymous.ask("/on-call", host="evil.example").status == 421


# -- everybody, and how often


def test_everybody_reads_where_that_was_asked_for_and_writes_by_token_only(anonymous: Server) -> None:
    assert anonymous.ask("/on-call").status == 200
    assert anonymous.ask("/metrics").status == 200
    assert "sources" in json.loads(anonymous.ask("/healthz").text)
    assert anonymous.ask("/v1/traces", *sent(), method="POST", body=EXPORT).status == 401
    assert anonymous.ask("/v1/traces", *sent(bearer()), method="POST", body=EXPORT).status == 200


def test_a_large_body_is_for_receivers_only(local: Server) -> None:
    answer = local.ask(CALLBACK, *sent(), method="POST", body=" " * (MOST_ASKED + 1))
    assert answer.status == 413
    assert "access-size" in answer.text


def test_on_loopback_nothing_is_asked(local: Server) -> None:
    assert local.ask("/on-call").status == 200
    assert local.ask("/v1/traces", *sent(), method="POST", body=EXPORT).status == 200
    assert local.ask("/metrics").status == 200


def test_somebody_with_passwords_and_without_tls_is_told(anonymous: Server, local: Server) -> None:
    assert any("let a proxy with TLS stand before this server" in line for line in anonymous.said)
    assert not any("TLS" in line for line in local.said)
