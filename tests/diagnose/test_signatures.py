"""Each failure mode is recognised by its evidence, first among the causes that come into question."""

from __future__ import annotations

import numpy as np
import pytest

from observatory.diagnose.cause import Cause, FailureMode, ranked
from observatory.diagnose.course import Course
from observatory.diagnose.evidence import ChannelEvidence, Sign, Stranger, Surroundings, with_surroundings
from observatory.diagnose.signatures import SIGNATURES
from observatory.spec.catalog import Channel

MINUTE = 60_000
STEPS, SINCE = 360, 330
"""Six hours, the failure in the last half hour."""
UNITS: dict[Sign, str] = {"lag": "message", "behind": "second", "latency": "second", "broker_load": "ratio"}
ORDERS = Channel(id="kafka:orders", address="orders", protocol="kafka", broker="kafka-1", partitions=12)

HEALTHY: dict[Sign, dict[str, tuple[float, float]]] = {
    "publish_rate": {"shop": (20.0, 20.0)},
    "publish_errors": {"shop": (0.0, 0.0)},
    "consume_rate": {"billing": (20.0, 20.0), "search": (20.0, 20.0)},
    "process_errors": {"billing": (0.0, 0.0), "search": (0.0, 0.0)},
    "validation_errors": {"billing": (0.0, 0.0)},
    "dead_letters": {"billing": (0.0, 0.0)},
    "lag": {"billing": (5.0, 5.0), "search": (5.0, 5.0)},
    "behind": {"billing": (1.0, 1.0), "search": (1.0, 1.0)},
    "latency": {"billing": (0.2, 0.2)},
    "broker_load": {"kafka-1": (0.4, 0.4)},
    "refusals": {"billing": (0.0, 0.0)},
    "redeliveries": {"billing": (0.0, 0.0)},
    "duplicates": {"billing": (0.0, 0.0)},
    "registry_errors": {"registry": (0.0, 0.0)},
    "registry_latency": {"registry": (0.01, 0.01)},
    "registry_refusals": {"registry": (0.0, 0.0)},
    "unroutable": {"orders": (0.0, 0.0)},
    "partitions": {"orders": (12.0, 12.0)},
}


def course(sign: Sign, name: str, usual: float, now: float) -> Course:
    value = np.full(STEPS, usual)
    value[SINCE:] = now
    return Course(
        subject=name,
        name=name,
        unit=UNITS.get(sign, "message/s"),
        t_ms=np.arange(1, STEPS + 1, dtype=np.int64) * MINUTE,
        value=value,
    )


def evidence(
    *,
    without: tuple[Sign, ...] = (),
    strangers: tuple[Stranger, ...] = (),
    surroundings: Surroundings | None = None,
    channel: Channel = ORDERS,
    **changed: dict[str, tuple[float, float]],
) -> ChannelEvidence:
    signs = {sign: HEALTHY[sign] | changed.get(sign, {}) for sign in HEALTHY if sign not in without}
    return ChannelEvidence(
        channel=channel,
        courses={sign: tuple(course(sign, name, *pair) for name, pair in by.items()) for sign, by in signs.items()},
        strangers=strangers,
        strangers_observable=True,
        surroundings=surroundings or Surroundings(broker_measured=8, errors_measured=8),
        owner="pay-core",
        runbook="https://runbooks.example/orders",
    )


def causes(one: ChannelEvidence) -> tuple[Cause, ...]:
    return ranked([cause for signature, _ in SIGNATURES if (cause := signature(one)) is not None])


SCHEMA = evidence(
    validation_errors={"billing": (0.0, 4.0)},
    process_errors={"billing": (0.0, 4.0)},
    dead_letters={"billing": (0.0, 4.0)},
)
POISON = evidence(
    validation_errors={"billing": (0.0, 1.0)},
    process_errors={"billing": (0.0, 1.0)},
    dead_letters={"billing": (0.0, 1.0)},
    lag={"billing": (5.0, 900.0)},
)
MISNAMED = evidence(
    publish_rate={"shop": (20.0, 0.0)},
    consume_rate={"billing": (20.0, 0.0), "search": (20.0, 0.0)},
    strangers=(Stranger(name="order", rate=20.0, since_ms=SINCE * MINUTE),),
)
OVERLOAD = evidence(
    broker_load={"kafka-1": (0.4, 0.97)},
    latency={"billing": (0.2, 3.0)},
    lag={"billing": (5.0, 4000.0), "search": (5.0, 3000.0)},
    behind={"billing": (1.0, 200.0), "search": (1.0, 150.0)},
    publish_errors={"shop": (0.0, 1.0)},
    surroundings=Surroundings(broker_measured=8, broker_slow=7, errors_measured=8),
)
REFUSED = evidence(
    refusals={"billing": (0.0, 6.0)},
    consume_rate={"billing": (20.0, 0.0)},
    lag={"billing": (5.0, 30000.0)},
    behind={"billing": (1.0, 1500.0)},
)
DUPLICATES = evidence(
    redeliveries={"billing": (0.0, 8.0)}, duplicates={"billing": (0.0, 8.0)}, consume_rate={"billing": (20.0, 28.0)}
)
REGISTRY = evidence(
    registry_errors={"registry": (0.0, 3.0)},
    registry_latency={"registry": (0.01, 4.0)},
    process_errors={"billing": (0.0, 2.0)},
    validation_errors={"billing": (0.0, 2.0)},
    dead_letters={"billing": (0.0, 2.0)},
    surroundings=Surroundings(broker_measured=8, errors_measured=8, errors_up=6),
)
INCOMPATIBLE = evidence(
    registry_refusals={"registry": (0.0, 2.0)},
    registry_errors={"registry": (0.0, 2.0)},
    publish_errors={"shop": (0.0, 2.0)},
)
SLOW = evidence(
    lag={"billing": (5.0, 20000.0)}, behind={"billing": (1.0, 1000.0)}, consume_rate={"billing": (20.0, 8.0)}
)
BINDING = evidence(unroutable={"orders": (0.0, 9.0)}, consume_rate={"billing": (20.0, 11.0)})


