"""The PromQL of a figure's line says the statistic that the figure shows, and always parses."""

from __future__ import annotations

import promql_parser
import pytest
from msgspec.structs import replace

from observatory.compile.promql_signals import by_partition, signal_expression, with_labels
from observatory.errors import InputInvalid
from observatory.telemetry.binding import Matcher, MetricBinding, SemanticKind, SeriesSelector, Term


def binding(metric: str, kind: SemanticKind, signal: str, **more: object) -> MetricBinding:
    selector = SeriesSelector(metric, (Matcher("topic", ('or"ders',)),))
    return MetricBinding(signal=signal, source="metrics", profile="p", kind=kind, all=(Term(1, selector),), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "statistic", "said"),
    [
        (
            binding("offset", "position", "produced_offset"),
            "rate",
            '(sum(clamp_min(offset{topic="or\\"ders"} - offset{topic="or\\"ders"} offset 5m, 0))) / 300',
        ),
        (
            binding("lag_ms", "level", "consumer_lag", scale=0.001, invalid_below=0.0),
            "level",
            'sum((lag_ms{topic="or\\"ders"} >= 0) * 0.001)',
        ),
        (binding("idle", "idle_level", "broker_cpu"), "level", 'max(1 - idle{topic="or\\"ders"})'),
        (
            binding("took", "distribution", "process_duration", scale=0.001),
            "p99",
            'histogram_quantile(0.99, sum by (le) (rate(took_bucket{topic="or\\"ders"}[5m]))) * 0.001',
        ),
        (binding("at", "timestamp", "last_message"), "age", 'max(time() - (at{topic="or\\"ders"} > 0))'),
    ],
)
def test_a_line_is_said_as_the_figure_counts_it(made: MetricBinding, statistic: str, said: str) -> None:
    text = signal_expression(made, statistic, "5m")
    promql_parser.parse(text)
    assert text == said


def test_what_promql_cannot_say_is_refused() -> None:
    for statistic in ("behind", "p99"):
        with pytest.raises(InputInvalid) as refused:
            signal_expression(binding("lag", "level", "consumer_lag"), statistic, "5m")
        assert refused.value.problems[0].code == "promql-invalid"


def test_partitions_become_lines_where_the_exporter_tells_them_apart() -> None:
    made = binding("offset", "position", "produced_offset", partition_label="partition")
    text = signal_expression(made, "rate", "5m")
    assert by_partition(text, made).startswith("(sum by (partition) (clamp_min(offset")
    assert by_partition(text, replace(made, partition_label=None)) == text


def test_labels_of_the_server_narrow_every_term() -> None:
    made = with_labels(binding("lag", "level", "consumer_lag"), {"cluster": "eu-1"})
    assert signal_expression(made, "level", "5m") == 'sum(lag{topic="or\\"ders",cluster="eu-1"})'
