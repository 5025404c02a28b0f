"""Every shipped profile is proven by its own example: names, types, labels, units; none is silent on a signal."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from telemetry.exposition import inventory_of, series_of

from observatory.telemetry.discovery import recognise
from observatory.telemetry.label_table import satisfies
from observatory.telemetry.profile import load_profiles
from observatory.telemetry.recipe import Profile, Recipe
from observatory.telemetry.signals import SIGNALS

PROFILES = load_profiles()
IDS = {profile.id: profile for profile in PROFILES}
RECIPES = [
    pytest.param(recipe, id=f"{recipe.profile}-{recipe.signal}-{recipe.variant}-{recipe.place}-{recipe.identity.name}")
    for profile in PROFILES
    for recipe in profile.recipes
]
FAMILIES = {
    profile.id: {family.name: family for family in text_string_to_metric_families(profile.example)}
    for profile in PROFILES
}
NATURAL_UNITS = {
    "_seconds": "second",
    "_milliseconds": "millisecond",
    "_bytes": "byte",
}


def test_the_promised_exporters_are_there() -> None:
    assert {
        "kafka_exporter", "rabbitmq", "otel_semconv_messaging", "otel_spanmetrics", "otel_spans", "nats", "mosquitto",
        "emqx", "application_counters", "schema_registry_apicurio",
    } <= IDS.keys()  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_every_signal_is_provided_or_explained(profile: Profile) -> None:
    assert profile.signals | profile.not_provided.keys() == SIGNALS.keys()
    assert not profile.signals & profile.not_provided.keys()
    assert all(entry.why for entry in profile.not_provided.values())


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_example_holds_every_metric_with_its_type(recipe: Recipe) -> None:
    for term in (*recipe.all, *recipe.success, *recipe.error):
        family = _family(recipe.profile, term.metric)
        assert family is not None, f"{term.metric} is not in the example"
        assert family.type == recipe.type


def _family(profile: str, metric: str):  # type: ignore[no-untyped-def]
    families = FAMILIES[profile]
    for name in (metric, metric.removesuffix("_total"), metric.removesuffix("_count")):
        if name in families:
            return families[name]
    return None


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_example_has_series_with_the_labels_that_identify_and_the_conditions_that_select(recipe: Recipe) -> None:
    series = series_of(IDS[recipe.profile].example)
    suffix = "_bucket" if recipe.kind == "distribution" else ""
    for term in recipe.all:
        fitting = [
            labels
            for name, labels in series
            if name == term.metric + suffix
            and all(labels.get(part.label) for part in recipe.identity.channel if not part.optional)
            and (not suffix or labels.get("le"))
            and all(satisfies(matcher, labels.get(matcher.label, "")) for matcher in term.where)
        ]
        assert fitting, f"no series of {term.metric} fits"


@pytest.mark.parametrize(
    "recipe",
    # The conventions leave the partition to the instrumentation, so the example is without it.
    [one for one in RECIPES if one.values[0].identity.partition and one.values[0].profile != "otel_semconv_messaging"],
)
def test_the_partition_label_is_on_some_series(recipe: Recipe) -> None:
    names = {term.metric for term in recipe.all}
    assert any(
        labels.get(recipe.identity.partition or "")
        for name, labels in series_of(IDS[recipe.profile].example)
        if name in names
    )


@pytest.mark.parametrize("recipe", [one for one in RECIPES if one.values[0].kind == "distribution"])
def test_a_unit_in_the_name_is_the_unit_of_the_recipe(recipe: Recipe) -> None:
    for term in recipe.all:
        suffixes = [unit for suffix, unit in NATURAL_UNITS.items() if term.metric.endswith(suffix)]
        assert suffixes in ([], [recipe.unit])


@pytest.mark.parametrize("profile", [one for one in PROFILES if one.example], ids=lambda profile: profile.id)
def test_the_example_is_recognised_as_its_exporter(profile: Profile) -> None:
    found = recognise([profile], inventory_of(profile.example, [profile]))

    assert [seen.profile for seen in found] == [profile.id]
    assert set(found[0].variants) == {variant for variant in profile.variants if variant}


def test_exporters_are_told_apart() -> None:
    for profile in PROFILES:
        if profile.example:
            found = recognise(PROFILES, inventory_of(profile.example, PROFILES))
            assert profile.id in {seen.profile for seen in found}
            foreign = {seen.profile for seen in found} - {profile.id}
            assert not foreign, f"{profile.id} is also taken for {foreign}"


def test_rabbitmq_tells_its_generations_apart() -> None:
    acked = ("rabbitmq_channel_messages_acked_total", {"channel": "<0.1.0>", "vhost": "/", "queue": "q"})

    (seen,) = recognise(PROFILES, inventory_of([acked], PROFILES))

    assert (seen.variants, seen.versions, seen.series) == (("per-object",), ("3.8 - 3.13",), 1)


def test_opentelemetry_names_are_told_apart_by_their_translation() -> None:
    sent = ("messaging.client.sent.messages", {"messaging.destination.name": "orders.v1"})

    (seen,) = recognise(PROFILES, inventory_of([sent], PROFILES))

    assert (seen.profile, seen.variants) == ("otel_semconv_messaging", ("utf8",))
