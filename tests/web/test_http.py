"""What the server answers beside pages."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import plotly
import pytest
from flask.testing import FlaskClient
from web.factories import AT_MS, HandMadeEstate

from observatory.sources.store import Store
from observatory.web.access import is_loopback
from observatory.web.http import content_policy
from observatory.web.receivers import MOST_BODY
from observatory.web.server import Site, build_site

TRACES = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "0af7651916cd43dd8448eb211c80319c",
                            "spanId": "b7ad6b7169203331",
                            "name": "publish orders",
                            "kind": 4,
                            "startTimeUnixNano": "1795175990000000000",
                            "endTimeUnixNano": "1795175990010000000",
                            "attributes": [
                                {"key": "messaging.system", "value": {"stringValue": "kafka"}},
                                {"key": "messaging.destination.name", "value": {"stringValue": "orders"}},
                            ],
                        },
                        {"traceId": "short", "spanId": "b7ad6b7169203331", "name": "broken"},
                    ]
                }
            ],
        }
    ]
}


@pytest.fixture
def store() -> Store:
    return Store.open(None)


@pytest.fixture
def site(store: Store) -> Site:
    made = build_site(HandMadeEstate(), clock=lambda: AT_MS + 12_000, sink=store)  # type: ignore[arg-type]
    made.service.refresh()
    return made


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.server.test_client()


def test_the_status_is_the_one_of_the_command(site: Site, client: FlaskClient) -> None:
    snapshot = site.service.standing.snapshot
    assert snapshot is not None
    assert client.get("/api/status").get_json() == json.loads(json.dumps(snapshot.status.to_json()))


def test_without_a_snapshot_the_status_is_a_503_with_a_problem() -> None:
    made = build_site(HandMadeEstate(), clock=lambda: AT_MS)  # type: ignore[arg-type]
    answer = made.server.test_client().get("/api/status")
    assert answer.status_code == 503
    assert answer.get_json()["problems"][0]["code"] == "no-snapshot"


def test_health_is_bad_while_no_thread_refreshes(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.get_json()["snapshot_age_seconds"] == 12.0


def test_health_is_good_while_a_source_is_down() -> None:
    made = build_site(HandMadeEstate(failing=True), clock=lambda: AT_MS, interval_seconds=3600)  # type: ignore[arg-type]
    made.service.refresh()
    made.service.start()
    answer = made.server.test_client().get("/healthz")
    made.service.stop()
    assert answer.status_code == 200
    assert answer.get_json()["refresh"] == "failing"


def test_own_metrics_tell_refreshes_age_and_sources(client: FlaskClient) -> None:
    text = client.get("/metrics").get_data(as_text=True)
    assert 'observatory_refreshes_total{result="ok"} 1.0' in text
    assert "observatory_snapshot_age_seconds 12.0" in text
    assert 'observatory_source_up{kind="prometheus",source="metrics"} 1.0' in text
    assert 'observatory_objectives{state="breached"} 1.0' in text


def test_made_up_paths_do_not_grow_the_metrics(client: FlaskClient) -> None:
    for path in ("/a", "/b", "/c"):
        client.get(path)
    assert 'observatory_http_requests_total{code="200",method="GET",route="page"} 3.0' in client.get(
        "/metrics"
    ).get_data(as_text=True)


def test_spans_sent_as_json_are_kept_and_unusable_ones_counted(client: FlaskClient, store: Store) -> None:
    answer = client.post("/v1/traces", json=TRACES)
    assert answer.status_code == 200
    assert answer.get_json()["partialSuccess"]["rejectedSpans"] == "1"
    assert store.span_count() == 1


def test_spans_may_be_gzipped(client: FlaskClient, store: Store) -> None:
    body = gzip.compress(json.dumps(TRACES).encode())
    answer = client.post("/v1/traces", data=body, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert store.span_count() == 1


@pytest.mark.parametrize(
    ("body", "kind", "encoding", "code"),
    [
        (b"{", "application/json", "", 400),
        (b"\xff\xff", "application/x-protobuf", "", 400),
        (b"{}", "text/plain", "", 415),
        (b"{}", "application/json", "br", 415),
        (b"no gzip", "application/json", "gzip", 400),
        (b" " * (MOST_BODY + 1), "application/json", "", 413),
        (gzip.compress(b" " * (MOST_BODY + 1), mtime=0), "application/json", "gzip", 413),
    ],
    ids=["cut json", "no protobuf", "media type", "encoding", "no gzip", "too large", "too large when inflated"],
)
def test_an_unusable_export_is_refused_whole(
    client: FlaskClient, store: Store, body: bytes, kind: str, encoding: str, code: int
) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    assert client.post("/v1/traces", data=body, content_type=kind, headers=headers).status_code == code
    assert store.span_count() == 0


def test_without_a_store_the_receiver_says_how_to_get_one() -> None:
    made = build_site(HandMadeEstate(), clock=lambda: AT_MS)  # type: ignore[arg-type]
    answer = made.server.test_client().post("/v1/traces", json=TRACES)
    assert answer.status_code == 501
    assert "otlp-no-store" in answer.get_json()["message"]


def test_pages_allow_no_foreign_and_no_inline_script(client: FlaskClient) -> None:
    answer = client.get("/on-call")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in policy["script-src"]
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "https://" not in answer.get_data(as_text=True)


def test_the_document_runs_what_draws_tables_first_and_leaves_the_library_of_figures_for_later(
    client: FlaskClient,
) -> None:
    scripts = re.findall(r'<script src="([^"?]*)', client.get("/on-call").get_data(as_text=True))
    assert not [one for one in scripts if "plotly" in one or "dash_table" in one]
    names = [one.rsplit("/", 1)[1].split(".")[0] for one in scripts]
    assert names.index("dash_ag_grid") < names.index("dash_renderer") < names.index("async-community")
    for script in scripts:
        assert client.get(script).status_code == 200


def test_a_policy_lists_the_hashes_of_inline_scripts() -> None:
    assert "script-src 'self' 'sha256-abc';" in content_policy(["'sha256-abc'"])


def test_a_foreign_name_for_this_server_is_refused(client: FlaskClient) -> None:
    assert client.get("/api/status", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1:8050", True),
        ("localhost", True),
        ("[::1]:80", True),
        ("::1", True),
        ("127.1.2.3", True),
        ("0.0.0.0", False),
        ("10.0.0.1:80", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_recognised(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_answers_are_compressed(client: FlaskClient) -> None:
    answer = client.get("/api/status", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"


def test_the_plotly_bundle_is_of_the_version_that_the_python_package_carries() -> None:
    assets = Path(__file__).parents[2] / "observatory" / "web" / "assets"
    bundled = (assets / "plotly-cartesian.min.js").read_text(encoding="utf-8")[:400]
    carried = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")[:400]
    version = next(word for word in carried.split() if word.startswith("v3."))
    assert version in bundled


ALONE = """
import sys
from web.factories import AT_MS, HandMadeEstate
from observatory.web.server import build_site
build_site(HandMadeEstate(), clock=lambda: AT_MS)
print(hasattr(sys.modules.get("pandas"), "NaT"))
"""


def test_what_threads_would_load_side_by_side_is_loaded_before_they_start() -> None:
    """plotly takes pandas from the modules that are there, whole or half, when it writes the first answer."""
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, cwd=tests, check=True)
    assert done.stdout == "True\n"
