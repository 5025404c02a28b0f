"""Every page draws from a snapshot, and says so when something is missing."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from msgspec.structs import replace
from web.factories import AT_MS, CARD, HOSTILE, LABEL, QUIET, HandMadeEstate, HandMadeSources

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.evaluate.planned import LeftOut, Numbers, Planned
from observatory.evaluate.snapshot import Snapshot
from observatory.indicators.counts import Counts
from observatory.objectives.exclusions import PlannedWork
from observatory.objectives.policy import load_policies
from observatory.settings.exclusions import Exclusion, Scope
from observatory.sources.base import SourceState
from observatory.web.app import draw_panel, first_look, page_layout, poll
from observatory.web.board import Board
from observatory.web.frame import empty_frame
from observatory.web.load import load_pages, shipped_folder
from observatory.web.panels import KINDS
from observatory.web.panels.subjects import channel_ids, group_operations, promised, subjects
from observatory.web.parts import percent, whole_percent
from observatory.web.service import Service
from observatory.web.view import View
from observatory.windows import TimeRange

PAGES = {page.id: page for page in load_pages([shipped_folder()], KINDS)}
POLICIES = load_policies()


def service(estate: HandMadeEstate | None = None) -> Service:
    made = Service(estate or HandMadeEstate(), clock=lambda: AT_MS + 12_000)  # type: ignore[arg-type]
    made.refresh()
    return made


def drawn(page: str, panel: str, argument: str = "", search: str = "?range=24h", of: Service | None = None) -> str:
    target = {"type": "panel", "page": page, "panel": panel, "argument": argument}
    content = draw_panel(of or service(), PAGES, POLICIES, search, target)
    return json.dumps(
        [one.to_plotly_json() if hasattr(one, "to_plotly_json") else one for one in content],
        default=_plain,
        ensure_ascii=False,
    )


def _plain(value: object) -> object:
    return value.to_plotly_json() if hasattr(value, "to_plotly_json") else str(value)


EVERY = [(page.id, panel.id) for page in PAGES.values() for panel in page.panels]
ARGUMENTS = {"channel": CARD.id, "group": "billing-v1"}


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_every_panel_draws_something(page: str, panel: str) -> None:
    text = drawn(page, panel, ARGUMENTS.get(page, ""))
    assert len(text) > 80
    assert "This panel failed" not in text


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_every_panel_survives_an_estate_without_series_and_spans(page: str, panel: str) -> None:
    estate = HandMadeEstate(sources=HandMadeSources(spans=()))
    estate.series = lambda *_, **__: ()  # type: ignore[method-assign,assignment]
    assert "This panel failed" not in drawn(page, panel, ARGUMENTS.get(page, ""), of=service(estate))


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_every_panel_says_what_it_waits_for_before_the_first_snapshot(page: str, panel: str) -> None:
    waiting = Service(HandMadeEstate(), clock=lambda: AT_MS)  # type: ignore[arg-type]
    text = drawn(page, panel, ARGUMENTS.get(page, ""), of=waiting)
    assert "Reading telemetry" in text


def test_what_objectives_lack_is_said_once_on_a_page() -> None:
    said = [
        panel for page, panel in EVERY if page == "executive" and "1 of 4 objectives has no data" in drawn(page, panel)
    ]
    assert said == ["kpis"]


def test_a_source_that_is_down_is_named_in_the_panel_that_needs_it() -> None:
    made = service()
    made.estate.failing = True  # type: ignore[attr-defined]
    text = drawn("debug", "throughput", of=made)
    assert "Source down" in text
    assert "http://127.0.0.1:9090: connection refused" in text
    assert "observatory explain source-unreachable" in text


def test_the_banner_names_both_burn_rates_the_threshold_the_start_and_the_owner() -> None:
    text = drawn("on-call", "firing")
    for words in ("PAGE", "payments.card.settled", "33.3×", "50.0×", "threshold 14.4×", "11:38", "pay-core"):
        assert words in text
    assert "https://runbooks.example/payments" in text
    assert "/debug?ch=kafka%3Apayments.card.settled" in text


class Migrating(HandMadeEstate):
    """The burning channel is being migrated, which somebody approved."""

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        made = super().snapshot(at_ms, previous)
        span = TimeRange(at_ms - 3_600_000, at_ms)
        work = PlannedWork(Exclusion(reason="Kafka <4>", approver="ana", scope=Scope(), when=span), (span,))
        numbers = Numbers(Counts(1.0, 1.0), 0.99)
        out = LeftOut(
            use="alerts", work=(work,), seconds=3600.0, applied=numbers, all=numbers, silenced=("page", "ticket")
        )
        quiet = tuple(replace(one, firing=(), left_out=out if one.firing else None) for one in made.status.objectives)
        return replace(made, status=replace(made.status, objectives=quiet))


def test_what_planned_work_silences_is_named_where_alerts_are() -> None:
    text = drawn("on-call", "firing", of=service(Migrating()))
    assert "Nothing is firing." in text
    assert "silent for planned work: Kafka <4>, approved by ana." in text
    assert "planned work" not in drawn("on-call", "firing")


class Migrated(HandMadeEstate):
    """Half a day of the burning channel was planned work, in which much went well; its budget counts all of it."""

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        made = super().snapshot(at_ms, previous)
        steps = np.zeros(made.ledger.grid.steps, dtype=bool)
        steps[-50:-40] = True
        work = Planned("alerts", (), steps)
        return replace(made, planned={one.objective.id: work for one in made.status.objectives if one.firing})


def test_the_banner_says_how_fast_it_burns_without_the_planned_work_that_alerts_leave_out() -> None:
    """40 of the hour's 60 minutes fail; ten good ones were planned work: 1200 of 30,000 events are bad."""
    text = drawn("on-call", "firing", of=service(Migrated()))
    for words in ("40.0×", "50.0×", "planned work left out, threshold 14.4×"):
        assert words in text
    assert "burn-1h" not in text
    assert "33.3×" not in text


