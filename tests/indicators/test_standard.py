"""The indicators of the field: what each word counts, best evidence first."""

from __future__ import annotations

import pytest

from observatory.indicators.expression import Behind, Count, CountAtMost, Since, Slices, SlicesAtMost
from observatory.indicators.standard import candidates
from observatory.spec.catalog import SLI_WORDS, Threshold
from observatory.telemetry.signals import SIGNALS

SECOND, MESSAGE, SHARE = (Threshold(value=60.0, unit=unit) for unit in ("second", "message", "ratio"))  # type: ignore[arg-type]


@pytest.mark.parametrize("sli", SLI_WORDS)
@pytest.mark.parametrize("threshold", [None, SECOND, MESSAGE, SHARE])
@pytest.mark.parametrize("role", ["producer", "consumer"])
def test_only_signals_of_the_vocabulary_are_counted_and_proxies_come_last(
    sli: str, threshold: Threshold | None, role: str
) -> None:
    found = candidates(sli, role, threshold)  # type: ignore[arg-type]
    assert all(signal in SIGNALS for one in found for signal in one.signals)
    proxies = [one.proxy for one in found]
    assert proxies == sorted(proxies)


@pytest.mark.parametrize("sli", SLI_WORDS)
def test_every_word_can_be_measured_for_a_consumer(sli: str) -> None:
    threshold = SHARE if sli == "saturation" else SECOND
    assert candidates(sli, "consumer", threshold)  # type: ignore[arg-type]


def test_availability_is_by_role() -> None:
    assert candidates("availability", "producer")[0].total == Count("published_messages")
    assert candidates("availability", "consumer")[0].total == Count("processed_messages")


def test_latency_counts_what_arrived_in_time() -> None:
    first = candidates("latency", "consumer", Threshold(value=0.5, unit="second"))[0]
    assert first.good == CountAtMost("end_to_end_latency", 0.5)
    assert first.measure == "end-start"


def test_the_measure_of_latency_is_named() -> None:
    first = candidates("latency", "consumer", Threshold(value=0.5, unit="second"), "start-end")[0]
    assert first.measure == "start-end"


def test_lag_in_seconds_comes_from_offsets_and_lag_in_messages_from_what_waits() -> None:
    seconds = [one.good for one in candidates("lag", "consumer", SECOND)]
    assert SlicesAtMost(Behind("produced_offset", "committed_offset"), 60.0) in seconds
    messages = candidates("lag", "consumer", MESSAGE)[0]
    assert isinstance(messages.total, Slices)
    assert messages.signals == ("consumer_lag",)


def test_freshness_is_the_silence_of_the_side_that_it_is_asked_of() -> None:
    for role, signal in (("producer", "published_messages"), ("consumer", "processed_messages")):
        first = candidates("freshness", role, SECOND)[0]
        assert first.good == SlicesAtMost(Since(signal), 60.0)
        assert candidates("freshness", role, MESSAGE) == ()


def test_a_producer_has_no_lag() -> None:
    assert candidates("lag", "producer", SECOND) == ()


@pytest.mark.parametrize("sli", ["latency", "lag", "saturation", "freshness"])
def test_without_a_bound_there_is_nothing_to_compare_with(sli: str) -> None:
    assert candidates(sli, "consumer") == ()  # type: ignore[arg-type]
