"""What a profile file may say, and what is said of one that may not: every fault at once, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.telemetry.binding import Matcher
from observatory.telemetry.otel_names import TRANSLATIONS
from observatory.telemetry.profile import load_profile, load_profiles
from observatory.telemetry.proof import prove
from observatory.telemetry.signals import SIGNALS

SILENT = "".join(
    f"  {signal}: not here\n" for signal in SIGNALS if signal not in ("consumer_lag", "processed_messages")
)
GOOD = f"""\
profile: mine
title: My exporter
category: exporter
versions: "1.0"
protocols: [kafka]
rank: 3
confidence: live
variants:
  new: {{prefix: mine_}}
  old: {{prefix: my_}}
identities:
  group: {{channel: {{topic: {{names: [topic], transforms: [none, dots-to-underscores]}}}}, consumer_group: group}}
signals:
  consumer_lag: {{metric: "{{prefix}}lag", type: gauge, by: group}}
  processed_messages:
    metric: "{{prefix}}done_total"
    type: counter
    by: group
    where: {{kind: [a, b], ghost: {{not: "yes"}}, zone: {{matches: "eu-.*"}}}}
    outcome: {{success: {{result: ok}}, error: {{result: {{not: ok}}}}}}
not_provided:
{SILENT}example: |
  # TYPE mine_lag gauge
  mine_lag{{topic="a",group="g"}} 1
  # TYPE my_lag gauge
  my_lag{{topic="a",group="g"}} 1
  # TYPE mine_done_total counter
  mine_done_total{{topic="a",group="g",kind="a",zone="eu-1",result="ok"}} 1
  # TYPE my_done_total counter
  my_done_total{{topic="a",group="g",kind="b",zone="eu-1",result="ok"}} 1
