"""Raw samples from a real Prometheus are what was put into it, by every route."""

from __future__ import annotations

import itertools

import numpy as np
import prometheus_server as servers
import pytest
from sample_cases import T0, Loaded, cases

from observatory.sources.base import SampleSet, SeriesRequest
from observatory.telemetry.binding import Matcher
from observatory.windows import TimeRange

CASES = sorted(cases())
EVERYTHING = TimeRange(T0 - 1, T0 + 400 * 86_400_000)


def only(case: str) -> tuple[Matcher, ...]:
    return (Matcher("case", (case,)),)


def of_case(samples: SampleSet) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = [samples.series(i) for i in range(len(samples))]
    return {labels["case"]: (t, v) for labels, t, v in found}


@pytest.mark.parametrize("case", CASES)
def test_remote_read_returns_every_sample_bit_for_bit(loaded: Loaded, case: str) -> None:
    source = loaded.source()

    samples = source.samples(SeriesRequest("case_total", only(case), EVERYTHING))

    (labels, t_ms, values) = samples.series(0)
    sent_t, sent_v = loaded.series[case]
    stale = sent_v.view(np.uint64) == STALE
    assert dict(labels) == {"__name__": "case_total", "case": case, "tier": "a"}
    assert t_ms.tolist() == sent_t.tolist()
    assert np.isnan(values).tolist() == stale.tolist()
    assert values[~stale].view(np.uint64).tolist() == sent_v[~stale].view(np.uint64).tolist()
    assert samples.exact
    assert "remote_read" in source.state().detail


STALE = servers.STALE_BITS


@pytest.mark.parametrize("case", CASES)
def test_queries_return_every_sample_but_stale_markers(loaded: Loaded, case: str) -> None:
    source = loaded.source("never")

    samples = source.samples(SeriesRequest("case_total", only(case), EVERYTHING))

    (_, t_ms, values) = samples.series(0)
    sent_t, sent_v = loaded.series[case]
    shown = ~np.isnan(sent_v)
    assert t_ms.tolist() == sent_t[shown].tolist()
    assert values.tolist() == sent_v[shown].tolist()
    assert samples.exact


def test_both_routes_find_the_same_series_and_counts(loaded: Loaded) -> None:
    request = SeriesRequest("case_total", (), TimeRange(T0 + 3_600_000, T0 + 5 * 3_600_000))

    by_chunks = of_case(loaded.source().samples(request))
    by_query = of_case(loaded.source("never").samples(request))

    assert by_chunks.keys() == by_query.keys()
    assert {case: int((~np.isnan(v)).sum()) for case, (_, v) in by_chunks.items()} == {
        case: len(v) for case, (_, v) in by_query.items()
    }


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_the_start_is_left_out_and_the_end_is_in(loaded: Loaded, mode: str) -> None:
    span = TimeRange(T0 + 15_000, T0 + 45_000)

    samples = loaded.source(mode).samples(SeriesRequest("case_total", only("steady"), span))

    assert (samples.t_ms - T0).tolist() == [30_000, 45_000]
    assert samples.values.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_neighbouring_ranges_share_no_sample_and_lose_none(loaded: Loaded, mode: str) -> None:
    source = loaded.source(mode)
    edges = [T0 - 1, T0 + 7_200_000, T0 + 7_215_000, T0 + 20_000_007, T0 + 40_000_000]

    parts = [
        source.samples(SeriesRequest("case_total", only("jitter"), TimeRange(low, high)))
        for low, high in itertools.pairwise(edges)
    ]

    assert np.concatenate([part.t_ms for part in parts]).tolist() == loaded.series["jitter"][0].tolist()


def test_a_scraped_nan_is_no_stale_marker_and_is_left_out(loaded: Loaded) -> None:
    samples = loaded.source().samples(SeriesRequest("quantile", (), EVERYTHING))

    assert samples.values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_no_series_is_an_empty_set(loaded: Loaded, mode: str) -> None:
    samples = loaded.source(mode).samples(SeriesRequest("nowhere_total", (), EVERYTHING))

    assert (len(samples), samples.offsets.tolist(), len(samples.t_ms)) == (0, [0], 0)


