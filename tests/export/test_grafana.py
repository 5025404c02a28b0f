"""Grafana dashboards: the shipped pages, queries that mean what their panels say, and checks that find mistakes."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from measured_cases import BINDINGS, TOPIC, objective
from msgspec.structs import replace

from observatory.compile.names import SLI_GOOD
from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.export.grafana import GrafanaFiles, grafana_files, uid_of
from observatory.export.grafana_check import UNITS, faults, units_in
from observatory.export.grafana_queries import RECORDED, Filters, fixed, metric_names
from observatory.export.grafana_signals import MOST_QUERIES, Asked, metrics_of, signal_query
from observatory.objectives.objective import Objective
from observatory.spec.catalog import Threshold
from observatory.telemetry.binding import MappingResult, Matcher, MetricBinding, Resolution, SeriesSelector, Term
from observatory.web.load import load_pages, shipped_folder
from observatory.web.panels import KINDS

PAGES = load_pages([shipped_folder()], KINDS)
OBJECTIVES = (
    objective(),
    objective("latency", threshold=Threshold(value=0.5, unit="second")),
    objective(role="producer"),
)
ALL = {f"${name}": ".*" for name in ("domain", "owner", "channel", "consumer_group", "criticality")}


def mapped(objectives: tuple[Objective, ...] = OBJECTIVES, *without: str) -> MappingResult:
    """Every hand-made binding on every operation and channel of the objectives, except some signals."""
    subjects = {key for one in objectives for key in (one.operation_key, one.channel_id)}
    found = {
        (key, signal): Resolution(signal=signal, chosen=binding)
        for key in sorted(subjects)
        for signal, binding in BINDINGS.items()
        if signal not in without
    }
    return MappingResult(found)


def exported(pages: tuple[PageDeclaration, ...] = PAGES, mapping: MappingResult | None = None) -> GrafanaFiles:
    return grafana_files(pages, OBJECTIVES, mapping or mapped(), observatory_url="https://observatory.example")


def dashboard(page: str = "on-call", files: GrafanaFiles | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files or exported()).files[f"{page}.grafana.json"])
    return found


def panel(found: dict[str, Any], title: str) -> dict[str, Any]:
    return next(one for one in found["panels"] if one["title"] == title)


def expressions(found: dict[str, Any]) -> Iterator[str]:
    return (target["expr"] for one in found["panels"] for target in one.get("targets", []))


def asked_of(*panels: PanelDeclaration) -> tuple[PageDeclaration, ...]:
    return (PageDeclaration(id="team", title="Team", path="/team", panels=panels),)


def lines(signals: list[str], statistic: str) -> PanelDeclaration:
    return PanelDeclaration(
        id="lines", kind="lines", title="Lines", options={"signals": signals, "statistic": statistic}
    )


def test_the_shipped_pages_are_as_reviewed(golden: Callable[[str, str], None]) -> None:
    files = exported().files
    pages = ("channel", "debug", "executive", "group", "journey", "map", "on-call")
    assert list(files) == [f"{page}.grafana.json" for page in pages]
    for name, text in files.items():
        golden(text, f"grafana/{name}")


def test_the_same_input_in_another_order_gives_the_same_bytes() -> None:
    shuffled = grafana_files(
        PAGES[::-1], OBJECTIVES[::-1], mapped(OBJECTIVES[::-1]), observatory_url="https://observatory.example"
    )
    assert shuffled.files == exported().files


def test_no_panel_of_a_page_is_left_out_and_ids_and_places_are_their_own() -> None:
    for page in PAGES:
        found = dashboard(page.id)
        titles = [one["title"] for one in found["panels"]]
        assert all(one.title in titles for one in page.panels if one.kind != "kpis")
        assert [one["id"] for one in found["panels"]] == list(range(1, len(titles) + 1))
        assert faults(found, RECORDED | metrics_of(mapped())) == ()


def test_every_expression_names_only_what_rules_record_or_a_binding_provides() -> None:
    provided = {
        term.selector.metric + end
        for one in BINDINGS.values()
        for term in (*one.all, *one.error)
        for end in ("", "_bucket", "_count")
    }
    recorded = {f"slo:{name}" for name in ("sli_good:increase5m", "sli_total:increase5m", "objective:ratio")}
    recorded |= {"slo:error_budget_remaining:ratio", "slo:sli_error:ratio_increase1h", "ALERTS", "ALERTS_FOR_STATE"}
    named = {name for page in PAGES for text in expressions(dashboard(page.id)) for name in metric_names(text)}
    assert named <= provided | recorded
    assert named & provided
    assert recorded <= named


def test_data_source_filters_and_the_way_back_are_variables() -> None:
    variables = {one["name"]: one for one in dashboard()["templating"]["list"]}
    assert list(variables) == [
        "datasource", "domain", "owner", "channel", "consumer_group", "criticality", "observatory",
    ]  # fmt: skip
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["owner"]["query"] == 'label_values(slo:objective:ratio{domain=~"$domain"}, owner)'
    assert variables["channel"]["allValue"] == ".*"
    assert variables["observatory"]["query"] == "https://observatory.example"
    links = [one["url"] for one in dashboard()["links"] if one["type"] == "link"]
    assert links == ["${observatory}/on-call?from=${__from:date:iso}&to=${__to:date:iso}"]
    causes = panel(dashboard(), "Probable causes")
    assert causes["type"] == "text"
    assert (
        "(${observatory}/on-call?from=${__from:date:iso}&to=${__to:date:iso}#panel-causes)"
        in (causes["options"]["content"])
    )


def test_a_page_about_one_channel_has_that_variable_with_one_value() -> None:
    found = dashboard("channel")
    first = found["templating"]["list"][1]
    assert (first["name"], first["multi"], first["includeAll"]) == ("channel", False, False)
    assert all('channel=~"$channel"' not in text for text in expressions(found))
    assert any('topic="$channel"' in text for text in expressions(found))


def test_channels_that_an_exporter_knows_by_their_address_share_one_query() -> None:
    text = panel(dashboard("debug"), "Waiting messages")["targets"][0]["expr"]
    assert text.startswith(
        'topk(5, label_replace(label_replace(sum by (topic, consumergroup) ((group_lag{topic=~"$channel",'
        'consumergroup=~"$consumer_group"} >= 0)), "consumer_group", "$1", "consumergroup", "(.*)"), '
        '"channel", "$1", "topic", "(.*)") and on (channel, consumer_group) slo:objective:ratio{'
    )


def test_a_panel_that_nothing_measures_says_so_and_stays() -> None:
    found = dashboard("debug", exported(mapping=mapped(OBJECTIVES, "consumer_lag", "queue_depth")))
    waiting = panel(found, "Waiting messages")
    assert waiting["type"] == "text"
    assert waiting["options"]["content"].startswith(
        "No series measure consumer_lag or queue_ready or queue_depth; `observatory map` tells what to switch on."
    )


@pytest.mark.parametrize("address", ["a$channel", "${observatory}", "[[domain]]", 'q"\\', "x\ny", "naïve.😀"])
def test_names_with_the_signs_of_grafana_and_promql_stay_names(address: str) -> None:
    other = Matcher("topic", (f"{address}-renamed",))
    queue = replace(BINDINGS["queue_depth"], all=(Term(1, SeriesSelector("queue_messages", (other,))),))
    one = objective(role="producer", address=address)
    mapping = MappingResult({(one.channel_id, "queue_depth"): Resolution(signal="queue_depth", chosen=queue)})
    files = grafana_files(
        asked_of(lines(["queue_depth"], "level")), [one], mapping, observatory_url="https://o.example"
    )
    (text,) = expressions(dashboard("team", files))
    assert metric_names(text) == {"queue_messages", "slo:objective:ratio"}
    assert "[[" not in text
    assert text.count("$") == 5


def test_a_dollar_sign_is_written_so_that_promql_reads_it_and_grafana_does_not() -> None:
    assert fixed('a{b="$c[[d]]"}') == 'a{b="\\x24c[\\x5bd]]"}'


def test_more_renamed_channels_than_a_query_holds_are_counted_and_said() -> None:
    many = [objective(role="producer", address=f"channel-{number:03}") for number in range(MOST_QUERIES + 3)]
    found = {}
    for number, one in enumerate(many):
        chosen = SeriesSelector("queue_messages", (Matcher("queue", (f"q{number}",)),))
        binding = replace(BINDINGS["queue_depth"], all=(Term(1, chosen),))
        found[one.channel_id, "queue_depth"] = Resolution(signal="queue_depth", chosen=binding)
    page = asked_of(lines(["queue_depth"], "level"))
    made = grafana_files(page, many, MappingResult(found), observatory_url="https://o.example")
    assert [(one.code, one.severity, one.subject) for one in made.problems] == [
        ("grafana-left-out", "warning", "team/lines")
    ]
    assert made.problems[0].message.startswith("panel 'lines' of page 'team' goes without 3 channels: at most 40 ")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("cumulative", 'sum by (topic) (rate(some{topic=~"$channel"}[$__rate_interval]))'),
        ("position", 'sum by (topic) (clamp_min(deriv(some{topic=~"$channel"}[$__rate_interval]), 0))'),
        ("rising_level", 'sum by (topic) (clamp_min(deriv(some{topic=~"$channel"}[$__rate_interval]), 0))'),
        ("rate", 'sum by (topic) (some{topic=~"$channel"})'),
        ("period_total", 'sum by (topic) (some{topic=~"$channel"} / 60)'),
    ],
)
def test_each_semantic_kind_has_its_own_rate(kind: Any, said: str) -> None:
    chosen = SeriesSelector("some", (TOPIC,), period_ms=60_000)
    binding = MetricBinding(signal="published_messages", source="m", profile="p", kind=kind, all=(Term(1, chosen),))
    one = objective(role="producer")
    mapping = MappingResult({(one.operation_key, binding.signal): Resolution(signal=binding.signal, chosen=binding)})
    query = signal_query(Asked(binding.signal, "rate"), [one], mapping, Filters(), 5)
    assert query is not None
    assert query.expr.startswith(f'topk(5, label_replace({said}, "channel", "$1", "topic", "(.*)") and on (channel) ')


def test_every_page_has_a_uid_of_its_own_that_grafana_takes() -> None:
    uids = [json.loads(text)["uid"] for text in exported().files.values()]
    assert len(set(uids)) == len(uids) == len(PAGES)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", uid) for uid in uids)


def test_every_source_is_the_variable_and_every_unit_one_that_grafana_knows() -> None:
    for page in PAGES:
        found = dashboard(page.id)
        asked = [one for one in found["panels"] if one["type"] != "text"]
        sources = [one["datasource"]["uid"] for each in asked for one in (each, *each["targets"])]
        assert set(sources) == ({"${datasource}"} if asked else set())
        units = {unit for one in asked for unit in units_in(one["fieldConfig"])}
        assert units <= UNITS


@pytest.mark.parametrize("show", ["burn_rate", "ratio", "budget"])
def test_an_indicator_reads_what_the_rules_record(show: str, tmp_path: Path) -> None:
    options = {"indicator": "latency", "show": show, "limit": 1}
    panels = asked_of(PanelDeclaration(id="sli", kind="indicator", title="SLI", options=options))
    (text,) = expressions(dashboard("team", exported(panels)))
    assert metric_names(text) <= RECORDED
    own, other = (OWN.format(slo=slo, channel=slo, domain="pay").replace("availability", "latency") for slo in "ab")
    said = promtool_finds(
        tmp_path,
        {
            f"slo:objective:ratio{{{own}}}": "0.75+0x120",
            f"slo:objective:ratio{{{other}}}": "0.75+0x120",
            f"slo:sli_error:ratio_increase1h{{{own}}}": "0.5+0x120",
            f"slo:sli_error:ratio_increase1h{{{other}}}": "0.125+0x120",
            f"slo:error_budget_remaining:ratio{{{own}}}": "-0.5+0x120",
            f"slo:error_budget_remaining:ratio{{{other}}}": "0.5+0x120",
        },
        [(f"max by (slo) ({text})", [('{slo="a"}', {"burn_rate": 2.0, "ratio": 0.5, "budget": -0.5}[show])])],
    )
    assert said == "SUCCESS"


def test_the_uid_of_a_page_is_stable_and_short_enough() -> None:
    assert uid_of("on-call") == "observatory-on-call"
    long = uid_of("a" * 60)
    assert len(long) == 40
    assert long != uid_of("a" * 59)


def planted(path: str, value: object) -> dict[str, Any]:
    found = copy.deepcopy(dashboard())
    node: Any = found
    *way, last = path.split(".")
    for step in way:
        node = node[int(step)] if isinstance(node, list) else node[step]
    node[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("title", 5, "$.title: 5 is not of type 'string'"),
        ("uid", "on call", "$.uid: 'on call' does not match"),
        ("panels.1.id", 1, "two panels have the id 1"),
        ("panels.1.gridPos.y", 0, "panels 1 and 2 overlap"),
        ("panels.1.gridPos.w", 24, "panels 2 and 3 overlap"),
        ("panels.1.gridPos.x", 12, "panel 2: it reaches beyond the 24 columns"),
        ("panels.4.fieldConfig.defaults.unit", "parsecs", "panel 5: 'parsecs' is no known unit"),
        ("panels.4.fieldConfig.defaults.unit", ["s"], "panel 5: ['s'] is no known unit"),
        ("panels.0.datasource.uid", "prod", "$.panels[0].datasource.uid: '${datasource}' was expected"),
        ("panels.0.targets.0.expr", "up", "panel 1: nothing records 'up'"),
        ("panels.0.targets.0.expr", "sum(", "panel 1: sum( is no PromQL"),
        ("panels.1.targets.1.refId", "A", "panel 2: two queries have the same refId"),
        ("panels.0.description", "of $team", "no variable is called 'team'"),
    ],
)
def test_the_checks_find_what_grafana_would_take_in_silence(path: str, value: object, said: str) -> None:
    found = faults(planted(path, value), RECORDED | metrics_of(mapped()))
    assert any(one.startswith(said) for one in found), found


LABELS = 'document="d",channel="{channel}",consumer_group="g",sli="availability"'
OWN = 'slo="{slo}",sli="availability",channel="{channel}",consumer_group="g",document="d",domain="{domain}"'


def promtool_finds(tmp_path: Path, series: dict[str, str], expected: list[tuple[str, list[tuple[str, float]]]]) -> str:
    """What promtool says to these values two hours in, with every filter at `All`: SUCCESS, or each that differs."""
    tests = []
    for expr, samples in expected:
        text = expr.replace("$__range", "1h").replace("$__rate_interval", "5m")
        for variable, value in ALL.items():
            text = text.replace(f'"{variable}"', f'"{value}"')
        found = [{"labels": labels, "value": value} for labels, value in samples]
        tests.append({"expr": text, "eval_time": "2h", "exp_samples": found})
    input_series = [{"series": name, "values": values} for name, values in series.items()]
    group = {"interval": "1m", "input_series": input_series, "promql_expr_test": tests}
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [group]}), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return "SUCCESS" if done.returncode == 0 and "SUCCESS" in done.stdout else done.stdout + done.stderr


def test_prometheus_reads_from_records_what_panels_promise(tmp_path: Path) -> None:
    orders, mails = OWN.format(slo="a", channel="orders", domain="pay"), OWN.format(slo="b", channel="m", domain="post")
    alert = f'alertname="SLOBurnRate",severity="page",{orders}'
    filters = Filters()
    said = promtool_finds(
        tmp_path,
        {
            f"slo:objective:ratio{{{orders}}}": "0.75+0x120",
            f"slo:objective:ratio{{{mails}}}": "0.5+0x120",
            f"slo:error_budget_remaining:ratio{{{orders}}}": "-0.5+0x120",
            f"slo:error_budget_remaining:ratio{{{mails}}}": "0.75+0x120",
            f"slo:sli_error:ratio_increase1h{{{orders}}}": "0.5+0x120",
            f"slo:sli_error:ratio_increase1h{{{mails}}}": "0.25+0x120",
            f"{SLI_GOOD}{{{LABELS.format(channel='orders')}}}": "90+0x120",
            f"slo:sli_total:increase5m{{{LABELS.format(channel='orders')}}}": "100+0x120",
            f"{SLI_GOOD}{{{LABELS.format(channel='m')}}}": "30+0x120",
            f"slo:sli_total:increase5m{{{LABELS.format(channel='m')}}}": "100+0x120",
            f'ALERTS{{alertstate="firing",{alert}}}': "_x110 1+0x10",
            f"ALERTS_FOR_STATE{{{alert}}}": "_x110 6600+0x10",
        },
        [
            (filters.availability, [("{}", 0.6)]),
            (filters.availability_by_domain, [('{domain="pay"}', 0.9), ('{domain="post"}', 0.3)]),
            (filters.spent, [("{}", 1)]),
            (filters.burning, [("{}", 1)]),
            (filters.worst_budget_by_domain(1), [('{domain="pay"}', -0.5)]),
            (f"max by (slo) ({filters.burn})", [('{slo="a"}', 2.0), ('{slo="b"}', 0.5)]),
            (f"max by (slo) ({filters.burning_since})", [('{slo="a"}', 6_600_000)]),
            (filters.paging_seconds(5), [('{document="d",channel="orders"}', 660)]),
            (Filters(critical=True).objective, []),
        ],
    )
    assert said == "SUCCESS"


def test_without_records_no_number_is_made_up(tmp_path: Path) -> None:
    filters = Filters()
    texts = (filters.availability, filters.availability_by_domain, filters.spent, filters.burning, filters.decisions)
    said = promtool_finds(tmp_path, {"other": "1+0x120"}, [(text, []) for text in texts])
    assert said == "SUCCESS"


def test_prometheus_reads_from_an_exporter_what_the_panel_promises(tmp_path: Path) -> None:
    consumer = objective()
    query = signal_query(Asked("consumer_lag", "level"), [consumer], mapped((consumer,)), Filters(), 5)
    assert query is not None
    lag = 'topic="{topic}",consumergroup="{group}",partition="{partition}"'
    said = promtool_finds(
        tmp_path,
        {
            f"group_lag{{{lag.format(topic='orders', group='billing', partition=0)}}}": "3+0x120",
            f"group_lag{{{lag.format(topic='orders', group='billing', partition=1)}}}": "4+0x120",
            f"group_lag{{{lag.format(topic='orders', group='billing', partition=2)}}}": "-1+0x120",
            f"group_lag{{{lag.format(topic='orders', group='stranger', partition=0)}}}": "50+0x120",
            'slo:objective:ratio{slo="a",channel="orders",consumer_group="billing"}': "0.75+0x120",
        },
        [(f"sum by (channel, consumer_group) ({query.expr})", [('{channel="orders",consumer_group="billing"}', 7)])],
    )
    assert said == "SUCCESS"


def test_a_latency_without_messages_is_no_number(tmp_path: Path) -> None:
    consumer = objective()
    query = signal_query(Asked("process_duration", "p99"), [consumer], mapped((consumer,)), Filters(), 5)
    assert query is not None
    bucket = 'handling_seconds_bucket{{topic="orders",consumergroup="{group}",le="{bound}"}}'
    quiet = {bucket.format(group="billing", bound=bound): "600+0x120" for bound in ("0.5", "1", "+Inf")}
    busy = {bucket.format(group="billing", bound=bound): f"0+{rate}x120" for bound, rate in (("0.5", 0), ("1", 60))}
    busy[bucket.format(group="billing", bound="+Inf")] = "0+60x120"
    known = {'slo:objective:ratio{slo="a",channel="orders",consumer_group="billing"}': "0.75+0x120"}
    text = f"round(max by (channel, consumer_group) ({query.expr}), 0.001)"
    assert promtool_finds(tmp_path, quiet | known, [(text, [])]) == "SUCCESS"
    line = '{channel="orders",consumer_group="billing"}'
    assert promtool_finds(tmp_path, busy | known, [(text, [(line, 0.995)])]) == "SUCCESS"
