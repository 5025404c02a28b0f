"""Native histograms in real servers against the truth: found, mapped to classic series, and counted by a threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import prometheus_server
import pytest
from counting_cases import END_MS, HOUR_MS, Answering, latency_of, scrapes
from engines import prometheus_3
from native_histogram_writer import Sample, write_request

from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.base import SeriesRequest
from observatory.sources.prometheus import PrometheusSource
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 4 * HOUR_MS)
TIMES = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
SEEN = len(TIMES[GRID.start_ms < TIMES])
SPANS = ((-9, 3), (3, 2))
"""Of schema 3: the buckets that end at 2^(-9/8), 2^(-1), 2^(-7/8), and at 2^(-3/8), 2^(-2/8)."""
EACH = (1, 2, 3, 4, 5)
IN_TIME, EVERY = 1 + 2, 15 + 1


@pytest.fixture(scope="module", params=["Prometheus of Debian", "Prometheus 3"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusSource]:
    program = prometheus_3() if request.param == "Prometheus 3" else prometheus_server.required("prometheus")
    if program is None:
        pytest.skip("Prometheus 3 is not run here: build it with .ci/prometheus-3")
    flags = [] if request.param == "Prometheus 3" else ["--enable-feature=native-histograms"]
    with prometheus_server.start(tmp_path_factory.mktemp("native"), program=program, flags=flags) as server:
        server.post(write_request(series()))
        found = PrometheusSource(PrometheusSettings(url=server.url))
        # Written remotely there are no types; a scrape would have brought them.
        found._types = lambda: dict.fromkeys(("whole", "floats", "restarted", "finer"), "histogram")  # type: ignore[method-assign]
        found.metric_names(GRID.range)
        yield found


def series() -> list[tuple[dict[str, str], list[Sample]]]:
    half = len(TIMES) // 2

    def samples(scrape: int, since: int = 0, **options: object) -> Sample:
        times = scrape + 1 - since
        return Sample(int(TIMES[scrape]), SPANS, [one * times for one in EACH], times, **options)  # type: ignore[arg-type]

    def named(name: str) -> dict[str, str]:
        return {"__name__": name, "job": "svc", "instance": "a:1"}

    every = range(len(TIMES))
    coarse = ((-4, 1), (0, 1), (1, 1))
    return [
        (named("whole"), [samples(scrape) for scrape in every]),
        (named("floats"), [samples(scrape, floats=True) for scrape in every]),
        (named("restarted"), [samples(scrape, 0 if scrape < half else half) for scrape in every]),
        (
            named("finer"),
            [
                samples(scrape)
                if scrape >= half
                # Of schema 2 the buckets end at 2^(-4/4), 2^(-3/4) and 2^(-1/4): 3, 3 and 9 of each fifteen.
                else Sample(
                    int(TIMES[scrape]), coarse, [3 * (scrape + 1), 3 * (scrape + 1), 9 * (scrape + 1)], scrape + 1, 2
                )
                for scrape in every
            ],
        ),
    ]


def row_of(source: PrometheusSource, name: str, bound: float) -> Row:
    one = latency_of(source, name, bound, GRID)
    return build([one], Answering((source,)), GRID).rows[one.key]


@pytest.mark.integration
@pytest.mark.parametrize("name", ["whole", "floats", "restarted"])
def test_a_threshold_on_a_boundary_is_exact(source: PrometheusSource, name: str) -> None:
    row = row_of(source, name, 0.5)

    assert (float(row.good.sum()), float(row.total.sum())) == ((IN_TIME + 1) * SEEN, EVERY * SEEN)
    assert row.upper is None
    assert row.recovered.resets == (1 if name == "restarted" else 0)


@pytest.mark.integration
def test_between_two_boundaries_the_truth_lies_between_both_counts(source: PrometheusSource) -> None:
    row = row_of(source, "whole", 0.52)

    assert row.upper is not None
    assert (float(row.good.sum()), float(row.upper.sum())) == (4.0 * SEEN, 7.0 * SEEN)


@pytest.mark.integration
def test_a_raised_resolution_leaves_coarse_boundaries_exact_and_bounds_the_fine_ones(source: PrometheusSource) -> None:
    assert row_of(source, "finer", 0.5).upper is None

    fine = row_of(source, "finer", 2 ** (-7 / 8))

    assert fine.upper is not None
    # What the fine bucket counted is known from its second scrape on; before, only the coarse ones tell.
    late = int((TIMES[len(TIMES) // 2 + 1 :] > GRID.start_ms).sum())
    assert float(fine.good.sum()) == 7.0 * late + 4.0 * (SEEN - late)
    assert float(fine.upper.sum()) == 7.0 * SEEN


@pytest.mark.integration
def test_a_native_histogram_has_the_names_and_boundaries_of_a_classic_one(source: PrometheusSource) -> None:
    names = source.metric_names(GRID.range)
    found = source.inventory(InventoryRequest({"whole_bucket": ("job", "le"), "whole_count": ("job",)}), GRID.range)

    assert {"whole", "whole_bucket", "whole_count", "whole_sum"} <= names
    assert found.label_sets["whole_count"].rows == (("svc",),)
    bounds = [float(row[1]) for row in found.label_sets["whole_bucket"].rows]
    octaves = [2.0**power for power in range(-20, 31)]
    assert bounds[-1] == math.inf
    assert bounds[:-1] == pytest.approx(
        [*octaves[:16], *(2.0 ** (place / 8) for place in range(-32, 1)), *octaves[21:]]
    )


@pytest.mark.integration
def test_the_sum_of_a_native_histogram_is_a_series_too(source: PrometheusSource) -> None:
    found = source.samples(SeriesRequest("whole_sum", (), GRID.range))

    assert np.diff(found.values) == pytest.approx(np.full(len(found.values) - 1, EVERY * 0.25))
