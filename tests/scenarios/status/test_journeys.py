"""Journeys over several channels: estimated from counters, counted one by one where spans join the hops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, counter, scrapes
from msgspec.structs import replace
from observatory_process import observatory

from observatory.evaluate.estate import Estate
from observatory.evaluate.history import burn_cells
from observatory.evaluate.journey_losses import row_of
from observatory.evaluate.snapshot import Snapshot
from observatory.settings import Settings
from observatory.settings.exclusions import Exclusion, Scope
from observatory.sources.base import SampleSet, Span
from observatory.sources.opening import Sources
from observatory.sources.store import Store
from observatory.windows import TimeRange

SHOP = """\
asyncapi: 3.0.0
info: {title: Shop, version: '1', x-service-name: shop, x-owner: shop-team, x-domain: sales}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {orders: {address: orders.v1}}
operations:
  placeOrder: {action: send, channel: {$ref: '#/channels/orders'}}
x-slo-journeys:
  - name: checkout
    target: 99%
    window: 6h
    criticality: critical
    steps: [{operation: placeOrder}, {operation: onOrder}, {operation: onPaid}]
"""
REST = """\
asyncapi: 3.0.0
info: {{title: {title}, version: '1', x-service-name: {service}}}
servers: {{kafka: {{host: 'kafka.example:9092', protocol: kafka}}}}
channels: {{in: {{address: {taken}}}}}
operations:
  {operation}:
    action: receive
    channel: {{$ref: '#/channels/in'}}
    bindings: {{kafka: {{groupId: {{type: string, enum: [{service}-v1]}}}}}}
