"""One target observed more than once is counted once; what only looks like it is counted for itself."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, Series, counter, events, handled, row_of, scrapes, total

from observatory.ledger.replicas import without_replicas
from observatory.sources.base import SampleSet
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 4 * HOUR_MS)
TIMES = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
SEEN = len(TIMES[GRID.start_ms < TIMES])


def count(*series: Series) -> float:
    return total(row_of(series, events(), GRID))


@pytest.mark.parametrize("label", ["prometheus_replica", "__replica__", "replica", "prometheus", "monitor"])
def test_servers_of_a_pair_that_tell_the_same_story_are_one(label: str) -> None:
    values = np.cumsum(np.full(len(TIMES), 6.0))
    first = handled("success", **{label: "a"}), TIMES, values
    second = handled("success", **{label: "b"}), TIMES[:-1] + 20_000, values[:-1] + 2.0
    assert count(first, second) == 6.0 * SEEN


@pytest.mark.parametrize("label", ["replica", "prometheus", "monitor"])
def test_two_stories_are_two_series_whatever_the_label_is_called(label: str) -> None:
    first = counter(handled("success", **{label: "a"}), TIMES, 6.0)
    second = counter(handled("success", **{label: "b"}), TIMES, 9.0)
    assert count(first, second) == 15.0 * SEEN


def test_partitions_with_equal_traffic_are_not_copies_of_each_other() -> None:
    series = [counter(handled("success", partition=str(number)), TIMES, 6.0) for number in range(3)]
    assert count(*series) == 18.0 * SEEN


def test_samples_are_not_copied_where_one_server_alone_names_itself() -> None:
    series = [(handled("success", f"{pod}:1", prometheus="monitoring/k8s"), TIMES, 1.0 * TIMES) for pod in "ab"]
    samples = SampleSet.of(series)
    assert without_replicas(samples) is samples


def test_what_is_federated_alone_is_counted_as_it_is() -> None:
    copied = {**handled("success"), "job": "federate", "exported_job": "svc", "exported_instance": "a:1"}
    assert count(counter(copied, TIMES, 6.0)) == 6.0 * SEEN


def test_a_collector_that_hands_on_many_services_keeps_them_apart() -> None:
    series = []
    for number in range(3):
        labels = {**handled("success", "collector:1"), "exported_job": f"s{number}", "exported_instance": f"p{number}"}
        series.append(counter(labels, TIMES, 5.0))
    assert count(*series) == 15.0 * SEEN