def test_the_grid_shows_the_counts_of_the_ledger() -> None:
    rows = {row["channel"]: row for row in _rows(drawn("on-call", "channels"))}
    card = rows["payments.card.settled"]
    assert card["available"] == "99.861"  # 40 min with 30 of 600 bad in 24 h: 1 - 1200 / 864000
    assert card["burn"] == pytest.approx(1200 / 36_000 / 0.001)
    assert card["owner"] == "pay-core"
    assert rows["notify.email.bounced"]["available"] is None
    assert rows["notify.email.bounced"]["state"] == "no_data"


def test_what_fires_comes_first_and_an_overspent_channel_next() -> None:
    assert [row["state"] for row in _rows(drawn("on-call", "channels"))] == [
        "at_risk",
        "breached",
        "no_data",
        "meeting",
    ]


def test_a_filter_applies_to_every_panel() -> None:
    rows = _rows(drawn("on-call", "channels", search="?q=shipping"))
    assert [row["id"] for row in rows] == [LABEL.id]
    assert "payments.card" not in drawn("executive", "riskiest", search="?q=shipping")
    assert "Nothing is firing" in drawn("on-call", "firing", search="?q=shipping")


WITHOUT_OTHERS = [
    (page, panel) for page, panel in EVERY if PAGES[page].subject == "estate" and (page, panel) != ("debug", "flow")
]
"""A sample message is shown whole, on whatever channels it comes by."""


@pytest.mark.parametrize(("page", "panel"), WITHOUT_OTHERS)
def test_no_panel_of_a_page_shows_what_the_filter_leaves_out(page: str, panel: str) -> None:
    made = service()
    for search in ("?q=shipping", "?domain=shipping"):
        text = drawn(page, panel, search=search, of=made)
        assert "payments.card" not in text
        assert "payments.refund" not in text


def test_a_filter_by_owner_finds_the_channels_of_the_team() -> None:
    assert len(_rows(drawn("on-call", "channels", search="?q=PAY-CORE"))) == 4


@pytest.mark.parametrize(
    ("show", "last", "words"),
    [("burn_rate", 50.0, "even burn"), ("ratio", 95.0, "objective 99.9 %"), ("budget", 81.4815, "nothing left")],
)
def test_an_indicator_ends_where_the_status_stands(show: str, last: float, words: str) -> None:
    options = {"indicator": "availability", "show": show, "window": "5m"}
    panel = PanelDeclaration(id="sli", kind="indicator", title="SLI", options=options)
    pages = {"own": PageDeclaration(id="own", title="Own", path="/own", panels=(panel,))}
    target = {"type": "panel", "page": "own", "panel": "sli", "argument": CARD.id}
    _, body = draw_panel(service(), pages, POLICIES, "?range=6h", target)
    (figure,) = [one.figure for one in body.children if hasattr(one, "figure")]
    assert figure.data[0].y[-1] == pytest.approx(last, rel=1e-4)
    assert words in [note.text for note in figure.layout.annotations]


