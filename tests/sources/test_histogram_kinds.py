"""Classic and native series of one histogram as one: instants, stale markers, ways to write a boundary, label sets."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from observatory.sources.base import SampleSet
from observatory.sources.histogram_kinds import as_one, label_sets_of_both
from observatory.telemetry.inventory import LabelSets

COUNT = {"__name__": "x_count", "instance": "a:1"}
STALE = float("nan")


def bucket(le: str) -> dict[str, str]:
    return {"__name__": "x_bucket", "instance": "a:1", "le": le}


@given(st.lists(st.sampled_from(["classic", "native", "both"]), min_size=1, max_size=30))
def test_every_instant_counts_once_whatever_kind_showed_it(kinds: list[str]) -> None:
    """Whichever kinds a counter is shown by from scrape to scrape, together they are the counter."""
    counter = [(60_000 * (scrape + 1), 5.0 * scrape) for scrape in range(len(kinds))]

    def part(of: str) -> SampleSet:
        shown = [pair for pair, kind in zip(counter, kinds, strict=True) if kind in (of, "both")]
        return SampleSet.of([(COUNT, [t for t, _ in shown], [v for _, v in shown])])

    found = as_one(part("classic"), part("native"))

    assert found.labels == (COUNT,)
    assert list(zip(found.t_ms.tolist(), found.values.tolist(), strict=True)) == counter


def test_the_end_of_one_kind_is_no_end_where_the_other_begins_in_the_same_scrape() -> None:
    classic = SampleSet.of([(COUNT, [1, 2, 3], [4.0, 5.0, STALE])])
    native = SampleSet.of([(COUNT, [3, 4, 5], [6.0, 7.0, STALE])])

    for found in (as_one(classic, native), as_one(native, classic)):
        assert found.t_ms.tolist() == [1, 2, 3, 4, 5]
        assert found.values[:4].tolist() == [4.0, 5.0, 6.0, 7.0]
        assert np.isnan(found.values[4])


def test_a_boundary_that_is_written_in_two_ways_is_one_bucket() -> None:
    classic = SampleSet.of([(bucket("1.0"), [1, 2], [1.0, 2.0]), (bucket("0.1"), [1, 2], [0.0, 1.0])])
    native = SampleSet.of([(bucket("1"), [3], [3.0])])

    found = as_one(classic, native, ("1.0", "1"))

    assert found.labels == (bucket("1.0"), bucket("0.1"))
    assert found.series(0)[2].tolist() == [1.0, 2.0, 3.0]
    assert as_one(classic, SampleSet.of([]), ("1",)).labels[0] == bucket("1")


def test_label_sets_of_both_kinds_stand_for_the_series_of_one() -> None:
    classic = LabelSets(("job", "le"), (("a", "0.1"), ("a", "0.5")), (3, 3))
    native = LabelSets(("job", "le"), (("a", "0.5"), ("b", "0.5")), (2, 1))

    found = label_sets_of_both(classic, native)

    assert dict(zip(found.rows, found.series, strict=True)) == {("a", "0.1"): 3, ("a", "0.5"): 3, ("b", "0.5"): 1}
