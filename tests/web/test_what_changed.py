"""What changed: deployments beside documents and new services, in the panel, in the banner and on figures."""

from __future__ import annotations

import plotly.graph_objects as go
from grafana_server import TOKEN, GrafanaServer
from msgspec.structs import replace
from web.factories import AT_MS, CARD, LABEL, HandMadeEstate
from web.test_pages import PAGES, POLICIES, drawn, service
from web.test_panel_goldens import graphs

from observatory.errors import Problem
from observatory.evaluate.deploys import Deploy, deploys
from observatory.settings import Settings
from observatory.settings.deploys import DeployAnnotations, DeployMetric
from observatory.sources.grafana_annotations import GrafanaAnnotations
from observatory.web.app import draw_panel
from observatory.web.service import Service
from observatory.windows import TimeRange

MINUTE = 60_000
KNOWN = Settings(deploys=(DeployMetric(metric="build_info", version="version"),))
# The burn began at 11:38; billing reads the burning channel.
BILLING = Deploy(AT_MS - 25 * MINUTE, "billing", "4.18", "4.17", "build_info")
LONG_AGO = replace(BILLING, at_ms=AT_MS - 300 * MINUTE, version="4.17", before="4.16")
ELSEWHERE = Deploy(AT_MS - 26 * MINUTE, "intranet", "7", "6", "build_info")


def deployed(*told: Deploy) -> Service:
    return service(HandMadeEstate(settings=KNOWN, deployed=told))


def test_a_deployment_of_a_service_on_the_channel_is_a_change() -> None:
    text = drawn("channel", "causes", CARD.id, of=deployed(BILLING, LONG_AGO))
    assert text.index("billing 4.17 → 4.18 deployed") < text.index("billing 4.16 → 4.17 deployed")
    assert "11:35" in text


def test_what_no_document_knows_is_shown_where_the_page_is_about_everything() -> None:
    made = deployed(ELSEWHERE)
    assert "intranet 6 → 7 deployed" in drawn("on-call", "causes", of=made)
    assert "intranet" not in drawn("channel", "causes", LABEL.id, of=made)


def test_the_banner_names_the_last_change_within_the_hour_before_the_burn() -> None:
    text = drawn("on-call", "firing", of=deployed(BILLING, LONG_AGO)).replace("\\", "")
    assert '" Just before: ",["b",{},"billing 4.17 → 4.18 deployed"]," at "' in text
    assert "Just before" not in drawn("on-call", "firing", of=deployed(LONG_AGO))
    after = replace(BILLING, at_ms=AT_MS - 10 * MINUTE)
    assert "Just before" not in drawn("on-call", "firing", of=deployed(after))


def test_the_banner_says_how_critical_the_channel_is_and_how_its_owner_is_reached() -> None:
    text = drawn("on-call", "firing").replace("\\", "")
    assert '"★ critical"' in text
    assert '["b",{},"pay-core"]," (#pay)."' in text


def test_figures_over_time_carry_the_newest_three_changes() -> None:
    many = [replace(BILLING, at_ms=AT_MS - minutes * MINUTE, version=str(minutes)) for minutes in (5, 15, 25, 35)]
    target = {"type": "panel", "page": "channel", "panel": "lag-history", "argument": CARD.id}
    (found,) = graphs(draw_panel(deployed(*many), PAGES, POLICIES, "?range=1h", target))
    marks = [one for one in go.Figure(found.figure).layout.annotations if "billing" in one.text]
    assert [one.x for one in marks] == [f"2026-11-20 11:{minute}:00" for minute in (55, 45, 35)]
    assert marks[0].text == "billing 4.17 → 5"


def test_annotations_of_a_grafana_are_changes_and_markers_beside_documents() -> None:
    grafana = GrafanaServer()
    written = "Billing 4.18: " + "retries of card payments are bounded " * 3
    grafana.annotate(AT_MS - 25 * MINUTE, written, "deploy", "service:billing", "version:4.18")
    grafana.annotate(AT_MS - 15 * MINUTE, "<img src=x onerror=alert(1)>", "deploy", "service:billing", "version:4.19")
    told = DeployAnnotations(url=grafana.url, tags=("deploy",), headers={"Authorization": f"Bearer {TOKEN}"})
    estate = HandMadeEstate(settings=Settings(deploys=(told,)))
    source = GrafanaAnnotations(told)
    estate.deploys = lambda span: deploys((), (), span, [source])  # type: ignore[method-assign]
    try:
        made = service(estate)
        text = drawn("channel", "causes", CARD.id, of=made)
        banner = drawn("on-call", "firing", of=made)
        target = {"type": "panel", "page": "channel", "panel": "lag-history", "argument": CARD.id}
        (found,) = graphs(draw_panel(made, PAGES, POLICIES, "?range=1h", target))
    finally:
        grafana.stop()
    assert written.strip() in text
    assert "billing: <img src=x onerror=alert(1)>" in text
    assert "Just before: " in banner
    assert "Billing 4.18: retries" in banner
    marks = {one.x: one.text for one in go.Figure(found.figure).layout.annotations if one.x}
    assert marks["2026-11-20 11:35:00"] == "Billing 4.18: retries of …"
    assert "<img" not in marks["2026-11-20 11:45:00"]


def test_without_a_metric_of_deployments_the_panel_says_which_setting_names_one() -> None:
    text = drawn("on-call", "causes")
    assert "in observatory.yaml names the metric that tells of deployments" in text
    assert "names the metric" not in drawn("on-call", "causes", of=deployed(BILLING))


def test_a_server_that_does_not_tell_of_deployments_is_named() -> None:
    estate = HandMadeEstate(settings=KNOWN)
    refused = Problem(code="source-unreachable", message="connection refused")

    def none(_span: TimeRange) -> tuple[tuple[Deploy, ...], tuple[Problem, ...]]:
        return (), (refused,)

    estate.deploys = none  # type: ignore[method-assign]
    assert "Deployments are not known: connection refused" in drawn("on-call", "causes", of=service(estate))
