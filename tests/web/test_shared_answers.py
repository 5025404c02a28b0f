"""Browsers that look at the same thing get the same bytes, and none of them gets another's."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cramjam
import pytest
from flask.testing import FlaskClient
from web.factories import AT_MS, HandMadeEstate

from observatory.web.answers import LARGEST_QUESTION, MOST_WATCHED, Watched
from observatory.web.server import Site, build_site

CALLBACK = "/_dash-update-component"


def question(
    panel: str, view: str = "?range=24h&theme=dark", version: int | None = 1, page: str = "debug"
) -> dict[str, Any]:
    """What a browser sends for one panel."""
    target = {"argument": "", "page": page, "panel": panel, "type": "panel"}
    return {
        "output": '{"argument":["MATCH"],"page":["MATCH"],"panel":["MATCH"],"type":"panel"}.children',
        "outputs": {"id": target, "property": "children"},
        "inputs": [
            {"id": "view", "property": "data", "value": view},
            {"id": "version", "property": "data", "value": version},
        ],
        "changedPropIds": ["version.data"],
        "parsedChangedPropsIds": ["version.data"],
        "state": [{"id": target, "property": "id", "value": target}],
    }


@pytest.fixture
def now() -> list[int]:
    return [AT_MS]


@pytest.fixture
def site(now: list[int]) -> Site:
    made = build_site(HandMadeEstate(), clock=lambda: now[0])  # type: ignore[arg-type]
    made.service.refresh()
    return made


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.server.test_client()


def asked(site: Site) -> list[tuple[str, str]]:
    """What the source was asked."""
    return site.service.estate.asked  # type: ignore[attr-defined,no-any-return]


def test_the_second_browser_gets_the_bytes_of_the_first(client: FlaskClient) -> None:
    first = client.post(CALLBACK, json=question("throughput"))
    second = client.post(CALLBACK, json=question("throughput", version=None))
    assert first.status_code == second.status_code == 200
    assert first.get_data() == second.get_data()
    assert "Throughput" in first.get_data(as_text=True)


def test_an_answer_is_written_once_however_many_ask_at_the_same_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    from observatory.web import app

    draw = app.draw_panel
    monkeypatch.setattr(app, "draw_panel", lambda *told: (drawn.append(told[4]["panel"]), draw(*told))[1])

    def ask(_number: int) -> bytes:
        return site.server.test_client().post(CALLBACK, json=question("backlog")).get_data()

    with ThreadPoolExecutor(4) as crowd:
        answers = set(crowd.map(ask, range(12)))
    assert len(answers) == 1
    assert drawn == ["backlog"]


def test_another_view_and_another_panel_are_other_answers(client: FlaskClient) -> None:
    answers = [
        client.post(CALLBACK, json=one).get_data()
        for one in (
            question("throughput"),
            question("backlog"),
            question("throughput", view="?range=1h&theme=dark"),
            question("throughput", view="?range=24h&theme=light"),
        )
    ]
    assert len(set(answers)) == 4


def test_a_new_snapshot_is_a_new_answer(site: Site, client: FlaskClient, now: list[int]) -> None:
    before = client.post(CALLBACK, json=question("throughput")).get_data()
    now[0] += 60_000
    site.service.refresh()
    assert client.post(CALLBACK, json=question("throughput")).get_data() != before


def test_what_a_dead_source_left_is_not_kept(site: Site, client: FlaskClient) -> None:
    site.service.estate.failing = True  # type: ignore[attr-defined]
    assert "Source down" in client.post(CALLBACK, json=question("throughput")).get_data(as_text=True)
    site.service.estate.failing = False  # type: ignore[attr-defined]
    assert "Source down" not in client.post(CALLBACK, json=question("throughput")).get_data(as_text=True)


def test_what_people_look_at_is_answered_before_a_new_snapshot_is_shown(
    site: Site, client: FlaskClient, now: list[int]
) -> None:
    client.post(CALLBACK, json=question("throughput"))
    now[0] += 60_000
    site.service.refresh()
    before = len(asked(site))
    fresh = client.post(CALLBACK, json=question("throughput", version=2)).get_data(as_text=True)
    assert len(asked(site)) == before
    assert "Throughput" in fresh


@pytest.mark.parametrize(("accepted", "opened"), [("gzip", gzip.decompress), ("br, gzip", cramjam.brotli.decompress)])
def test_an_answer_travels_in_the_form_that_the_browser_takes(client: FlaskClient, accepted: str, opened: Any) -> None:
    plain = client.post(CALLBACK, json=question("throughput")).get_data()
    answer = client.post(CALLBACK, json=question("throughput"), headers={"Accept-Encoding": accepted})
    assert answer.headers["Content-Encoding"] == accepted.split(",")[0]
    assert bytes(opened(answer.get_data())) == plain
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "no-store"


def other_panel(body: dict[str, Any]) -> None:
    body["state"][0]["value"] = body["state"][0]["value"] | {"panel": "backlog"}


def other_output(body: dict[str, Any]) -> None:
    body["outputs"]["id"] = body["outputs"]["id"] | {"panel": "backlog"}


@pytest.mark.parametrize("forge", [other_panel, other_output])
def test_a_forged_question_does_not_change_what_others_see(client: FlaskClient, forge: Any) -> None:
    forged = question("throughput")
    forge(forged)
    client.post(CALLBACK, json=forged)
    answer = client.post(CALLBACK, json=question("throughput")).get_json()
    (place,) = answer["response"]
    assert json.loads(place)["panel"] == "throughput"
    assert "Throughput" in json.dumps(answer)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"outputs": 3}', b'{"outputs": {"id": {"type": "panel"}}}'])
def test_a_question_without_sense_is_no_answer_and_leaves_none(site: Site, client: FlaskClient, body: bytes) -> None:
    site.server.config["PROPAGATE_EXCEPTIONS"] = False
    answer = client.post(CALLBACK, data=body, content_type="application/json")
    assert answer.status_code >= 400
    assert client.post(CALLBACK, json=question("throughput")).status_code == 200


def test_a_question_that_is_too_long_is_not_kept(site: Site, client: FlaskClient) -> None:
    long = question("throughput", view=f"?range=24h&q={'x' * LARGEST_QUESTION}")
    assert client.post(CALLBACK, json=long).status_code == 200
    assert len(site.service.standing.answers) == 0


def test_what_was_not_looked_at_lately_is_not_answered_ahead() -> None:
    now = [0]
    watched = Watched(lambda: now[0], 30.0)
    watched.note("old", b"old")
    now[0] = 121_000
    watched.note("new", b"new")
    seen: list[bytes] = []
    watched.warm(seen.append)
    assert seen == [b"new"]


def test_only_so_many_panels_are_watched() -> None:
    watched = Watched(lambda: 0, 30.0)
    for number in range(MOST_WATCHED + 5):
        watched.note(str(number), b"%d" % number)
    seen: list[bytes] = []
    watched.warm(seen.append)
    assert seen[0] == b"%d" % (MOST_WATCHED + 4)
    assert len(seen) == MOST_WATCHED
