"""Token buckets and who counts as one client; the time is the test's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from threading import Thread

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from web.factories import AT_MS, HandMadeEstate
from werkzeug.serving import make_server

from observatory.settings.access import AccessSettings
from observatory.web.access import RECEIVERS, Access
from observatory.web.limits import Limit, client_key
from observatory.web.server import build_site


def test_a_bucket_gives_its_burst_and_then_its_pace() -> None:
    limit = Limit(burst=3, per_second=0.5)
    assert [limit.take("a", 0.0) for _ in range(5)] == [0, 0, 0, 2, 2]
    assert [limit.take("a", 2.0), limit.take("a", 2.0)] == [0, 2]
    assert limit.take("b", 2.0) == 0


def test_what_did_not_count_is_given_back() -> None:
    limit = Limit(burst=1, per_second=0.1)
    assert limit.take("a", 0.0) == 0
    limit.give_back("a", 0.0)
    assert [limit.take("a", 0.0), limit.take("a", 0.0)] == [0, 10]


@given(st.lists(st.floats(0, 5), max_size=200))
def test_never_more_than_the_burst_and_the_pace_allow(pauses: list[float]) -> None:
    limit, now, taken = Limit(burst=4, per_second=2), 0.0, 0
    for pause in pauses:
        now += pause
        taken += limit.take("a", now) == 0
    assert taken <= 4 + 2 * now + 1e-6


def test_memory_is_bounded_however_many_clients_come() -> None:
    limit = Limit(burst=1, per_second=1, most_clients=100)
    for number in range(10_000):
        limit.take(str(number), 0.0)
    assert len(limit) == 100


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("whatever", "unknown"),
        ("", "unknown"),
    ],
)
def test_one_machine_is_one_client(address: str, key: str) -> None:
    assert client_key(address) == key


class Paced:
    """A listening site with small limits and a clock that a test moves."""

    def __init__(self, settings: AccessSettings) -> None:
        self.now = 0.0
        access = Access(
            settings=settings,
            asking=Limit(burst=3, per_second=0.1),
            receiving=Limit(burst=2, per_second=0.25),
            clock=lambda: self.now,
        )
        self.site = build_site(HandMadeEstate(), clock=lambda: AT_MS, access=access)  # type: ignore[arg-type]
        self.site.service.refresh()
        self.listening = make_server("127.0.0.1", 0, self.site.server, threaded=True)
        self.url = f"http://127.0.0.1:{self.listening.port}"
        self.thread = Thread(target=self.listening.serve_forever, daemon=True)
        self.thread.start()

    def refused(self) -> float | None:
        found = re.search(rb'refusals_total{reason="rate"} (.*)', self.site.metrics.text())
        return float(found[1]) if found else None


@pytest.fixture
def paced(request: pytest.FixtureRequest) -> Iterator[Paced]:
    made = Paced(getattr(request, "param", AccessSettings()))
    yield made
    made.listening.shutdown()
    made.thread.join(5)
    made.listening.server_close()


def test_a_client_that_asks_too_often_is_told_when_to_come_again(paced: Paced) -> None:
    answers = [requests.get(f"{paced.url}/api/status", timeout=30) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "10"
    assert answers[-1].json()["problems"][0]["code"] == "access-rate"
    assert paced.refused() == 1.0
    paced.now = 10.0
    assert requests.get(f"{paced.url}/api/status", timeout=30).status_code == 200


def test_panels_and_telemetry_have_buckets_of_their_own_and_probes_and_assets_none(paced: Paced) -> None:
    callback = f"{paced.url}/_dash-update-component"
    statuses = [requests.post(callback, json={}, timeout=30).status_code for _ in range(4)]
    assert statuses[3] == 429
    assert 429 not in statuses[:3]
    sent = [requests.post(f"{paced.url}/v1/traces", json={}, timeout=30) for _ in range(3)]
    # 501: this site has no store.
    assert [one.status_code for one in sent] == [501, 501, 503]
    assert sent[-1].json()["code"] == 14
    assert requests.get(f"{paced.url}/healthz", timeout=30).status_code == 503
    assert requests.get(f"{paced.url}/assets/theme.js", timeout=30).status_code == 200


def test_prometheus_is_answered_with_what_it_repeats(paced: Paced) -> None:
    sent = [requests.post(f"{paced.url}/api/v1/write", data=b"", timeout=30) for _ in range(3)]
    assert [one.status_code for one in sent] == [501, 501, 503]
    assert sent[-1].headers["Retry-After"] == "4"


def test_nothing_but_receivers_and_panels_takes_anything_but_a_question(paced: Paced) -> None:
    asking = {"GET", "HEAD", "OPTIONS"}
    takes_more = {rule.rule for rule in paced.site.server.url_map.iter_rules() if (rule.methods or set()) - asking}
    assert takes_more == {*RECEIVERS, "/_dash-update-component"}


BEHIND_A_PROXY = AccessSettings(proxies=(ip_network("127.0.0.0/8"),), user_header="X-Remote-User")


@pytest.mark.parametrize("paced", [BEHIND_A_PROXY], indirect=True)
def test_with_a_proxy_alone_whoever_it_names_may_ask_and_nobody_is_asked_for_a_password(paced: Paced) -> None:
    status = f"{paced.url}/api/status"
    assert requests.get(status, headers={"X-Remote-User": "alice"}, timeout=30).status_code == 200
    refused = requests.get(status, headers={"X-Forwarded-User": "alice"}, auth=("alice", "x"), timeout=30)
    assert refused.status_code == 403
    assert "WWW-Authenticate" not in refused.headers
    assert refused.json()["problems"][0]["code"] == "access-login"


@pytest.mark.parametrize("paced", [AccessSettings(proxies=(ip_network("10.0.0.7"),))], indirect=True)
def test_whoever_comes_around_the_proxy_is_refused_whatever_they_say(paced: Paced) -> None:
    headers = {"X-Forwarded-User": "alice", "X-Forwarded-For": "10.0.0.7"}
    assert requests.get(f"{paced.url}/on-call", headers=headers, timeout=30).status_code == 403
    assert requests.get(f"{paced.url}/healthz", headers=headers, timeout=30).json() == {"state": "failed"}
