"""The walk through an incident runs from the alert to the cause, and finds what the simulation put there."""

from __future__ import annotations

import json

import nbformat
import pytest
from notebook_run import executed, text_of


@pytest.fixture(scope="module")
def walk() -> nbformat.NotebookNode:
    return executed("incident_walkthrough.ipynb")


def test_the_alert_is_read_with_both_windows_and_its_threshold(walk: nbformat.NotebookNode) -> None:
    said = text_of(walk, "objective = alarm.objective")
    assert said.startswith("settlement-writer/onCardSettled/lag on payments.card.settled.v2: critical")
    assert "burns 917x over 1h and 1000x over 5m; a page from 14.4x" in said


def test_its_beginning_and_the_deployment_before_it_are_found(walk: nbformat.NotebookNode) -> None:
    assert "burning since 19:45 UTC, 55 min before the alert is read" in text_of(
        walk, "rates = figures.burn_rate_table"
    )
    assert text_of(walk, "began_ms = ").startswith("19:41  settlement-writer 4.18.0 deployed\n")


def test_the_cause_is_the_slow_consumer_and_its_owner_is_named(walk: nbformat.NotebookNode) -> None:
    assert text_of(walk, "found = [one for one in causes").startswith("F7 Slow consumer: settlement-writer")
    told = text_of(walk, "report = pd.Series")
    for words in ("F7, Slow consumer", "settlement-writer 4.18.0 deployed", "pay-core", "2026-11-20 19:45 UTC"):
        assert words in told


def test_every_figure_shows_something_and_carries_the_deployment(walk: nbformat.NotebookNode) -> None:
    drawn = [
        output.data["application/vnd.plotly.v1+json"]
        for cell in walk.cells
        for output in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    titles = [figure["layout"]["title"]["text"] for figure in drawn]
    assert [title.partition(" of ")[0] for title in titles] == [
        "Burn rates",
        "Published and consumed, per second",
        "Messages that wait",
        "Processing time, p99",
        "A message on payments.card.settled.v2",
        "What is left on this channel",
    ]
    for figure in drawn:
        assert "no data" not in json.dumps(figure["layout"])
    assert all("settlement-writer 4.18.0" in json.dumps(figure["layout"]) for figure in drawn[:4])