"""
TIMES = scrapes(END_MS - 8 * HOUR_MS, END_MS)


def documents(folder: Path, shop: str = SHOP) -> Path:
    (folder / "shop.yaml").write_text(shop)
    (folder / "pay.yaml").write_text(REST.format(title="Pay", service="pay", taken="orders.v1", operation="onOrder"))
    (folder / "ship.yaml").write_text(
        REST.format(title="Ship", service="ship", taken="payments.v1", operation="onPaid")
    )
    return folder


def handled(service: str, topic: str, per_minute: float, failed: float = 0.0) -> list[Any]:
    own = {
        "__name__": "messaging_process_duration_seconds_count",
        "job": service,
        "instance": f"{service}:1",
        "messaging_destination_name": topic,
        "messaging_system": "kafka",
        "messaging_consumer_group_name": f"{service}-v1",
    }
    found = [counter(own, TIMES, per_minute - failed)]
    return [*found, counter({**own, "error_type": "X"}, TIMES, failed)] if failed else found


def sent(per_minute: float) -> list[Any]:
    name = {"__name__": "messaging_client_sent_messages_total", "job": "shop", "instance": "shop:1"}
    return [
        counter({**name, "messaging_destination_name": "orders.v1", "messaging_system": "kafka"}, TIMES, per_minute)
    ]


@pytest.fixture
def store() -> Any:
    with Store.open() as made:
        yield made


def snapshot(folder: Path, store: Store, previous: Snapshot | None = None, at_ms: int = END_MS) -> Snapshot:
    settings = Settings(documents=(folder,))
    return Estate(settings, Sources(metrics=(store,), spans=(store,), store=store)).snapshot(at_ms, previous)


def journey(folder: Path, store: Store) -> dict[str, Any]:
    (found,) = snapshot(folder, store).status.to_json()["journeys"]
    return dict(found)


def test_counters_give_an_estimate_between_bounds_with_the_assumption_said(tmp_path: Path, store: Store) -> None:
    store.append_samples(
        SampleSet.of(
            [*sent(100.0), *handled("pay", "orders.v1", 100.0, 10.0), *handled("ship", "payments.v1", 100.0, 20.0)]
        )
    )
    found = journey(documents(tmp_path), store)
    # Each minute 100 enter, 10 fail at the second hop and 20 at the third: 20 to 30, by chance 28.
    assert (found["id"], found["counting"], found["state"]) == ("shop/journeys/checkout", "estimated", "breached")
    assert (found["total"], found["good"]) == (36_000.0, pytest.approx(72.0 * 360))
    assert found["bounds"] == {"good": [pytest.approx(70.0 * 360), pytest.approx(80.0 * 360)], "ratio": [0.7, 0.8]}
    assert found["interval"][0] < 0.7 < 0.8 < found["interval"][1]
    assert found["budget"]["allowed"] == pytest.approx(360.0)
    assert found["burn_rates"]["1h"] == pytest.approx(28.0)
    assert "counters do not join the hops" in found["assumption"]
    assert (found["owner"], found["domain"], found["criticality"]) == ("shop-team", "sales", "critical")
    assert [(one["operation_key"], one["total"], one["events_per_journey"]) for one in found["steps"]] == [
        ("shop/placeOrder", 36_000.0, 1.0),
        ("pay/onOrder", 36_000.0, 1.0),
        ("ship/onPaid", 36_000.0, 1.0),
    ]
    assert found["coverage"] == 1.0


def test_a_hop_that_few_reach_is_told_unless_it_is_optional(tmp_path: Path, store: Store) -> None:
    store.append_samples(
        SampleSet.of([*sent(100.0), *handled("pay", "orders.v1", 100.0, 5.0), *handled("ship", "payments.v1", 40.0)])
    )
    found = journey(documents(tmp_path), store)
    assert (found["good"], found["steps"][2]["unarrived"]) == (pytest.approx(95.0 * 360), pytest.approx(55.0 * 360))
    (doubt,) = [one for one in found["problems"] if one["code"] == "journey-hop-short"]
    assert "step 3, ship/onPaid, saw 40.00 % of what entered: about 19,800 journeys" in doubt["message"]
    optional = journey(documents(tmp_path, SHOP.replace("onPaid}", "onPaid, optional: true}")), store)
    assert [one["code"] for one in optional["problems"]] == []
    assert optional["good"] == found["good"]


def test_planned_work_on_a_hop_silences_the_journey(tmp_path: Path, store: Store) -> None:
    store.append_samples(
        SampleSet.of([*sent(100.0), *handled("pay", "orders.v1", 100.0), *handled("ship", "payments.v1", 100.0, 20.0)])
    )
    when = TimeRange(END_MS - 6 * HOUR_MS, END_MS)
    work = Exclusion(reason="Kafka 4", approver="ana", scope=Scope(documents=("ship",)), when=when)
    settings = Settings(documents=(documents(tmp_path),), exclusions=(work,))
    status = Estate(settings, Sources(metrics=(store,), spans=(store,), store=store)).snapshot(END_MS).status
    (found,) = status.to_json()["journeys"]
    assert (found["firing"], found["exclusions"]["silenced"]) == ([], ["page", "ticket"])
    assert (found["state"], found["good"], found["exclusions"]["with"]["total"]) == ("breached", 28_800.0, 0.0)
    assert status.problems == ()


def test_a_hop_that_nothing_measures_makes_the_journey_unknown(tmp_path: Path, store: Store) -> None:
    store.append_samples(SampleSet.of([*sent(100.0), *handled("pay", "orders.v1", 100.0)]))
    found = journey(documents(tmp_path), store)
    assert (found["state"], found["good"], found["bounds"], found["budget"]) == ("no_data", None, None, None)
    (problem,) = found["problems"]
    assert problem["code"] == "journey-hop-unknown"
    assert problem["message"].startswith("step 3 of shop/journeys/checkout, availability of ship/onPaid, is not known")


def message(
    number: int,
    at_ms: int,
    *,
    pay_fails: bool = False,
    ship_fails: bool = False,
    ships: bool = True,
    links: bool = False,
    pay_after_ms: int = 100,
    weight: float = 1.0,
) -> list[Span]:
    """An order: placed, paid, shipped; in one trace, or each consumer in a trace of its own that links back."""

    def span(
        offset: int,
        kind: str,
        service: str,
        topic: str,
        after_ms: int,
        trace: int,
        parent: int,
        error: bool = False,
        to: tuple[tuple[str, str], ...] = (),
    ) -> Span:
        start = (at_ms + after_ms) * 1_000_000
        return Span(
            trace_id=f"{trace:032x}",
            span_id=f"{number * 16 + offset:016x}",
            parent_span_id=f"{number * 16 + parent:016x}" if parent else "",
            name="",
            kind=kind,
            service=service,
            start_ns=start,
            end_ns=start + 10_000_000,
            error=error,
            system="kafka",
            destination=topic,
            consumer_group=f"{service}-v1" if kind == "consumer" else "",
            links=to,
            weight=weight,
        )

    first, second, third = (number * 3 + one + 1 if links else number * 3 + 1 for one in range(3))

    def back(trace: int, offset: int) -> tuple[tuple[str, str], ...]:
        return ((f"{trace:032x}", f"{number * 16 + offset:016x}"),) if links else ()

    found = [
        span(1, "producer", "shop", "orders.v1", 0, first, 0),
        span(2, "consumer", "pay", "orders.v1", pay_after_ms, second, 0 if links else 1, pay_fails, back(first, 1)),
    ]
    if ships:
        found.append(span(3, "producer", "pay", "payments.v1", pay_after_ms + 5, second, 2))
        found.append(
            span(
                4,
                "consumer",
                "ship",
                "payments.v1",
                pay_after_ms + 50,
                third,
                0 if links else 3,
                ship_fails,
                back(second, 3),
            )
        )
    return found


def entered(count: int) -> np.ndarray:
    return np.linspace(END_MS - 5 * HOUR_MS, END_MS - HOUR_MS, count).astype(np.int64)


@pytest.mark.parametrize("links", [False, True])
def test_spans_count_each_journey_however_its_failures_hang_together(tmp_path: Path, store: Store, links: bool) -> None:
    spans: list[Span] = []
    for number, at_ms in enumerate(entered(1000).tolist()):
        # 50 fail at both hops, 30 at the first only, 20 at the second only, 10 never arrive: 110 of 1,000.
        both, first, second, lost = number < 50, 50 <= number < 80, 80 <= number < 100, 100 <= number < 110
        spans += message(number, at_ms, pay_fails=both or first, ship_fails=both or second, ships=not lost, links=links)
    store.append_spans(spans)
    found = journey(documents(tmp_path), store)
    assert (found["counting"], found["good"], found["total"]) == ("exact", 890.0, 1000.0)
    assert found["bounds"] == {"good": [890.0, 890.0], "ratio": [0.89, 0.89]}
    assert [one["unarrived"] for one in found["steps"]] == [0.0, 0.0, 10.0]
    assert found["assumption"].startswith("spans join the hops")
    assert found["state"] == "breached"


def test_spans_that_see_only_a_part_of_what_enters_do_not_count(tmp_path: Path, store: Store) -> None:
    store.append_samples(
        SampleSet.of([*sent(100.0), *handled("pay", "orders.v1", 100.0), *handled("ship", "payments.v1", 100.0)])
    )
    store.append_spans([one for number, at in enumerate(entered(300).tolist()) for one in message(number, at)])
    found = journey(documents(tmp_path), store)
    assert (found["counting"], found["total"]) == ("estimated", 36_000.0)


def test_a_sample_of_traces_stands_in_only_where_counters_do_not_tell(tmp_path: Path, store: Store) -> None:
    # Every hundredth order is traced; 2 of the 100 traced ones failed, which may be 1 % to 7 % of all.
    spans = [
        one
        for number, at in enumerate(entered(100).tolist())
        for one in message(number, at, pay_fails=number < 2, weight=100.0)
    ]
    store.append_spans(spans)
    found = journey(documents(tmp_path, SHOP.replace("criticality", "within: 2m\n    criticality")), store)
    assert (found["counting"], found["total"], found["good"]) == ("estimated", 10_000.0, 9800.0)
    low, high = found["bounds"]["ratio"]
    assert (low, high) == (pytest.approx(0.9300, abs=1e-3), pytest.approx(0.9945, abs=1e-3))
    assert "traces are a sample" in found["assumption"]
    store.append_samples(
        SampleSet.of([*sent(27.0), *handled("pay", "orders.v1", 27.0, 1.0), *handled("ship", "payments.v1", 27.0)])
    )
    counted = journey(documents(tmp_path), store)
    assert (counted["total"], counted["good"]) == (27.0 * 360, 26.0 * 360)
    assert "counters do not join" in counted["assumption"]


def test_a_slow_hop_fails_by_the_spans_at_its_ends(tmp_path: Path, store: Store) -> None:
    timed = SHOP.replace("{operation: onOrder}", "{operation: onOrder, sli: latency, threshold: 500ms}")
    spans: list[Span] = []
    for number, at_ms in enumerate(entered(100).tolist()):
        # From the end of the publish, ten milliseconds after its start, to the start of the handling.
        spans += message(number, at_ms, pay_after_ms=511 if number < 4 else 510, links=number % 2 == 0)
    store.append_spans(spans)
    found = journey(documents(tmp_path, timed), store)
    assert (found["counting"], found["good"], found["total"]) == ("exact", 96.0, 100.0)
    assert (found["steps"][1]["sli"], found["steps"][1]["threshold_seconds"]) == ("latency", 0.5)


def test_a_batch_does_not_tell_which_message_went_on(tmp_path: Path, store: Store) -> None:
    store.append_samples(
        SampleSet.of([*sent(1.0), *handled("pay", "orders.v1", 1.0), *handled("ship", "payments.v1", 1.0)])
    )
    spans = [one for number, at in enumerate(entered(360).tolist()) for one in message(number, at, links=True)]
    batch = next(one for one in spans if one.kind == "consumer")
    spans[spans.index(batch)] = replace(batch, links=(*batch.links, (f"{4:032x}", f"{17:016x}")))
    store.append_spans(spans)
    assert journey(documents(tmp_path), store)["counting"] == "estimated"


def test_a_journey_that_takes_too_long_has_failed_and_needs_spans(tmp_path: Path, store: Store) -> None:
    timed = SHOP.replace("criticality", "within: 2m\n    criticality")
    spans: list[Span] = []
    for number, at_ms in enumerate(entered(100).tolist()):
        spans += message(number, at_ms, pay_after_ms=180_000 if number < 7 else 100)
    store.append_spans(spans)
    found = journey(documents(tmp_path, timed), store)
    assert (found["within_seconds"], found["good"], found["total"], found["counting"]) == (120.0, 93.0, 100.0, "exact")
    store.append_samples(
        SampleSet.of([*sent(100.0), *handled("pay", "orders.v1", 100.0), *handled("ship", "payments.v1", 100.0)])
    )
    found = journey(documents(tmp_path, timed), store)
    assert (found["state"], found["good"]) == ("unmapped", None)
    assert [one["code"] for one in found["problems"]] == ["journey-untraced"]


def test_what_is_still_on_its_way_is_neither_good_nor_bad(tmp_path: Path, store: Store) -> None:
    times = [END_MS - 2 * HOUR_MS, END_MS - 700_000, END_MS - 60_000]
    store.append_spans([one for number, at in enumerate(times) for one in message(number, at, ships=False)])
    store.append_spans(message(9, END_MS - 3 * HOUR_MS))
    found = journey(documents(tmp_path), store)
    assert (found["good"], found["total"]) == (1.0, 3.0)


def test_a_refresh_gives_what_a_cold_start_gives(tmp_path: Path, store: Store) -> None:
    folder = documents(tmp_path, SHOP.replace("6h", "3d"))
    begin = END_MS - 70 * HOUR_MS
    spans: list[Span] = []
    for number, at_ms in enumerate(np.linspace(begin, END_MS - 1000, 500).astype(np.int64).tolist()):
        spans += message(number, at_ms, pay_fails=number % 9 == 0, ships=number % 7 != 0, links=number % 2 == 0)
    store.append_spans(spans)
    settings = Settings(documents=(folder,))
    estate = Estate(settings, Sources(metrics=(store,), spans=(store,), store=store))
    warm = estate.snapshot(END_MS, estate.snapshot(END_MS - 90 * 60_000))
    cold = Estate(settings, estate.sources).snapshot(END_MS)
    (one,), (other,) = warm.status.to_json()["journeys"], cold.status.to_json()["journeys"]
    assert one["total"] > 450
    assert one == other


def test_planned_work_at_a_hop_is_planned_work_of_the_journey(tmp_path: Path, store: Store) -> None:
    store.append_samples(
        SampleSet.of([*sent(100.0), *handled("pay", "orders.v1", 100.0, 10.0), *handled("ship", "payments.v1", 100.0)])
    )
    folder = documents(tmp_path, SHOP.replace("window: 6h", "window: 6h\n    exclusions: budget"))
    moved = Exclusion(
        reason="move of the payments topic",
        approver="ana",
        scope=Scope(channels=("payments.*",)),
        when=TimeRange(END_MS - HOUR_MS, END_MS),
    )
    settings = Settings(documents=(folder,), exclusions=(moved,))
    estate = Estate(settings, Sources(metrics=(store,), spans=(store,), store=store))
    status = estate.snapshot(END_MS).status.to_json()
    (found,) = status["journeys"]
    assert status["problems"] == []
    assert (found["total"], found["good"]) == (100.0 * 300, 90.0 * 300)
    assert found["bounds"]["good"] == [90.0 * 300, 90.0 * 300]
    told = found["exclusions"]
    assert (told["with"]["total"], told["without"]["total"], found["coverage"]) == (100.0 * 300, 100.0 * 360, 1.0)


def test_the_command_shows_journeys_and_its_gate_heeds_them(tmp_path: Path) -> None:
    folder = documents(tmp_path)
    with Store.open(folder / "store.duckdb") as made:
        made.append_samples(
            SampleSet.of(
                [*sent(100.0), *handled("pay", "orders.v1", 100.0, 1.0), *handled("ship", "payments.v1", 100.0, 2.0)]
            )
        )
    command = ["status", "shop.yaml", "pay.yaml", "ship.yaml", "--store", "store.duckdb", "--at", END_MS // 1000]
    ended = observatory(*command, "--fail-on", "breached", cwd=folder, env=os.environ | {"COLUMNS": "150"})
    assert ended.returncode == 1, ended.stderr
    (line,) = [one for one in ended.stdout.splitlines() if "shop/journeys/checkout" in one]
    assert line.split()[0] == "breached"
    assert "97.02 %" in line
    assert "97.00 % – 98.00 %" in line
    assert "2 pay/onOrder" in ended.stdout
    assert "counters do not join the hops" in " ".join(ended.stdout.split())


def test_settings_declare_journeys(tmp_path: Path) -> None:
    head, _, tail = SHOP.partition("x-slo-journeys:")
    folder = documents(tmp_path, head)
    (folder / "observatory.yaml").write_text("documents: [shop.yaml, pay.yaml, ship.yaml]\njourneys:" + tail)
    with Store.open(folder / "store.duckdb"):
        pass
    ended = observatory("status", "--store", "store.duckdb", "--json", cwd=folder)
    (found,) = json.loads(ended.stdout)["journeys"]
    assert (found["id"], found["document"], found["state"]) == ("journeys/checkout", None, "unmapped")


def test_what_pages_draw_of_a_journey_ends_where_its_burn_rate_is(tmp_path: Path, store: Store) -> None:
    """An order was one parcel, and has been two for as long as the window looks back."""
    own = handled("ship", "payments.v1", 1.0)[0][0]
    parcels = np.where(END_MS - 6 * HOUR_MS < TIMES, 200.0, 100.0)
    shipped = [counter(own, TIMES, parcels * 0.9), counter({**own, "error_type": "X"}, TIMES, parcels * 0.1)]
    store.append_samples(SampleSet.of([*sent(100.0), *handled("pay", "orders.v1", 100.0), *shipped]))
    made = snapshot(documents(tmp_path), store)
    (one,) = made.status.journeys
    drawn = row_of(made, one.journey)
    assert drawn is not None
    assert one.hops[2].events_per_journey == pytest.approx(2.0)
    cells = burn_cells(drawn.row, made.ledger.grid, 0.99, 24, 3600.0)
    # Of two parcels at least one fails in 19 of 100 orders.
    assert one.status.burn_rates["1h"] == pytest.approx(19.0)
    assert cells[-1] == pytest.approx(19.0)