@pytest.mark.parametrize("mode", ["auto", "never"])
@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ((Matcher("case", ("one", "gap")),), {"one", "gap"}),
        ((Matcher("case", ("o.*", "one")),), {"one"}),
        ((Matcher("case", pattern="ga.|on."),), {"one", "gap"}),
        ((Matcher("case", (*CASES[1:],), negated=True),), {CASES[0]}),
        ((Matcher("case", ("one",)), Matcher("zone", ("",))), {"one"}),
        ((Matcher("case", ("one",)), Matcher("zone", ("", "b"))), {"one"}),
        ((Matcher("case", ("one",)), Matcher("tier", ("",), negated=True)), {"one"}),
        ((Matcher("case", ("one",)), Matcher("tier", ("a",), negated=True)), set()),
    ],
)
def test_matchers_mean_the_same_by_both_routes(
    loaded: Loaded, mode: str, matchers: tuple[Matcher, ...], expected: set[str]
) -> None:
    samples = loaded.source(mode).samples(SeriesRequest("case_total", matchers, EVERYTHING))

    assert {labels["case"] for labels in samples.labels} == expected


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_label_values_with_every_difficult_character_are_found(prometheus_server, mode: str) -> None:
    value = 'a"b\\c\nd{e}|f.*+?()[]^$ ü — `'
    server = prometheus_server()
    server.write([({"__name__": "odd_total", "topic": value}, [T0], [1.0])])
    source = Loaded(server, {}).source(mode)
    wanted = SeriesRequest("odd_total", (Matcher("topic", (value,)),), EVERYTHING)
    among = SeriesRequest("odd_total", (Matcher("topic", (value, "other")),), EVERYTHING)

    found = [source.samples(request) for request in (wanted, among)]

    assert [samples.labels[0]["topic"] for samples in found] == [value, value]


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_fixed_labels_of_the_source_narrow_every_request(loaded: Loaded, mode: str) -> None:
    source = loaded.source(mode, labels={"tier": "b"})

    samples = source.samples(SeriesRequest("case_total", (), EVERYTHING))

    assert len(samples) == 0


def test_blocks_and_head_that_overlap_give_each_sample_once(prometheus_server) -> None:
    history = "# TYPE lap counter\n" + "".join(f"lap_total {i} {T0 // 1000 + 60 * i}\n" for i in range(300)) + "# EOF\n"
    server = prometheus_server(history=history)
    later = (T0 // 1000 + 60 * np.arange(250, 420)) * 1000
    server.write([({"__name__": "lap_total"}, later, np.arange(250.0, 420.0))])

    samples = Loaded(server, {}).source().samples(SeriesRequest("lap_total", (), EVERYTHING))

    assert samples.values.tolist() == list(map(float, range(420)))
    assert np.diff(samples.t_ms).tolist() == [60_000] * 419


def test_a_grid_is_the_last_resort_and_says_so(loaded: Loaded) -> None:
    source = loaded.source("never")
    source._route = "query grid"

    samples = source.samples(SeriesRequest("case_total", only("constant"), TimeRange(T0, T0 + 3_600_000)))

    assert (samples.exact, samples.resolution_ms) == (False, 60_000)
    assert np.diff(samples.t_ms).tolist() == [60_000] * 59
    assert set(samples.values.tolist()) == {42.0}


def test_a_grid_of_many_points_is_asked_in_parts(loaded: Loaded) -> None:
    from observatory.sources.prometheus.range_vectors import read_grid

    request = SeriesRequest("case_total", only("steady"), TimeRange(T0, T0 + 2400 * 15_000))

    found = read_grid(loaded.source().connection, request, step_ms=1000)

    assert len(found.samples.t_ms) == 36_000
    assert found.samples.values[-1] == 2400.0
