"""What is known of one name, where several metrics tell of it."""

from __future__ import annotations

from observatory.diagnose.drift.runtime_names import Naming
from observatory.diagnose.drift.volumes import best_of
from observatory.spec.participant import Sighting


def naming(metric: str, flow: int) -> Naming:
    return Naming("metrics", metric, "topic", "refunds.v1", "position", flow)


BROKER, EXPORTER = naming("kafka_log_log_logendoffset", 0), naming("kafka_topic_partition_current_offset", 1)


def test_a_metric_that_began_after_the_messages_is_no_proof_of_silence() -> None:
    seen = {
        BROKER: Sighting(messages=0.0, first_ms=5, last_ms=9),
        EXPORTER: Sighting(messages=45.0, first_ms=1, last_ms=9),
    }

    assert best_of([BROKER, EXPORTER], seen) == Sighting(messages=45.0, first_ms=1, last_ms=9)


def test_the_most_direct_metric_that_saw_messages_is_believed() -> None:
    seen = {
        BROKER: Sighting(messages=40.0, first_ms=5, last_ms=9),
        EXPORTER: Sighting(messages=45.0, first_ms=1, last_ms=9),
    }

    assert best_of([EXPORTER, BROKER], seen) == Sighting(messages=40.0, first_ms=1, last_ms=9)


def test_silence_is_what_all_of_them_saw() -> None:
    seen = {one: Sighting(messages=0.0, first_ms=1, last_ms=9) for one in (BROKER, EXPORTER)}

    assert best_of([BROKER, EXPORTER], seen) == Sighting(messages=0.0, first_ms=1, last_ms=9)