def test_an_indicator_without_events_says_why() -> None:
    text = drawn("channel", "budget", QUIET.id)
    assert "The objective has no telemetry" in text
    assert "no series messages_total for this topic" in text


def test_no_data_says_which_series_is_missing_and_what_to_do() -> None:
    text = drawn("channel", "objectives", QUIET.id)
    assert "no series messages_total for this topic" in text
    assert "switch on the consumer's metrics" in text
    assert "series-missing" in text


def test_hostile_text_travels_as_text_only() -> None:
    text = json.loads(drawn("channel", "facts", LABEL.id))
    trees = [json.loads(one["props"]["data-tree"]) for one in _elements(text) if "data-tree" in one.get("props", {})]
    assert HOSTILE in json.dumps(trees, ensure_ascii=False).replace('\\"', '"')
    assert "script" not in {node[0] for tree in trees for node in _nodes(tree)}


def test_an_unknown_channel_is_said_to_be_unknown() -> None:
    assert "No channel and no consumer group is called 'nats:gone'" in drawn("channel", "facts", "nats:gone")


def test_the_waterfall_shows_the_time_in_the_queue_between_producer_and_consumer() -> None:
    text = drawn("debug", "flow")
    assert "time in queue payments.card.settled" in text
    assert "400 ms" in text
    assert "2 services" in text


def test_participants_show_declared_and_observed_side_by_side() -> None:
    text = drawn("channel", "participants", CARD.id)
    assert "1 undeclared" in text
    assert "1 declared and not seen" in text


def test_the_estate_is_rolled_up_from_counts() -> None:
    text = drawn("executive", "kpis", search="?range=30d")
    assert "99.947" in text
    assert "/ 4" in text


def test_the_executive_page_shows_the_roll_ups_of_the_status() -> None:
    made = service()
    snapshot = made.standing.snapshot
    assert snapshot is not None
    answer = snapshot.status.to_json()
    tiles = drawn("executive", "kpis", search="?range=30d", of=made)
    whole = answer["estate"]
    assert percent(whole["ratio"], 0.999).removesuffix(" %") == "99.947"
    for figure in (percent(whole["ratio"], 0.999), whole_percent(whole["budget"]["remaining_ratio"])):
        assert f'"{figure.removesuffix(" %")}"' in tiles.replace("\\", "")
    rows = drawn("executive", "domains", search="?range=30d", of=made).replace("\\", "")
    assert [one["name"] for one in answer["domains"]] == ["notify", "payments", "shipping"]
    for one in answer["domains"]:
        shown = rows[rows.index(f'"data-to":"{one["name"]}"') :]
        assert f'"{percent(one["ratio"], 0.999)}"' in shown[:4000]
        assert f'"{whole_percent(one["budget"]["remaining_ratio"])}"' in shown[:4000]
    assert whole["total"] == sum(one["total"] for one in answer["domains"]) == 3 * 600.0 * 30 * 1440


def test_a_page_is_frames_until_its_panels_arrive() -> None:
    layout = page_layout(PAGES["on-call"])
    assert len(layout.children) == 1 + len(PAGES["on-call"].panels)
    assert layout.children[1].children[0].id == {"type": "panel", "page": "on-call", "panel": "firing", "argument": ""}


def filtered_page(argument: str, query: str) -> tuple[Board, PanelDeclaration]:
    made = service()
    board = Board.of(made.standing, made.estate, View(query=query), policies=POLICIES, argument=argument)
    assert board
    return board, PanelDeclaration(id="lines", kind="lines", title="Lines")


@pytest.mark.parametrize(
    ("query", "services"),
    [
        ("", {"shop", "billing"}),
        ("card.settled", {"shop", "billing"}),
        ("billing", {"billing"}),
        ("BILLING-V1", {"billing"}),
        ("shop", {"shop"}),
        ("nobody", set()),
    ],
)
def test_the_filter_on_a_channels_page_narrows_to_its_sides(query: str, services: set[str]) -> None:
    board, panel = filtered_page(CARD.id, query)
    assert channel_ids(board, panel) == (CARD.id,)
    seen = {
        one.key.partition("/")[0]
        for signal in ("published_messages", "processed_messages")
        for one in subjects(board, panel, signal)
    }
    assert seen == services
    # What is promised is promised by the consumer.
    assert {one.objective.service for one in promised(board, panel)} == services & {"billing"}


