"""The queries by which samples and label sets are read."""

from __future__ import annotations

import pytest

from observatory.compile import reading
from observatory.errors import InputInvalid
from observatory.telemetry.binding import Matcher, SeriesSelector

ORDERS = SeriesSelector("orders_total", (Matcher("topic", ('a"b',)), Matcher("zone", ("x", "y.z"), negated=True)))


def test_raw_samples_are_a_range_vector_to_the_millisecond() -> None:
    assert reading.raw_samples(ORDERS, 86_400_001) == r'orders_total{topic="a\"b",zone!~"x|y\\.z"}[1d1ms]'


def test_a_long_range_is_written_in_several_units() -> None:
    assert reading.raw_samples(SeriesSelector("lag"), 128 * 86_400_000 + 3_600_007) == "lag[128d1h7ms]"


def test_label_sets_are_counts_of_series_that_had_a_sample() -> None:
    assert (
        reading.label_sets(["lag", "messaging.size"], ("topic", "a.b"), (), 60_000)
        == r'count by (__name__, topic, "a.b") (last_over_time({__name__=~"lag|messaging\\.size"}[1m]))'
    )


def test_a_name_beyond_the_classic_characters_is_a_condition_on_the_name() -> None:
    selector = SeriesSelector("messaging.größe", (Matcher("topic", ("a",)),))

    assert reading.series(selector) == '{__name__="messaging.größe",topic="a"}'


def test_fixed_labels_select_every_name() -> None:
    assert reading.series_with({"zone": "b", "cluster": "eu-1"}) == '{cluster="eu-1",zone="b"}'


def test_a_pattern_that_is_none_never_leaves() -> None:
    with pytest.raises(InputInvalid):
        reading.series(SeriesSelector("orders_total", (Matcher("topic", pattern="(["),)))


def test_increments_are_differences_of_last_values_and_births_where_the_target_was_there() -> None:
    before = "last_over_time(last_over_time(x_total[5m])[12h:5m] offset 5m)"
    newcomer = f"(last_over_time(x_total[5m]) unless {before})"
    grown = f"((last_over_time(x_total[5m]) - {before}) >= 0) unless (resets(x_total[5m]) > 0)"
    fell = f"(last_over_time(x_total[5m]) < {before}) + clamp_min(max_over_time(x_total[5m]) - {before}, 0)"
    there = f"((up offset 5m == 1) or {before})"
    believed = "scalar(clamp_min(10 * (max(increase(x_total[5m])) or vector(0)), 1000))"
    born = f"{newcomer} and on (job, instance) {there} unless on (job, instance) ({newcomer} > {believed})"
    assert reading.increments(SeriesSelector("x_total"), ("job", "topic"), 300_000) == (
        f"sum by (job, topic) (({grown}) or (({fell}) unless (resets(x_total[10m]) > 1)) or ({born}) or "
        "increase(x_total[5m]))"
    )


def test_a_histogram_of_either_kind_is_counted_by_one_expression() -> None:
    """Classic series go first; every boundary is written in one way; what only classic buckets have is theirs."""
    buckets = SeriesSelector("x_bucket", (Matcher("job", ('a"b',)), Matcher("le", ("0.5", "0.50", "0.3"))))
    native = reading.NativePart(SeriesSelector("x", (Matcher("job", ('a"b',)),)), (("0.5", "0.50"),), ("0.3",))

    text = reading.increments(buckets, ("job", "le"), 300_000, native)

    either = (
        r'(x_bucket{job="a\"b",le="0.3"} * 1)'
        r' or label_replace(x_bucket{job="a\"b",le="0.5"} * 1, "le", "0.5", "", "")'
        r' or label_replace(x_bucket{job="a\"b",le="0.50"} * 1, "le", "0.5", "", "")'
        r' or label_replace(round(histogram_fraction(-Inf, 0.5, x{job="a\"b"}) * histogram_count(x{job="a\"b"}), 0.001)'
        r' >= 0, "le", "0.5", "", "")'
    )
    assert f"last_over_time(({either})[5m:30s])" in text
    whole = r'(x_count{job="a\"b"} * 1) or histogram_count(x{job="a\"b"})'
    assert f"unless ignoring (le) last_over_time(({whole})[12h:5m] offset 5m)" in text