@pytest.mark.parametrize(
    ("mode", "one"),
    [
        pytest.param("F1", SCHEMA, id="schema mismatch"),
        pytest.param("F1", POISON, id="schema mismatch that blocks a partition"),
        pytest.param("F2", MISNAMED, id="topic misnamed"),
        pytest.param("F3", OVERLOAD, id="broker overload"),
        pytest.param("F4", REFUSED, id="authorization failure that looks like a slow consumer"),
        pytest.param("F5", DUPLICATES, id="duplicate delivery"),
        pytest.param("F6", REGISTRY, id="registry outage that looks like a schema mismatch"),
        pytest.param("F1", INCOMPATIBLE, id="schemas refused that look like a registry outage"),
        pytest.param("F7", SLOW, id="slow consumer"),
        pytest.param("F8", BINDING, id="binding mismatch"),
    ],
)
def test_the_right_failure_mode_comes_first(mode: FailureMode, one: ChannelEvidence) -> None:
    found = causes(one)

    assert found[0].failure_mode == mode
    assert found[0].since_ms == (SINCE + 1) * MINUTE or mode == "F2"
    assert len(found) == 1 or found[0].score > found[1].score


def test_a_healthy_channel_has_no_cause() -> None:
    assert causes(evidence()) == ()


def test_a_channel_that_nothing_measures_has_no_cause_rather_than_a_clean_bill() -> None:
    assert causes(ChannelEvidence(channel=ORDERS)) == ()


def test_evidence_names_who_and_how_much_and_since_when() -> None:
    cause = causes(SLOW)[0]

    assert cause.title == "Slow consumer: billing falls behind"
    assert (cause.evidence[0].words, cause.evidence[0].since_ms) == (
        "messages that wait of billing 5 → 20,000 messages",
        (SINCE + 1) * MINUTE,
    )
    assert "billing consumes 8 messages/s of 20 messages/s published" in [one.words for one in cause.evidence]


def test_a_registry_that_refuses_schemas_is_said_to() -> None:
    cause = causes(INCOMPATIBLE)[0]

    assert cause.title == "Schema mismatch: the registry refuses schemas"
    refused = next(one for one in cause.evidence if one.words.startswith("schemas that the registry refuses"))
    assert (refused.agrees, refused.since_ms) == (True, (SINCE + 1) * MINUTE)


def test_a_consumer_that_takes_nothing_has_stopped() -> None:
    one = evidence(lag={"billing": (5.0, 20000.0)}, consume_rate={"billing": (20.0, 0.0)})

    assert causes(one)[0].title == "Slow consumer: billing stopped"


def test_the_score_is_the_share_of_checked_signals_that_agree() -> None:
    cause = causes(POISON)[-1]

    assert cause.failure_mode == "F7"
    agreeing = sum(one.agrees for one in cause.evidence)
    assert cause.score == agreeing / len(cause.evidence) == 7 / 10


def test_what_is_not_measured_is_named_and_counts_neither_way() -> None:
    cause = causes(evidence(lag={"billing": (5.0, 20000.0)}, without=("behind", "broker_load")))[0]

    assert cause.not_observable == ("seconds behind", "broker saturation")
    assert not any("saturation" in one.words for one in cause.evidence)


def test_partitions_that_differ_from_the_binding_are_a_mismatch_without_any_rate() -> None:
    cause = causes(evidence(partitions={"orders": (6.0, 6.0)}))[0]

    assert cause.failure_mode == "F8"
    assert cause.title == "Binding mismatch: the broker's layout is not the declared one"
    assert "12 partitions declared, 6 found" in [one.words for one in cause.evidence]


def test_owner_and_runbook_travel_with_the_cause() -> None:
    cause = causes(SLOW)[0]

    assert (cause.owner, cause.runbook) == ("pay-core", "https://runbooks.example/orders")


def test_a_busy_broker_whose_other_channels_are_fast_is_less_likely_than_one_that_slows_all() -> None:
    alone = evidence(broker_load={"kafka-1": (0.4, 0.97)}, latency={"billing": (0.2, 3.0)})

    assert causes(alone)[0].score < causes(OVERLOAD)[0].score


def test_surroundings_count_the_channels_of_one_broker_only() -> None:
    slow = evidence(latency={"billing": (0.2, 3.0)})
    elsewhere = evidence(channel=Channel(id="amqp:refunds", address="refunds", protocol="amqp", broker="rabbit"))

    first, second, third = with_surroundings([slow, evidence(), elsewhere])

    assert (first.surroundings.broker_measured, first.surroundings.broker_slow) == (2, 1)
    assert second.surroundings == first.surroundings
    assert (third.surroundings.broker_measured, third.surroundings.broker_slow) == (1, 0)


def test_the_json_holds_the_evidence_with_times() -> None:
    json = causes(SLOW)[0].to_json()

    assert (json["failure_mode"], json["name"], json["since"]) == ("F7", "Slow consumer", "1970-01-01T05:31:00Z")
    assert json["evidence"][0] == {
        "text": "messages that wait of billing 5 → 20,000 messages",
        "agrees": True,
        "since": "1970-01-01T05:31:00Z",
    }