@pytest.mark.parametrize(
    ("query", "channels"), [("", 4), ("card", 1), ("billing-v1", 4), ("shop", 0), ("pay-core", 4), ("nobody", 0)]
)
def test_the_filter_on_a_groups_page_narrows_to_its_channels(query: str, channels: int) -> None:
    board, panel = filtered_page("billing-v1", query)
    assert len(channel_ids(board, panel)) == channels
    # The page says what the group is, whatever is filtered.
    assert len(group_operations(board, filtered=False)) == 4


def test_a_page_brings_the_first_rows_of_its_table_of_channels_in_the_order_of_the_table() -> None:
    page, made = PAGES["on-call"], service()
    panel = next(one for one in page.panels if one.kind == "channels")

    def first(query: dict[str, str]) -> list[dict[str, object]]:
        board = first_look(made, POLICIES, page, "", query)
        text = json.dumps(empty_frame(page, panel, KINDS["channels"], "", board), default=_plain)
        found = re.search(r'"data-rows": ("(?:[^"\\]|\\.)*")', text)
        return list(json.loads(json.loads(found[1]))["rows"]) if found else []

    whole = drawn("on-call", panel.id, search="?range=24h", of=made)
    rows = first({})
    assert rows
    assert [whole.index(f'"id": "{one["id"]}"') for one in rows] == sorted(
        whole.index(f'"id": "{one["id"]}"') for one in rows
    )
    assert first({"q": "no channel is called so"}) == []
    # Whatever else stands in an address is somebody else's.
    assert first({f"utm_{number}": "x" for number in range(40)}) == rows
    # The browser would sort them otherwise.
    assert first({"sort": "burn:desc"}) == []


def test_a_page_stands_where_the_first_rows_cannot_be_made() -> None:
    page = PAGES["on-call"]
    panel = next(one for one in page.panels if one.kind == "channels")
    broken = replace(KINDS["channels"], early=lambda board, panel: next(iter(())))
    text = json.dumps(
        empty_frame(page, panel, broken, "", first_look(service(), POLICIES, page, "", {})), default=_plain
    )
    assert '"data-state": "loading"' in text


def test_a_known_version_is_not_sent_again() -> None:
    made = service()
    version, health = poll(made, None)
    assert version == 1
    assert health["age"] == 12.0
    assert health["failing"] is False
    assert type(poll(made, 1)[0]).__name__ == "NoUpdate"


def test_a_page_with_a_failed_refresh_keeps_numbers_and_tells_their_age() -> None:
    estate = HandMadeEstate()
    now = [AT_MS]
    made = Service(estate, clock=lambda: now[0])  # type: ignore[arg-type]
    made.refresh()
    estate.failing = True
    now[0] = AT_MS + 180_000
    made.refresh()
    _, health = poll(made, 1)
    assert health["failing"] is True
    assert health["age"] == 180.0
    assert health["problems"][0]["code"] == "source-unreachable"
    assert _rows(drawn("on-call", "channels", of=made))[0]["channel"] == "payments.card.settled"


def test_a_snapshot_in_which_every_source_failed_does_not_replace_a_good_one() -> None:
    estate = HandMadeEstate()
    now = [AT_MS]
    made = Service(estate, clock=lambda: now[0])  # type: ignore[arg-type]
    made.refresh()
    whole = estate.snapshot
    failed = (SourceState("metrics", "prometheus", "failed"),)
    estate.snapshot = lambda at_ms, previous=None: replace(
        whole(at_ms), status=replace(whole(at_ms).status, sources=failed)
    )  # type: ignore[method-assign]
    now[0] += 60_000
    standing = made.refresh()
    assert standing.version == 1
    assert standing.problems[0].code == "refresh-failed"


def _rows(text: str) -> list[dict[str, object]]:
    return next(one["props"]["rowData"] for one in _elements(json.loads(text)) if "rowData" in one.get("props", {}))


def _elements(value: object) -> list[dict[str, dict[str, object]]]:
    if isinstance(value, dict):
        return ([value] if "props" in value else []) + [one for part in value.values() for one in _elements(part)]
    return [one for part in value for one in _elements(part)] if isinstance(value, list) else []


def _nodes(tree: object) -> list[list[object]]:
    if not isinstance(tree, list):
        return []
    own = [tree] if tree and isinstance(tree[0], str) and len(tree) > 1 and isinstance(tree[1], dict) else []
    return own + [one for part in tree for one in _nodes(part)]
