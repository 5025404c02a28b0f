"""Every number opens to what it is made of, and what it is made of is the status."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from web.factories import AT_MS, CARD, HOSTILE, LABEL, REFUND, HandMadeEstate, measurement
from web.test_pages import ARGUMENTS, EVERY, PAGES, POLICIES, drawn, service

from observatory.diagnose.cause import Cause, Evidence
from observatory.errors import Problem, SourceFailed
from observatory.evaluate.snapshot import SignalSeries, Snapshot
from observatory.settings import GrafanaSettings, PrometheusSettings, Settings
from observatory.telemetry.binding import MappingResult, Resolution
from observatory.units import format_count
from observatory.web.app import draw_drawer
from observatory.web.board import Board
from observatory.web.explain.explainers import explain
from observatory.web.explain.explanation import Explanation
from observatory.web.explain.queries import run_links
from observatory.web.explain.reference import Reference, cause_reference, number, panel_reference
from observatory.web.parts import percent, whole_percent
from observatory.web.view import View

CARD_OBJECTIVE = "billing/on payments.card.settled/availability"
QUIET_OBJECTIVE = "billing/on notify.email.bounced/availability"
LABELLED = Settings(
    prometheus=(PrometheusSettings(url="https://prometheus.example/tenant", labels={"cluster": 'eu"1'}),),
    grafana=GrafanaSettings(url="https://grafana.example", datasource="P1809F7"),
)


def board(search: str = "?range=24h", estate: HandMadeEstate | None = None) -> Board:
    made = service(estate)
    found = Board.of(made.standing, made.estate, View.parse(search), policies=POLICIES, now_ms=AT_MS)
    assert found
    return found


def explained(reference: Reference, search: str = "?range=24h", estate: HandMadeEstate | None = None) -> Explanation:
    found = explain(board(search, estate), str(reference), PAGES)
    assert found
    return found


def shown(reference: str, search: str = "?range=24h", estate: HandMadeEstate | None = None) -> str:
    content = draw_drawer(service(estate), PAGES, POLICIES, {"explain": reference, "search": search})
    return json.dumps([one.to_plotly_json() for one in content], ensure_ascii=False)


@given(
    st.from_regex(r"[a-z_]{1,24}", fullmatch=True),
    st.text(max_size=300),
    st.sampled_from(["", "ratio", "burn-1h", "cells-24x3600-7"]),
)
def test_a_reference_survives_the_address_bar(word: str, key: str, aspect: str) -> None:
    assert Reference.parse(str(Reference(word, key, aspect))) == Reference(word, key, aspect)


@given(st.text(max_size=80))
def test_any_text_in_the_address_bar_is_answered(text: str) -> None:
    found = Reference.parse(text)
    assert found is None or str(found) == text.rstrip(":") or text.endswith(":")


def test_a_number_is_a_button_that_carries_its_reference_and_its_exact_value() -> None:
    made = number("99.9 %", Reference("objective", "a/b", "ratio"), value=0.9991234567).to_plotly_json()
    assert made["type"] == "Button"
    assert made["props"]["data-explain"] == "objective.ratio:a/b"
    assert made["props"]["data-value"] == "0.9991234567"
    assert "data-value" not in number("–", Reference("estate")).to_plotly_json()["props"]


def test_an_objective_opens_to_the_numbers_of_the_status() -> None:
    one = explained(Reference("objective", CARD_OBJECTIVE, "ratio"))
    snapshot = board().snapshot
    answer = next(each for each in snapshot.status.to_json()["objectives"] if each["id"] == CARD_OBJECTIVE)
    facts = {name: str(value) for name, value in one.facts}
    assert format_count(answer["good"]) in facts["Good"]
    assert format_count(answer["total"]) in facts["Total"]
    assert percent(answer["coverage"]) in facts["Coverage"]
    assert facts["Counted"] == "exact, from raw samples"
    assert facts["Profile"] == answer["profile"] == "otel_semconv_messaging"
    assert facts["Source"] == "metrics (prometheus, ok)"
    assert facts["Window"] == "30d: 10-21 12:00 to 11-20 12:00 UTC"
    assert "billing.yaml:31:7" in facts["Declared at"]
    assert facts["Measures"] == "processed without error"
    assert one.state == answer["state"] == "at_risk"
    assert one.figure == percent(answer["ratio"], 0.999) == "99.981 %"


def test_the_state_says_what_makes_it_so() -> None:
    assert explained(Reference("objective", CARD_OBJECTIVE, "state")).why == [
        "It burns 33.3× over 1h and 50.0× over 5m; google-30d sends a page from 14.4×."
    ]
    refund = explained(Reference("channel", REFUND.id, "state"))
    assert refund.why[0] == "More events were bad than the target allows: 36,000 of 25,920."
    quiet = explained(Reference("objective", QUIET_OBJECTIVE, "state"))
    assert quiet.why == ["No series messages_total for this topic."]
    assert "switch on the consumer's metrics" in shown(f"objective.state:{QUIET_OBJECTIVE}")
    assert explained(Reference("channel", LABEL.id, "state")).why == [
        "No burn-rate alert fires, and at least 25 % of the error budget is left."
    ]


def test_a_burn_rate_shows_its_arithmetic() -> None:
    one = explained(Reference("objective", CARD_OBJECTIVE, "burn-1h"))
    assert one.figure == "33.3×"
    assert one.formula[0] == "(bad ÷ total) ÷ (1 − target) = (1,200 ÷ 36,000) ÷ (1 − 99.9 %) = 33.3×"


def test_a_budget_shows_its_arithmetic() -> None:
    one = explained(Reference("objective", "billing/on payments.refund.failed/availability", "budget"))
    assert one.figure == "−39 %"
    assert one.formula == [
        "allowed = total × (1 − target) = 25,920,000 × (1 − 99.9 %) = 25,920 bad events",
        "left = 1 − spent ÷ allowed = 1 − 36,000 ÷ 25,920 = −39 %",
    ]


def test_a_cell_of_a_heat_strip_opens_to_the_counts_of_its_hour() -> None:
    one = explained(Reference("channel", CARD.id, "cells-24x3600-23"))
    assert one.what == "burn rate, 11:00 to 12:00"
    assert one.figure == "33.3×"
    table = one.tables[0]
    assert len(table.rows) == 24
    assert table.chosen == 0
    assert list(table.rows[0]) == ["11:00 to 12:00", "34,800", "36,000", "33.3×"]
    assert list(table.rows[1]) == ["10:00 to 11:00", "36,000", "36,000", "0.0×"]


def test_a_strip_of_absurd_length_in_an_address_is_no_table() -> None:
    assert explained(Reference("channel", CARD.id, "cells-999x3600-1")).tables == []
    assert explained(Reference("channel", CARD.id, "cells-24x0")).tables == []


def test_the_range_of_the_grid_counts_the_view() -> None:
    one = explained(Reference("channel", CARD.id, "range"), "?range=1h")
    assert one.formula == ["good ÷ total = 34,800 ÷ 36,000 = 96.667 %"]
    assert "[1h]" in one.queries[1].text


def test_every_query_is_promql_that_parses_and_looks_back_as_far_as_its_number() -> None:
    for aspect, window in (("ratio", "[30d]"), ("burn-1h", "[1h]"), ("burn-5m", "[5m]"), ("cells-24x3600-2", "[1h]")):
        queries = explained(Reference("objective", CARD_OBJECTIVE, aspect)).queries
        assert [one.name for one in queries] == ["good", "total"]
        for one in queries:
            promql_parser.parse(one.text)
            assert window in one.text
    cell = explained(Reference("objective", CARD_OBJECTIVE, "cells-24x3600-22")).queries[0]
    assert cell.at_ms == AT_MS - 3_600_000


def test_a_query_runs_at_its_source_and_in_grafana_with_the_labels_of_the_server() -> None:
    estate = HandMadeEstate(settings=LABELLED)
    made = board(estate=estate)
    query = explained(Reference("objective", CARD_OBJECTIVE, "ratio"), estate=estate).queries[1]
    assert 'cluster="eu\\"1"' in query.text
    prometheus, grafana = run_links(made, query)
    assert prometheus.href.startswith("https://prometheus.example/tenant/graph?")
    asked = parse_qs(urlsplit(prometheus.href).query)
    assert asked["g0.expr"] == [query.text]
    assert asked["g0.moment_input"] == ["2026-11-20 12:00:00"]
    assert grafana.href.startswith("https://grafana.example/explore?")
    pane = json.loads(parse_qs(urlsplit(grafana.href).query)["panes"][0])["observatory"]
    assert pane["queries"][0]["expr"] == query.text
    assert pane["datasource"] == "P1809F7"
    assert pane["range"] == {"from": str(AT_MS - 30 * 86_400_000), "to": str(AT_MS)}


def test_without_a_prometheus_there_is_the_text_and_no_link() -> None:
    made = board()
    query = explained(Reference("objective", CARD_OBJECTIVE, "ratio")).queries[0]
    assert run_links(made, query) == ()
    assert "Copy as PromQL" in shown(f"objective.ratio:{CARD_OBJECTIVE}")


def test_the_estate_opens_to_its_members_and_their_sum() -> None:
    one = explained(Reference("estate", aspect="ratio"), "?range=30d")
    whole = board().snapshot.status.to_json()["estate"]
    facts = {name: str(value) for name, value in one.facts}
    assert format_count(whole["good"]) in facts["Good"]
    assert format_count(whole["total"]) in facts["Total"]
    assert one.figure == percent(whole["ratio"], 0.999) == "99.947 %"
    assert len(one.tables[0].rows) == 3
    assert one.queries[0].text.startswith("sum(label_replace(")
    promql_parser.parse(one.queries[0].text)
    assert one.queries[0].text.count("label_replace(") == 3


def test_a_domain_opens_to_its_own_members() -> None:
    one = explained(Reference("domain", "payments", "budget"))
    entry = next(each for each in board().snapshot.status.to_json()["domains"] if each["name"] == "payments")
    assert one.figure == whole_percent(entry["budget"]["remaining_ratio"])
    assert len(one.tables[0].rows) == 2
    assert explain(board(), "domain.ratio:nobody", PAGES) is None


def test_a_filter_applies_to_what_is_explained() -> None:
    assert len(explained(Reference("estate", aspect="ratio"), "?q=shipping").tables[0].rows) == 1
    assert explain(board("?q=shipping"), "domain.ratio:payments", PAGES) is None


def test_objectives_met_opens_to_those_that_are_not() -> None:
    one = explained(Reference("estate", aspect="states"))
    assert one.figure == "1 of 4"
    assert len(one.tables[0].rows) == 3


def test_incidents_open_to_what_began_when() -> None:
    one = explained(Reference("estate", aspect="incidents"), "?range=24h")
    assert one.figure == "1"
    row = list(one.tables[0].rows[0])
    assert row[:3] == ["11:38", "22 min, lasts", "page"]
    channel = explained(Reference("channel", CARD.id, "all-incidents"))
    assert int(channel.figure) == len(channel.tables[0].rows) >= 2


def test_the_newest_p99_of_the_grid_opens_to_its_consumers() -> None:
    one = explained(Reference("channel", CARD.id, "p99"))
    assert one.title == "Latency p99"
    assert [row[0] for row in one.tables[0].rows] == ["billing-v1"]
    assert one.tables[0].rows[0][1].endswith(" ms")


def test_lag_opens_to_the_series_behind_it() -> None:
    one = explained(Reference("lag", f"billing/on {CARD.address}", "messages"))
    assert one.title == "Consumer lag · billing-v1"
    assert one.why[0].startswith("The newest")
    assert explain(board(), "lag.messages:nobody/listens", PAGES) is None


def test_a_participant_opens_to_what_counts_its_messages() -> None:
    text = drawn("channel", "participants", CARD.id).replace("\\", "")
    reference = f"participant.messages:receive|billing|billing-v1|{CARD.id}"
    assert reference in text
    found = explained(Reference.parse(reference) or Reference(""), "?range=24h", HandMadeEstate(settings=LABELLED))
    counts = board().counts(next(one for one in board().statuses() if one.objective.id == CARD_OBJECTIVE), board().span)
    assert counts
    facts = {name: json.dumps(value, default=lambda one: one.to_plotly_json()) for name, value in found.facts}
    assert format_count(counts.good) in facts["Good"]
    assert format_count(counts.total) in facts["Total"]
    assert facts["Counted"] == '"exact, from raw samples"'
    assert facts["Profile"] == '"otel_semconv_messaging"'
    assert facts["Window"].startswith('"last 24 h: ')
    assert [query.name for query in found.queries] == ["good", "total", "messages by spans"]
    assert all("[1d]" in query.text for query in found.queries[:2])
    assert [one.rows[0][0].children for one in found.tables] == [CARD_OBJECTIVE]


class Senders(HandMadeEstate):
    """What brokers count of a whole channel is not there: its senders, which are measured, are added up."""

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        made = super().snapshot(at_ms, previous)
        (counted,) = measurement(CARD).bindings
        published = Resolution(signal="published_messages", chosen=counted)
        known = {**made.mapping.resolutions, (f"shop/publish {CARD.address}", "published_messages"): published}
        return replace(made, mapping=MappingResult(known))

    def series(self, snapshot: Snapshot, signal: str, *told: Any, **named: Any) -> tuple[SignalSeries, ...]:
        whole = signal in ("enqueued_messages", "produced_offset")
        return () if whole else super().series(snapshot, signal, *told, **named)


def test_the_rate_of_a_channel_opens_to_what_was_added_and_the_query_of_it() -> None:
    assert f'"data-explain":"rate:{CARD.id}"' in drawn("map", "map").replace("\\", "")
    found = explained(Reference("rate", CARD.id), "?range=24h", Senders(settings=LABELLED))
    (added,) = found.tables
    assert [[str(row[0].children), *row[1:]] for row in added.rows] == [
        ["shop/publish payments.card.settled", "10", "otel_semconv_messaging"]
    ]
    assert found.figure == "10/s"
    assert [query.name for query in found.queries] == ["shop/publish payments.card.settled"]
    assert "[1h]" in found.queries[0].text
    assert dict(found.facts)["Window"] == "1h: 11:00 to 12:00 UTC"
    assert "Nothing to explain" in shown("rate:kafka:none")


def test_a_participant_that_no_document_declares_says_so_and_shows_how_it_was_counted() -> None:
    every = drawn("channel", "participants", CARD.id)
    names = [text for text in every.replace("\\", "").split('"') if text.startswith("participant.messages:")]
    assert len(names) >= 2
    for key in ("", "send", "send|x|", f"send|nobody||{CARD.id}", "receive|billing|billing-v1|kafka:none"):
        assert "Nothing to explain" in shown(f"participant.messages:{key}")


def test_a_cause_opens_to_what_agrees_and_what_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    cause = Cause(
        failure_mode="F7",
        channel_id=CARD.id,
        title="billing-v1 is slow",
        evidence=(
            Evidence(words="lag <grows>", agrees=True, since_ms=AT_MS - 60_000),
            Evidence(words="rate normal", agrees=False),
        ),
        score=0.5,
        not_observable=("broker load",),
    )
    monkeypatch.setattr(Board, "causes", lambda self: (cause,))
    one = explained(cause_reference(cause))
    assert one.figure == "50 %"
    assert one.formula == ["1 of 2 observations agree"]
    assert [row[0] for row in one.tables[0].rows] == ["agrees", "speaks against", "cannot be seen"]
    assert "lag <grows>" in shown(str(cause_reference(cause)))


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_every_panel_opens(page: str, panel: str) -> None:
    text = shown(str(panel_reference(page, panel, ARGUMENTS.get(page, ""))))
    assert "Nothing to explain" not in text
    assert "explanation" in text


def test_a_figure_opens_to_the_query_of_each_line() -> None:
    one = explained(panel_reference("on-call", "latency"))
    assert one.what == "How long do messages of critical channels take?"
    assert one.tables[0].head == ["Line", "Newest", "Highest", "Profile"]
    assert one.tables[0].rows


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_every_reference_that_a_panel_shows_is_answered(page: str, panel: str) -> None:
    made = service()
    text = drawn(page, panel, ARGUMENTS.get(page, ""), of=made).replace("\\", "")
    found = {part.partition('"')[0] for part in text.split('"data-explain":"')[1:]}
    view = Board.of(made.standing, made.estate, View.parse("?range=24h"), policies=POLICIES, now_ms=AT_MS)
    assert view
    for reference in found:
        assert explain(view, reference, PAGES) is not None, reference


def test_hostile_text_is_text_in_the_drawer() -> None:
    estate = HandMadeEstate()
    whole = estate.snapshot

    def hostile(at_ms: int, previous: object = None) -> object:
        made = whole(at_ms)
        problem = Problem(code="series-missing", message=HOSTILE, severity="warning")
        objectives = tuple(replace(one, problems=(problem,)) for one in made.status.objectives)
        return replace(made, status=replace(made.status, objectives=objectives))

    estate.snapshot = hostile  # type: ignore[method-assign,assignment]
    content = draw_drawer(service(estate), PAGES, POLICIES, {"explain": f"objective.state:{CARD_OBJECTIVE}"})
    tree = json.loads(content[0].to_plotly_json()["props"]["data-tree"])
    assert "script" not in json.dumps(_names(tree))
    assert any(HOSTILE in text for text in _texts(tree))


def test_a_source_that_is_down_is_said_in_the_drawer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Board, *_: object, **__: object) -> object:
        raise SourceFailed(
            Problem(code="source-unreachable", message="connection refused", url="http://127.0.0.1:9090")
        )

    monkeypatch.setattr(Board, "series", fails)
    text = shown(str(panel_reference("on-call", "latency")))
    assert "Source down" in text
    assert "connection refused" in text


def test_what_is_not_there_any_more_is_said() -> None:
    for reference in ("objective.ratio:gone", "nonsense", "", "panel:on-call/gone", "channel.ratio:nats:gone"):
        assert "There is no such number any more" in shown(reference)


def _names(tree: object) -> list[str]:
    if not isinstance(tree, list):
        return []
    own = [str(tree[0])] if len(tree) > 1 and isinstance(tree[1], dict) else []
    return own + [name for part in tree for name in _names(part)]


def _texts(tree: object) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    return [text for part in tree for text in _texts(part)] if isinstance(tree, list) else []