"""


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def faults(folder: Path, text: str) -> list[tuple[str, str]]:
    """Code and place of each fault, the place as line:column."""
    with pytest.raises(InputInvalid) as caught:
        load_profile(write(folder, text))
    return [(one.code, str(one.location).split("mine.yaml:")[1]) for one in caught.value.problems]


def place_of(text: str, part: str) -> str:
    before = text[: text.index(part)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_a_profile_is_read_with_its_variants(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, GOOD))

    assert [recipe.all[0].metric for recipe in profile.recipes] == [
        "mine_lag",
        "my_lag",
        "mine_done_total",
        "my_done_total",
    ]
    assert [recipe.variant for recipe in profile.recipes_for("consumer_lag")] == ["new", "old"]
    assert (profile.rank, profile.confidence, profile.speaks("kafka"), profile.speaks("nats")) == (
        3,
        "live",
        True,
        False,
    )


def test_conditions_may_be_values_lists_negations_and_patterns(tmp_path: Path) -> None:
    (recipe, _) = load_profile(write(tmp_path, GOOD)).recipes_for("processed_messages")

    constant = (
        Matcher("kind", ("a", "b")),
        Matcher("ghost", ("yes",), negated=True),
        Matcher("zone", pattern="eu-.*"),
    )
    assert recipe.all[0].where == constant
    assert recipe.success[0].where == (*constant, Matcher("result", ("ok",)))
    assert recipe.error[0].where == (*constant, Matcher("result", ("ok",), negated=True))


@pytest.mark.parametrize(
    ("old", "new", "code", "part"),
    [
        ("rank: 3", "ranck: 3", "profile-key-unknown", "ranck"),
        ("category: exporter", "category: exporters", "profile-value-invalid", "exporters"),
        ("  consumer_lag:", "  lag:", "profile-signal-unknown", "lag:"),
        ("type: gauge, by", "type: gauge, unit: second, by", "profile-unit-mismatch", "second"),
        ("type: gauge, by", "type: gauge, kind: cumulative, by", "profile-value-invalid", "cumulative"),
        ("type: gauge, by", "type: gauge, kind: idle_level, by", "profile-value-invalid", "idle_level"),
        ("by: group}", "by: groups}", "profile-value-invalid", "groups}"),
        ('matches: "eu-.*"', 'matches: "eu-("', "profile-value-invalid", '"eu-("'),
        ('"{prefix}lag"', '"{prefx}lag"', "profile-value-invalid", '"{prefx}lag"'),
        ("protocols: [kafka]", "protocols: [kafkaa]", "profile-value-invalid", "kafkaa"),
        ("profile: mine", "profile: my own", "profile-value-invalid", "my own"),
        ("rank: 3", "rank: .inf", "profile-value-invalid", ".inf"),
        ("names: [topic]", "names: []", "profile-value-invalid", "[], transforms"),
        ("names: [topic]", "templates: [orders], names: [topic]", "profile-value-invalid", "orders]"),
        ("transforms: [none, dots-to-underscores]", "transforms: none", "profile-value-invalid", "none}"),
        ("by: group}", "by: group, variants: [older]}", "profile-value-invalid", "[older]"),
        ("by: group}", "by: group, part: total}", "profile-value-invalid", "total}"),
        ('ghost: {not: "yes"}', "ghost: {}", "profile-value-invalid", "{}, zone"),
        ('ghost: {not: "yes"}', "ghost: {not: a, matches: b}", "profile-value-invalid", "{not: a, matches: b}"),
        ('matches: "eu-.*"', 'matches: "(?!us).*"', "profile-value-invalid", '"(?!us).*"'),
        ('matches: "eu-.*"', 'matches: "(a)\\\\1"', "profile-value-invalid", '"(a)\\\\1"'),
        ("example: |", "declared_values: {metric: x}\nexample: |", "profile-value-invalid", "{metric: x}"),
        ("example: |", "example_spans: 7\nexample: |", "profile-value-invalid", "7\n"),
        ("rank: 3", "rank: 3\nrank: 4", "key-duplicate", "rank: 4"),
        ("  produced_offset: not here\n", "  produced_offset: {switch: on}\n", "profile-value-invalid", "{switch: on}"),
        ("  produced_offset: not here\n", "", "profile-signal-undeclared", "not_provided"),
        (
            "  produced_offset: not here\n",
            "  produced_offset: not here\n  consumer_lag: no\n",
            "profile-signal-undeclared",
            "consumer_lag: no",
        ),
    ],
)  # fmt: skip
def test_a_fault_has_its_code_and_its_place(tmp_path: Path, old: str, new: str, code: str, part: str) -> None:
    text = GOOD.replace(old, new, 1)
    found = faults(tmp_path, text)

    assert any(one == code and place == place_of(text, part) for one, place in found), found


def test_a_word_for_the_others_speaks_for_every_signal_that_is_not_named(tmp_path: Path) -> None:
    before, after = GOOD.split("not_provided:")[0], GOOD[GOOD.index("example:") :]
    few = "not_provided:\n  produced_offset: no\n  others: {why: not here, switch: x}\n"

    found = load_profile(write(tmp_path, before + few + after)).not_provided

    assert found.keys() == SIGNALS.keys() - {"consumer_lag", "processed_messages"}
    assert (str(found["produced_offset"]), str(found["oldest_offset"])) == ("no", "not here; x")


def test_only_a_registry_must_speak_of_registries(tmp_path: Path) -> None:
    lines = [line for line in GOOD.splitlines(keepends=True) if not line.startswith("  registry_")]
    silent = "".join(lines)

    assert str(load_profile(write(tmp_path, silent)).not_provided["registry_requests"]) == "another process"
    registry = silent.replace("category: exporter", "category: registry")
    assert {code for code, _ in faults(tmp_path, registry)} == {"profile-signal-undeclared"}


def test_all_faults_are_found_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("rank: 3", "ranck: 3").replace("type: gauge, by", "type: gauge, unit: second, by")

    assert {code for code, _ in faults(tmp_path, text)} == {"profile-key-unknown", "profile-unit-mismatch"}


def test_a_recipe_by_an_identity_that_is_not_there_is_read_to_its_end(tmp_path: Path) -> None:
    found = faults(tmp_path, GOOD.replace("type: gauge, by: group}", "type: guage, by: groups, unit: parsec}"))

    assert [code for code, _ in found] == ["profile-value-invalid", "profile-value-invalid", "profile-unit-mismatch"]


def test_protocols_are_those_of_the_catalogue_however_documents_spell_them(tmp_path: Path) -> None:
    text = GOOD.replace("protocols: [kafka]", "protocols: [Kafka-Secure, kafka, our-own-bus]")

    assert load_profile(write(tmp_path, text)).protocols == ("kafka", "our-own-bus")


def test_the_first_place_is_a_place(tmp_path: Path) -> None:
    assert load_profile(write(tmp_path, GOOD.replace("rank: 3", "rank: 0"))).rank == 0


def test_an_identity_of_another_protocol_than_its_profile_is_a_fault(tmp_path: Path) -> None:
    text = GOOD.replace("consumer_group: group}", "consumer_group: group, protocols: [amqps]}")

    assert faults(tmp_path, text) == [("profile-value-invalid", place_of(text, "[amqps]"))]


def test_a_profile_that_measures_nothing_is_a_fault_and_one_that_shows_a_presence_is_not(tmp_path: Path) -> None:
    bare = "profile: bare\nnot_provided: {others: nothing}\n"

    assert faults(tmp_path, bare) == [("profile-value-invalid", "1:1")]
    assert load_profile(write(tmp_path, bare + "presence: [bare_up]\nexample: bare_up 1\n")).presence == ("bare_up",)


def test_what_is_no_mapping_is_one_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, "- profile: mine\n") == [("profile-value-invalid", "1:1")]
    assert [code for code, _ in faults(tmp_path, GOOD.replace("  consumer_lag: {metric", "  consumer_lag: 7 #"))] == [
        "profile-value-invalid"
    ]


def test_settings_that_an_example_does_not_show_are_not_proven(tmp_path: Path) -> None:
    values = "declared_values:\n  - {metric: mine_info, labels: {retention: kafka.topicConfiguration.retention.ms}}\n"
    profile = load_profile(write(tmp_path, GOOD.replace("example: |", values + "example: |")))

    def words(*series: dict[str, str]) -> list[str]:
        found = prove(profile, [("mine_info", labels) for labels in series], {})
        return [one.message for one in found if "declared_values" in one.message]

    assert words() == ["declared_values: the example has no series mine_info"]
    assert words({"topic": "a"}) == ["declared_values: no series of mine_info has the labels retention"]
    assert words({"topic": "a", "retention": "1"}) == []


def test_an_empty_file_is_no_profile(tmp_path: Path) -> None:
    assert {code for code, _ in faults(tmp_path, "")} == {"document-empty"}


def test_a_list_is_no_profile(tmp_path: Path) -> None:
    assert "profile-value-invalid" in {code for code, _ in faults(tmp_path, "- profile: mine\n")}


def test_a_profile_of_the_team_joins_and_replaces(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("profile: mine", "profile: kafka_exporter"), "replacement.yaml")

    found = {profile.id: profile for profile in load_profiles(tmp_path)}

    assert found["mine"].title == "My exporter"
    assert found["kafka_exporter"].title == "My exporter"
    assert len(found) == len(load_profiles()) + 1


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "other.yaml")

    with pytest.raises(InputInvalid) as caught:
        load_profiles(tmp_path)

    assert [problem.code for problem in caught.value.problems] == ["profile-duplicate"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid) as caught:
        load_profiles(tmp_path / "nowhere")

    assert [problem.code for problem in caught.value.problems] == ["profile-folder-missing"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  mine_lag{", "  mine_lagg{", "the example has no series mine_lag"),
        ("# TYPE mine_lag gauge", "# TYPE mine_lag counter", "mine_lag is a counter in the example and a gauge"),
        ('mine_lag{topic="a",', "mine_lag{", "no series of mine_lag has the labels topic"),
        ('kind="a",zone="eu-1"', 'kind="a",zone="us-1"', "no series of mine_done_total satisfies the conditions"),
    ],
)
def test_an_example_that_does_not_prove_the_profile_says_what_is_missing(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    from telemetry.exposition import series_of, types_of

    profile = load_profile(write(tmp_path, GOOD.replace(old, new, 1)))

    found = prove(profile, series_of(profile.example), types_of(profile.example))

    assert [message in problem.message for problem in found] == [True]


@pytest.mark.parametrize(
    ("name", "unit", "kind", "names"),
    [
        (
            "messaging.client.sent.messages", "{message}", "counter",
            ("messaging_client_sent_messages_total", "messaging_client_sent_messages",
             "messaging.client.sent.messages_total", "messaging.client.sent.messages"),
        ),
        (
            "messaging.process.duration", "s", "histogram",
            ("messaging_process_duration_seconds", "messaging_process_duration",
             "messaging.process.duration_seconds", "messaging.process.duration"),
        ),
        ("queue.fill", "1", "gauge", ("queue_fill_ratio", "queue_fill", "queue.fill_ratio", "queue.fill")),
        ("share", "1", "histogram", ("share", "share", "share", "share")),
        ("sent", "1", "counter", ("sent_total", "sent", "sent_total", "sent")),
        (
            "disk.io.bytes", "By/s", "gauge",
            ("disk_io_bytes_per_second", "disk_io_bytes", "disk.io.bytes_per_second", "disk.io.bytes"),
        ),
        ("total.seconds.spent", "s", "counter",
         ("seconds_spent_total", "total_seconds_spent", "total.seconds.spent_seconds_total", "total.seconds.spent")),
        ("2xx", "", "counter", ("_2xx_total", "_2xx", "2xx_total", "2xx")),
    ],
)  # fmt: skip
def test_opentelemetry_names_are_translated_in_four_ways(
    name: str, unit: str, kind: str, names: tuple[str, ...]
) -> None:
    found = tuple(one.metric(name, unit, counter=kind == "counter", gauge=kind == "gauge") for one in TRANSLATIONS)
    assert found == names


def test_a_unit_per_nothing_that_can_be_written_adds_nothing() -> None:
    assert TRANSLATIONS[0].metric("depth", "By//", counter=False) == "depth_bytes"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("messaging.destination.name", "messaging_destination_name"),
        ("a..b", "a_b"),
        ("1st", "key_1st"),
        ("_private", "key_private"),
        ("__name__", "key_name_"),
    ],
)
def test_attributes_become_labels_that_prometheus_accepts(name: str, label: str) -> None:
    assert TRANSLATIONS[0].label(name) == label


TOTAL = GOOD.replace("by: group\n    where", "by: group\n    kind: period_total\n    period: 5m\n    where")


def test_totals_of_periods_say_how_long_the_periods_are(tmp_path: Path) -> None:
    (recipe, _) = load_profile(write(tmp_path, TOTAL)).recipes_for("processed_messages")
    assert (recipe.kind, recipe.period_ms) == ("period_total", 300_000)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("    period: 5m\n", "", "signals.processed_messages needs a period, such as 5m"),
        ("period: 5m", "period: 5", "'5' is not a duration; write a number and a unit, such as 500ms, 60s or 30d"),
        ("period: 5m", "period: 90s", "a period is whole minutes, not 90s"),
        ("kind: period_total", "kind: rate", "signals.processed_messages has no period: it is read as rate"),
    ],
)
def test_a_period_that_is_missing_or_of_no_use_is_a_fault(tmp_path: Path, before: str, after: str, words: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        load_profile(write(tmp_path, TOTAL.replace(before, after)))
    assert [problem.message for problem in caught.value.problems] == [words]


def test_what_shows_the_presence_of_an_exporter_is_in_its_example(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, GOOD.replace("rank: 3", "rank: 3\npresence: [mine_up, mine_lag]")))
    series = [("mine_lag", {"topic": "a", "group": "g"})]

    messages = [problem.message for problem in prove(profile, series, {"mine_lag": "gauge"})]
    assert messages[0] == "presence: the example has no series mine_up"
