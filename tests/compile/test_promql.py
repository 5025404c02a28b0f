"""The PromQL that is generated means what it says: run by promtool on real series, parsed, and safely quoted."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.compile import promql
from observatory.compile.measure import Measurement, measurement_key
from observatory.errors import InputInvalid
from observatory.indicators.expression import Age, Behind, Count, CountAtMost, Level, Slices, SlicesAtMost, Utilisation
from observatory.indicators.indicator import Indicator
from observatory.telemetry.binding import (
    Matcher,
    MetricBinding,
    SemanticKind,
    SeriesSelector,
    SpanBinding,
    SpanSelector,
    Term,
)


def term(metric: str, *matchers: Matcher, sign: int = 1) -> Term:
    return Term(1 if sign > 0 else -1, SeriesSelector(metric, matchers))


def counter(signal: str, metric: str = "events_total", *, kind: SemanticKind = "cumulative") -> MetricBinding:
    return MetricBinding(
        signal=signal,
        source="metrics",
        profile="test",
        kind=kind,
        all=(term(metric),),
        success=(term(metric, Matcher("error", ("",))),),
        error=(term(metric, Matcher("error", ("",), negated=True)),),
        liveness="live",
    )


def level(signal: str, metric: str, **more: object) -> MetricBinding:
    kind = more.pop("kind", "level")
    return MetricBinding(signal=signal, source="metrics", profile="test", kind=kind, all=(term(metric),), **more)  # type: ignore[arg-type]


def measurement(indicator: Indicator, *bindings: MetricBinding | SpanBinding) -> Measurement:
    return Measurement(
        key=measurement_key(indicator, bindings), subject="billing/onOrder", indicator=indicator, bindings=bindings
    )


def availability() -> Indicator:
    return Indicator(
        sli="availability", total=Count("processed_messages"), good=Count("processed_messages", "success"), measure="m"
    )


def number(tmp_path: Path, series: Sequence[tuple[str, str]], expression: str, at: str) -> float | None:
    """The one value that Prometheus finds for an expression, None when it finds nothing.

    promtool says what it got only when it is not what was expected, so something impossible is expected.
    """
    test = tmp_path / "test.yaml"
    test.write_text(
        json.dumps(
            {
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": [{"series": name, "values": values} for name, values in series],
                        "promql_expr_test": [
                            {"expr": expression, "eval_time": at, "exp_samples": [{"labels": "{}", "value": -98765}]}
                        ],
                    }
                ],
            }
        )
    )
    run = subprocess.run(["promtool", "test", "rules", str(test)], capture_output=True, text=True, check=False)
    got = re.search(r"got: (nil|\{\} (\S+))", run.stdout + run.stderr)
    assert got, run.stdout + run.stderr
    return None if got[1] == "nil" else float(got[2].rstrip(","))


UP = ('up{job="a",instance="1"}', "1x60")
OK, BAD = 'events_total{job="a",instance="1"}', 'events_total{job="a",instance="1",error="x"}'


# counters


def test_a_counter_born_at_one_is_one_event(tmp_path: Path) -> None:
    expression = promql.increase([term("events_total")], "5m")

    assert number(tmp_path, [UP, (BAD, "_x57 1 1 1")], expression, "60m") == 1


def test_increase_alone_would_have_lost_the_birth(tmp_path: Path) -> None:
    assert number(tmp_path, [UP, (BAD, "_x57 1 1 1")], "sum(increase(events_total[5m]))", "60m") == 0


def test_the_first_value_of_a_new_target_is_no_event_of_the_window(tmp_path: Path) -> None:
    new_target = ('up{job="a",instance="1"}', "_x57 1 1 1")
    expression = promql.increase([term("events_total")], "5m")

    assert number(tmp_path, [new_target, (OK, "_x57 500 500 500")], expression, "60m") == 0


def test_a_series_that_comes_back_with_its_target_is_no_birth(tmp_path: Path) -> None:
    down = ('up{job="a",instance="1"}', "1x50 0 0 0 0 0 0 0 1 1 1")
    expression = promql.increase([term("events_total")], "5m")

    assert number(tmp_path, [down, (OK, "500x50 _ _ _ _ _ _ _ 500 500 500")], expression, "60m") == 0


def test_a_reset_is_counted_from_zero(tmp_path: Path) -> None:
    # 100 ... 100, restarted, 2, 4: four events since the restart, and none lost before it.
    expression = promql.increase([term("events_total")], "5m")

    assert number(tmp_path, [UP, (OK, "100x57 2 4 4")], expression, "60m") == pytest.approx(4, abs=1)


def test_births_of_several_series_are_added(tmp_path: Path) -> None:
    other = 'events_total{job="a",instance="1",error="y"}'
    expression = promql.increase([term("events_total")], "5m")

    assert number(tmp_path, [UP, (BAD, "_x57 1 1 1"), (other, "_x58 2 3")], expression, "60m") == 4


def test_terms_of_different_metrics_with_equal_labels_are_all_counted(tmp_path: Path) -> None:
    series = [UP, ('acked{job="a",instance="1"}', "0+10x60"), ('pulled{job="a",instance="1"}', "0+5x60")]
    expression = promql.increase([term("acked"), term("pulled")], "10m")

    assert number(tmp_path, series, expression, "60m") == pytest.approx(150)


def test_a_missing_term_does_not_empty_the_sum(tmp_path: Path) -> None:
    series = [UP, ('acked{job="a",instance="1"}', "0+10x60")]
    expression = promql.increase([term("acked"), term("pulled")], "10m")

    assert number(tmp_path, series, expression, "60m") == pytest.approx(100)


def test_a_term_is_subtracted(tmp_path: Path) -> None:
    series = [UP, ('sent{job="a",instance="1"}', "0+10x60"), ('returned{job="a",instance="1"}', "0+1x60")]
    expression = promql.increase([term("sent"), term("returned", sign=-1)], "10m")

    assert number(tmp_path, series, expression, "60m") == pytest.approx(90)


def test_no_series_at_all_is_nothing_and_not_zero(tmp_path: Path) -> None:
    assert number(tmp_path, [UP], promql.increase([term("sent"), term("returned", sign=-1)], "10m"), "60m") is None


def test_a_position_that_falls_counts_nothing(tmp_path: Path) -> None:
    expression = promql.increase([term("offset")], "5m", "position")

    assert number(tmp_path, [("offset", "1000x57 3 4 5")], expression, "60m") == 0


def test_each_rise_of_a_level_is_counted_and_no_fall(tmp_path: Path) -> None:
    expression = promql.increase([term("depth")], "5m", "rising_level")

    assert number(tmp_path, [("depth", "0x55 3 1 4 4 5")], expression, "60m") == 7


@pytest.mark.parametrize(
    ("values", "period_ms", "total"),
    [
        ("7x54 100x4 40x4", 300_000, 140),  # scraped every minute, shown for five
        ("_x55 100 _x4 40 _x4", 300_000, 140),  # each sample carries the time of its period
        ("_x57 3 _x2", 60_000, 3),
    ],
)
def test_the_total_of_a_period_is_counted_once(tmp_path: Path, values: str, period_ms: int, total: float) -> None:
    expression = promql.increase([Term(1, SeriesSelector("sent_sum", period_ms=period_ms))], "10m", "period_total")

    assert number(tmp_path, [("sent_sum", values)], expression, "64m") == pytest.approx(total)


# good and total


def test_without_an_error_series_everything_is_good(tmp_path: Path) -> None:
    good, total = promql.good_total(measurement(availability(), counter("processed_messages")), "10m")
    series = [UP, (OK, "0+10x60")]

    assert number(tmp_path, series, good, "60m") == number(tmp_path, series, total, "60m") == 100


def test_with_only_failures_good_is_zero_and_not_absent(tmp_path: Path) -> None:
    good, total = promql.good_total(measurement(availability(), counter("processed_messages")), "10m")
    series = [UP, (BAD, "0+10x60")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (0, 100)


def test_without_any_series_both_are_absent(tmp_path: Path) -> None:
    good, total = promql.good_total(measurement(availability(), counter("processed_messages")), "10m")

    assert (number(tmp_path, [UP], good, "60m"), number(tmp_path, [UP], total, "60m")) == (None, None)


def test_what_is_bad_is_taken_from_the_total(tmp_path: Path) -> None:
    indicator = Indicator(
        sli="dead_letters", total=Count("processed_messages"), bad=Count("dead_lettered_messages"), measure="m"
    )
    bindings = counter("processed_messages"), counter("dead_lettered_messages", "dead_total")
    good, total = promql.good_total(measurement(indicator, *bindings), "10m")
    series = [UP, (OK, "0+10x60"), ('dead_total{job="a",instance="1"}', "0+1x60")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == pytest.approx((90, 100))
    assert number(tmp_path, series[:2], good, "60m") == pytest.approx(100)


# distributions


def histogram(*boundaries: tuple[float, str], scale: float = 1.0) -> MetricBinding:
    return MetricBinding(
        signal="process_duration",
        source="metrics",
        profile="test",
        kind="distribution",
        all=(term("took"),),
        scale=scale,
        boundaries=boundaries,
        liveness="live",
    )


def under(bound: float) -> Indicator:
    return Indicator(
        sli="latency", total=Count("process_duration"), good=CountAtMost("process_duration", bound), measure="m"
    )


@pytest.mark.parametrize("le", ["1", "1.0"])
def test_a_bound_is_found_however_le_is_written(tmp_path: Path, le: str) -> None:
    good, total = promql.good_total(measurement(under(1.0), histogram((0.5, "0.5"), (1.0, "1"))), "10m")
    labels = 'job="a",instance="1"'
    series = [
        UP,
        (f'took_bucket{{{labels},le="0.5"}}', "0+3x60"),
        (f'took_bucket{{{labels},le="{le}"}}', "0+8x60"),
        (f'took_bucket{{{labels},le="+Inf"}}', "0+9x60"),
        (f"took_count{{{labels}}}", "0+9x60"),
    ]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == pytest.approx((80, 90))


def test_a_bound_in_seconds_meets_a_boundary_in_milliseconds() -> None:
    good, _ = promql.good_total(measurement(under(0.25), histogram((250.0, "250"), scale=0.001)), "5m")

    assert 'le=~"250|250\\\\.0"' in good


def test_without_known_boundaries_the_bound_itself_is_asked_for() -> None:
    good, _ = promql.good_total(measurement(under(0.1), histogram()), "5m")

    assert 'le="0.1"' in good


def test_a_bound_between_boundaries_is_refused_with_its_neighbours() -> None:
    with pytest.raises(InputInvalid) as caught:
        promql.good_total(measurement(under(0.3), histogram((0.25, "0.25"), (0.5, "0.5"))), "5m")

    (problem,) = caught.value.problems
    assert problem.code == "threshold-off-boundary"
    assert problem.hint == "the nearest boundaries: 0.25, 0.5 s"


# levels


def minutes(level_expression: object, bound: float, *bindings: MetricBinding) -> tuple[str, str]:
    indicator = Indicator(
        sli="lag",
        total=Slices(level_expression),
        good=SlicesAtMost(level_expression, bound),
        measure="m",  # type: ignore[arg-type]
    )
    return promql.good_total(measurement(indicator, *bindings), "10m")


def test_minutes_over_a_bound_are_bad_and_the_worst_partition_decides(tmp_path: Path) -> None:
    good, total = minutes(Level("consumer_lag"), 100, level("consumer_lag", "lag", invalid_below=0.0))
    series = [('lag{partition="0"}', "0x60"), ('lag{partition="1"}', "0x55 500 500 100 0 0")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (8, 10)


def test_a_partition_that_two_exporters_show_is_counted_once(tmp_path: Path) -> None:
    shown = level("consumer_lag", "lag", partition_label="partition")
    good, total = minutes(Level("consumer_lag"), 200, shown)
    series = [(f'lag{{partition="{name}",instance="{one}"}}', "90x60") for name in "01" for one in ("a:1", "b:1")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (10, 10)


def test_values_that_mean_unknown_are_no_minutes(tmp_path: Path) -> None:
    good, total = minutes(Level("consumer_lag"), 100, level("consumer_lag", "lag", invalid_below=0.0))

    assert (number(tmp_path, [("lag", "-1x60")], good, "60m"), number(tmp_path, [("lag", "-1x60")], total, "60m")) == (
        None,
        None,
    )


def test_an_idle_share_is_judged_by_what_is_in_use_on_the_busiest_broker(tmp_path: Path) -> None:
    good, total = minutes(Level("broker_load"), 0.75, level("broker_load", "idle", kind="idle_level", scale=0.01))
    series = [('idle{instance="1"}', "90x60"), ('idle{instance="2"}', "90x55 20 20 25 90 90")]

    # One minus 0.2 is over the bound, one minus 0.25 is on it.
    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (8, 10)


def test_memory_is_judged_as_a_share_of_its_limit(tmp_path: Path) -> None:
    expression = Utilisation("broker_memory_used", "broker_memory_limit")
    good, total = minutes(expression, 0.7, level("broker_memory_used", "used"), level("broker_memory_limit", "most"))
    series = [("used", "50x57 80 80 60"), ("most", "100x60")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (8, 10)


def test_an_empty_queue_has_no_age(tmp_path: Path) -> None:
    bindings = level("head_timestamp", "head", kind="timestamp"), level("queue_depth", "depth")
    good, total = minutes(Age("head_timestamp", "queue_depth"), 30, *bindings)
    # From minute 51 to 53 the message of second 3000 waits, 60 s to 180 s old; then the queue is empty.
    series = [("head", "_x50 3000 3000 3000 _x7"), ("depth", "0x50 1 1 1 0x7")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (7, 10)


def test_a_group_that_has_not_read_what_was_there_a_bound_ago_is_behind(tmp_path: Path) -> None:
    bindings = (
        level("produced_offset", "produced", kind="position", partition_label="partition"),
        level("committed_offset", "committed", kind="position", partition_label="partition", invalid_below=0.0),
    )
    good, total = minutes(Behind("produced_offset", "committed_offset"), 120, *bindings)
    # 10 messages a minute; the group stands still at 530 from minute 53 on, so it is 2 minutes late from 56 on.
    series = [
        ('produced{partition="0"}', "0+10x60"),
        ('committed{partition="0"}', "0+10x53 530x7"),
        ('committed{partition="1"}', "-1x60"),
        ('produced{partition="1"}', "5x60"),
    ]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (5, 10)


def test_an_idle_topic_is_never_behind(tmp_path: Path) -> None:
    bindings = (
        level("produced_offset", "produced", kind="position"),
        level("committed_offset", "committed", kind="position"),
    )
    good, total = minutes(Behind("produced_offset", "committed_offset"), 60, *bindings)
    series = [("produced", "7x60"), ("committed", "7x60")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (10, 10)


def test_a_queue_deeper_than_what_arrived_within_the_bound_is_behind(tmp_path: Path) -> None:
    bindings = counter("enqueued_messages", "arrived"), level("queue_depth", "depth")
    good, total = minutes(Behind("enqueued_messages", depth="queue_depth"), 300, *bindings)
    # 10 a minute, 50 within the bound: 40 waiting are younger, 80 waiting are not.
    series = [UP, ('arrived{job="a",instance="1"}', "0+10x60"), ("depth", "40x56 80 80 40 40")]

    assert (number(tmp_path, series, good, "60m"), number(tmp_path, series, total, "60m")) == (8, 10)


# what cannot be said


def test_what_spans_measure_is_refused() -> None:
    spans = SpanBinding(
        signal="processed_messages", source="store", profile="otel_spans", selector=SpanSelector(destinations=("a",))
    )

    with pytest.raises(InputInvalid) as caught:
        promql.good_total(measurement(availability(), spans), "5m")

    assert [problem.code for problem in caught.value.problems] == ["promql-spans"]


def test_a_text_that_is_no_promql_never_leaves() -> None:
    with pytest.raises(InputInvalid) as caught:
        promql.checked("sum(a")

    assert [problem.code for problem in caught.value.problems] == ["promql-invalid"]


# quoting


@settings(deadline=None)
@given(st.text())
def test_any_text_survives_quoting(text: str) -> None:
    parsed = promql_parser.parse(f"a{{b={promql.quote(text)}}}")

    (found,) = parsed.matchers.matchers
    assert found.value == text


@settings(deadline=None)
@given(st.lists(st.text(), min_size=2, max_size=4))
def test_a_list_of_values_is_a_pattern_of_exactly_these(values: list[str]) -> None:
    parsed = promql_parser.parse("a{" + promql.matcher(Matcher("b", tuple(values))) + "}")

    (found,) = parsed.matchers.matchers
    assert {value for value in (*values, "other", "x" + values[0]) if re.fullmatch(found.value, value, re.DOTALL)} == {
        value for value in (*values, "other", "x" + values[0]) if value in values
    }


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        (SeriesSelector("a"), "a"),
        (SeriesSelector("a:b", (Matcher("c", ("d",)),)), 'a:b{c="d"}'),
        (SeriesSelector("a", (Matcher("c", ("",)),)), 'a{c=""}'),
        (SeriesSelector("a", (Matcher("c", ("x", ""), negated=True),)), 'a{c!~"x|"}'),
        (SeriesSelector("a", (Matcher("c", pattern="x.*"),)), 'a{c=~"x.*"}'),
        (SeriesSelector("a", (Matcher("c", ("o.v1", "o|v2")),)), 'a{c=~"o\\\\.v1|o\\\\|v2"}'),
        (SeriesSelector("a.b_total", (Matcher("c.d", ('q"u',)),)), '{"a.b_total","c.d"="q\\"u"}'),
    ],
)
def test_a_selector_is_written_as_prometheus_reads_it(chosen: SeriesSelector, text: str) -> None:
    assert promql.selector(chosen) == text


def test_promtool_accepts_quoted_oddities(tmp_path: Path) -> None:
    odd = 'a"b\\c\n{}|.é\x01'
    expression = promql.increase([term("events_total", Matcher("topic", (odd, "plain")))], "5m")

    assert number(tmp_path, [UP], expression, "60m") is None
