"""Rules need two samples in five minutes; where scrapes are rarer, it is said when they are made."""

from __future__ import annotations

import pytest
from measured_cases import measurement, objective
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.evaluate.sample_distances import sample_distances
from observatory.objectives.objective import Objective
from observatory.objectives.policy import load_policies
from observatory.rules.generate import rule_files
from observatory.sources.base import SampleSet
from observatory.sources.store import Store
from observatory.spec.catalog import Threshold

AT_MS = 1_795_000_000_000
GROUP = {"topic": "orders", "consumergroup": "billing", "job": "app"}


def in_store(one: Objective, store: Store) -> Measurement:
    found = measurement(one)
    return replace(found, bindings=tuple(replace(binding, source=store.name) for binding in found.bindings))


def codes(one: Objective, found: Measurement, seconds: float | None) -> list[str]:
    apart = {} if seconds is None else {one.id: seconds}
    made = rule_files([one], {one.id: found}, load_policies(), seconds_apart=apart)
    return [problem.code for problem in made.problems]


@pytest.mark.parametrize(("seconds", "said"), [(60, []), (150, []), (151, ["rules-scrapes-rare"])])
def test_scrapes_that_give_a_record_one_sample_are_said(seconds: int, said: list[str]) -> None:
    one = objective()
    with Store.open() as store:
        times = list(range(AT_MS - 7_200_000, AT_MS, seconds * 1000))
        store.append_samples(
            SampleSet.of([({"__name__": "processed_total"} | GROUP, times, [float(t) for t in range(len(times))])])
        )
        found = in_store(one, store)
        apart = sample_distances({one.id: found}, [store], AT_MS)
    assert apart == {one.id: float(seconds)}
    assert codes(one, found, apart[one.id]) == said


def test_the_series_that_is_sampled_most_often_speaks_for_those_of_its_name() -> None:
    one = objective()
    with Store.open() as store:
        rare, often = (list(range(AT_MS - 3_000_000, AT_MS, step)) for step in (600_000, 30_000))
        store.append_samples(
            SampleSet.of(
                [
                    ({"__name__": "processed_total", "error_type": "x"} | GROUP, rare, [1.0] * len(rare)),
                    ({"__name__": "processed_total"} | GROUP, often, [1.0] * len(often)),
                ]
            )
        )
        assert sample_distances({one.id: in_store(one, store)}, [store], AT_MS) == {one.id: 30.0}


def test_silent_series_and_levels_say_nothing() -> None:
    lag = objective("lag", threshold=Threshold(value=1000.0, unit="message"))
    with Store.open() as store:
        assert sample_distances({lag.id: in_store(lag, store)}, [store], AT_MS) == {}
    assert codes(lag, measurement(lag), 300.0) == []
    assert codes(objective(), measurement(objective()), None) == []
