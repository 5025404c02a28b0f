"""`observatory.figures` from a notebook: pandas in, the pages' figures out."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_text import figure_text
from web.factories import AT_MS, TRACE, HandMadeEstate, snapshot, spans

from observatory import figures
from observatory.figures.heat import shares_of_even
from observatory.figures.theme import DARK, LIGHT
from observatory.windows import TimeRange

MINUTES = pd.date_range("2026-11-20T12:00:00Z", periods=5, freq="min")
LATENCY = pd.DataFrame({"orders p99": [0.2, 0.3, np.nan, 0.4, 0.6], "orders p50": [0.1] * 5}, index=MINUTES)
LEFT = pd.Series({"orders": 0.8, "refunds": -0.38, "quiet": np.nan})
DEPLOYED = pd.Series(["shop 1.4 deployed"], index=MINUTES[1:2])
MONTHS = pd.DataFrame(
    {"2026-09": [0.9993, np.nan], "2026-10": [0.9985, 0.9999]}, index=["payments", "shipping"], dtype="float64"
)
PARTITIONS = pd.DataFrame({"p0": [10.0, 5.0], "p1": [30.0, np.nan]}, index=["orders", "<b>audit</b>"])


def trace() -> pd.DataFrame:
    return figures.span_table(spans())


GOLDENS: dict[str, Callable[[], Any]] = {
    "over_time": lambda: figures.over_time(
        LATENCY * 100, unit="message", statistic="rate", stacked=True, title="Throughput"
    ),
    "latency": lambda: figures.latency(LATENCY, bound_seconds=0.5, changes=DEPLOYED, title="Latency"),
    "lag": lambda: figures.lag(LATENCY * 1000, bound=500, theme="dark"),
    "event_bars": lambda: figures.event_bars(LATENCY * 100, meanings={"orders p99": "breached"}),
    "burn_down": lambda: figures.burn_down(
        pd.DataFrame({"payments": [1.0, 0.7, 0.7, 0.1, -0.2]}, index=MINUTES), end="2026-11-20T12:10:00Z"
    ),
    "burn_rates": lambda: figures.burn_rates(LATENCY * 20, factors=(14.4, 6.0, 1.0, 1000.0)),
    "budget_strip": lambda: figures.budget_strip(LEFT, even=0.4),
    "burn_heat": lambda: figures.burn_heat(
        pd.DataFrame({"2026-11-19": [0.0, 20.0, np.nan], "2026-11-20": [1.0, 3.0, np.nan]}, index=["a", "b", "c"])
    ),
    "partition_skew": lambda: figures.partition_skew(PARTITIONS),
    "trace_waterfall": lambda: figures.trace_waterfall(trace(), title=f"Trace {TRACE[:4]}"),
    "compare_months": lambda: figures.compare_months(MONTHS, target=0.999),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_the_figure_is_its_golden(name: str, golden: Callable[[str, str], None]) -> None:
    golden(figure_text(GOLDENS[name]()), f"figures/{name}.json")


def test_every_figure_that_is_public_has_a_golden_and_a_docstring() -> None:
    public = set(figures.__all__)
    tables = {name for name in public if name.endswith("_table")}
    assert public - tables == set(GOLDENS)
    assert all(len(getattr(figures, name).__doc__) > 80 for name in public)
    assert dir(figures) == sorted(public)


def test_importing_the_helpers_loads_neither_plotly_nor_pandas() -> None:
    asked = "import sys, observatory.figures, observatory.figures.svg; print({'plotly', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_name_that_is_none_of_them_is_an_error_of_attributes() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'pie'"):
        _ = figures.pie


def test_a_bound_stands_where_its_axis_says() -> None:
    figure = figures.latency(LATENCY, bound_seconds=0.5)
    assert figure.layout.yaxis.ticksuffix == " ms"
    assert figure.layout.shapes[0].y0 == 500
    assert figure.layout.annotations[0].text == "objective 500 ms"


def test_a_hole_in_the_frame_is_a_hole_in_the_line() -> None:
    y = figures.latency(LATENCY).data[0].y
    assert np.isnan(y).tolist() == [False, False, True, False, False]
    assert figures.latency(LATENCY).data[0].connectgaps is False


@pytest.mark.parametrize("missing", [None, pd.NA, np.nan])
def test_whatever_pandas_calls_missing_is_a_hole(missing: object) -> None:
    frame = pd.DataFrame({"a": pd.array([1.0, missing, 3.0], dtype="Float64")}, index=MINUTES[:3])
    assert np.isnan(figures.over_time(frame).data[0].y).tolist() == [False, True, False]


def test_a_time_without_a_zone_is_meant_in_utc() -> None:
    naive = LATENCY.tz_localize(None)
    assert figure_text(figures.latency(naive)) == figure_text(figures.latency(LATENCY))
    assert figure_text(figures.latency(LATENCY.tz_convert("Asia/Tokyo"))) == figure_text(figures.latency(LATENCY))


def test_one_column_may_come_as_a_series() -> None:
    assert figures.latency(LATENCY["orders p50"]).data[0].name == "orders p50"


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"a": [1.0]}), "the index is a RangeIndex; it has to be a DatetimeIndex"),
        (LATENCY[::-1], "the times of the index are not increasing"),
        (pd.concat([LATENCY, LATENCY[-1:]]), "sort them and leave each in once"),
        (LATENCY.set_axis(pd.DatetimeIndex([*MINUTES[:4], pd.NaT])), "has a missing time"),
        (LATENCY.replace(0.6, np.inf), "column 'orders p99' holds an infinite value"),
        (pd.DataFrame({"a": ["x"] * 5}, index=MINUTES), "column 'a' holds no numbers"),
        (pd.DataFrame(np.ones((5, 41)), index=MINUTES), "41 lines cannot be told apart; choose 40 at most"),
        ([1, 2], "a pandas DataFrame or Series is drawn, and this is a list"),
    ],
)
def test_a_frame_that_cannot_be_meant_is_refused_with_its_fault(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words.replace("(", "\\(")):
        figures.over_time(frame)


def test_other_arguments_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="theme is 'pink'; it is one of dark, light"):
        figures.latency(LATENCY, theme="pink")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="in messages or in seconds, and unit is 'ratio'"):
        figures.lag(LATENCY, unit="ratio")
    with pytest.raises(ValueError, match="fewer than no messages"):
        figures.partition_skew(-PARTITIONS)
    with pytest.raises(ValueError, match="columns span_id, service, name, start, end; start, end missing"):
        figures.trace_waterfall(trace().drop(columns=["start", "end"]))
    with pytest.raises(ValueError, match="span 'a1' ends before it starts"):
        figures.trace_waterfall(trace().assign(end=pd.Timestamp("2020-01-01", tz="UTC")))


def test_what_holds_no_value_says_so_and_draws_nothing() -> None:
    empty = pd.DataFrame(index=pd.DatetimeIndex([]))
    drawn = [
        figures.over_time(empty),
        figures.event_bars(empty),
        figures.burn_down(empty),
        figures.burn_rates(LATENCY * np.nan),
        figures.burn_heat(PARTITIONS * np.nan),
        figures.partition_skew(PARTITIONS * 0),
        figures.compare_months(MONTHS * np.nan),
        figures.trace_waterfall(trace()[:0]),
        figures.budget_strip(LEFT[:0]),
    ]
    assert all("no data" in [note.text for note in figure.layout.annotations] for figure in drawn)


def test_shares_are_of_the_even_share_of_the_partitions_that_are_there() -> None:
    assert shares_of_even(np.array([[1.0, 3.0], [5.0, np.nan], [0.0, 0.0]])).tolist()[0] == [0.5, 1.5]
    assert shares_of_even(np.array([[5.0, np.nan]]))[0, 0] == 1.0
    assert np.isnan(shares_of_even(np.array([[0.0, 0.0]]))).all()


def test_rows_of_the_same_shortened_name_stay_two_rows() -> None:
    frame = pd.DataFrame({"p0": [1.0, 2.0], "p1": [1.0, 4.0]}, index=["x" * 60 + "1", "x" * 60 + "2"])
    assert list(figures.partition_skew(frame).data[0].y) == [0, 1]


def test_names_are_text_whatever_markup_they_hold() -> None:
    hostile = "<a href='javascript:alert(1)'>x</a>"
    told = figure_text(figures.latency(LATENCY.rename(columns={"orders p50": hostile}), title=hostile))
    assert "<a" not in told
    assert "&lt;a" in told


def test_a_theme_has_its_own_ground() -> None:
    assert figures.latency(LATENCY).layout.paper_bgcolor == LIGHT.panel
    assert figures.latency(LATENCY, theme="dark").layout.paper_bgcolor == DARK.panel


def test_the_lines_of_the_readme_draw() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = [one.split("```")[0] for one in readme.split("```python\n")[1:] if "observatory import figures" in one]
    names: dict[str, object] = {"snapshot": snapshot(), "frame": LATENCY}
    lines = ast.parse(block).body
    exec(compile(ast.Module([one for one in lines if not isinstance(one, ast.Expr)], []), "README.md", "exec"), names)
    calls = [ast.Expression(one.value) for one in lines if isinstance(one, ast.Expr)]
    burn_down, latency = (eval(compile(one, "README.md", "eval"), names) for one in calls)
    assert burn_down.layout.title.text == "Error budget by domain"
    assert len(burn_down.data) > 0
    assert [trace.name for trace in latency.data] == list(LATENCY.columns)
    assert "500 ms" in " ".join(note.text for note in latency.layout.annotations)


# tables


def test_the_table_of_the_status_holds_its_numbers_and_no_more() -> None:
    one = snapshot()
    table = figures.status_table(one.status)
    answer = {each["id"]: each for each in one.status.to_json()["objectives"]}
    card = "billing/on payments.card.settled/availability"
    assert table.loc[card, "left"] == answer[card]["budget"]["remaining_ratio"]
    assert table.loc[card, "burn 1h"] == answer[card]["burn_rates"]["1h"]
    assert np.isnan(table.loc["billing/on notify.email.bounced/availability", "total"])
    assert table["total"].dtype == "float64"


def test_the_burn_down_of_a_notebook_is_the_burn_down_of_the_page() -> None:
    from observatory.evaluate.grouped import budget_left

    one = snapshot()
    table = figures.budget_table(one)
    paying = [each for each in one.status.objectives if each.objective.domain == "payments"]
    ends, left = budget_left(one, paying, TimeRange(one.ledger.grid.start_ms, one.ledger.grid.end_ms))
    assert table["payments"].to_numpy().tolist() == left.tolist()
    assert table.index[-1] == pd.Timestamp(int(ends[-1]), unit="ms", tz="UTC") == pd.Timestamp("2026-11-20T12:00Z")
    assert "notify" not in table  # nothing measures it, and that is no budget of 100 %
    assert set(figures.budget_table(one, by="objective").columns) == {
        each.objective.id for each in one.status.objectives if each.counts
    }


def test_burn_rates_at_the_end_are_those_of_the_status() -> None:
    one = snapshot()
    card = next(each for each in one.status.objectives if each.firing)
    table = figures.burn_rate_table(one, card.objective.id, ("5m", "1h"))
    assert table.iloc[-1].to_dict() == pytest.approx({name: card.burn_rates[name] for name in ("5m", "1h")})
    with pytest.raises(KeyError, match="nothing measures"):
        figures.burn_rate_table(one, "billing/on notify.email.bounced/availability")
    with pytest.raises(KeyError, match="there is no objective 'nobody'"):
        figures.burn_rate_table(one, "nobody")


def test_the_days_of_the_heat_end_at_the_snapshot_and_unmeasured_rows_are_empty() -> None:
    one = snapshot()
    table = figures.daily_burn_table(one, days=3)
    assert list(table.columns) == ["2026-11-18", "2026-11-19", "2026-11-20"]
    card = next(each for each in one.status.objectives if each.firing)
    assert table.loc[card.objective.id, "2026-11-20"] == pytest.approx(card.burn_rates["1d"])
    assert table.loc["billing/on notify.email.bounced/availability"].isna().all()


def test_series_stand_side_by_side_with_their_parts() -> None:
    span = TimeRange(AT_MS - 60_000, AT_MS)
    series = HandMadeEstate().series(snapshot(), "produced_offset", ["orders"], span, 15_000, "rate", by_part=True)
    table = figures.series_table(series)
    assert list(table.columns) == ["orders 0", "orders 1", "orders 2"]
    assert table.index[-1] == pd.Timestamp("2026-11-20T12:00:00Z")
    assert figures.series_table([]).shape == (0, 0)


def test_a_trace_goes_through_pandas_unchanged() -> None:
    from observatory.figures.reading_frames import spans_of

    kept = ("trace_id", "span_id", "parent_span_id", "kind", "service", "start_ns", "end_ns", "error", "links")
    before = [tuple(getattr(one, name) for name in kept) for one in spans()]
    assert [tuple(getattr(one, name) for name in kept) for one in spans_of(trace())] == before
