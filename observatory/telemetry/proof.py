"""Proof of a profile by its example: every metric is in it, with its type, its labels and its unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.errors import Problem
from observatory.location import Location
from observatory.telemetry.label_table import satisfies
from observatory.telemetry.recipe import MetricTerm, Profile, Recipe

UNIT_SUFFIXES = {"_seconds": "second", "_milliseconds": "millisecond", "_bytes": "byte"}


def prove(
    profile: Profile, series: Sequence[tuple[str, Mapping[str, str]]], types: Mapping[str, str]
) -> tuple[Problem, ...]:
    """What the example does not prove, each a `profile-example-invalid`; nothing when it proves the profile.

    Args:
        series: Name and labels of every series in the example.
        types: The TYPE lines, by the name that stands there.
    """
    by_name: dict[str, list[Mapping[str, str]]] = {}
    for name, labels in series:
        by_name.setdefault(name, []).append(labels)
    found: dict[str, Location | None] = {
        f"presence: the example has no series {name}": profile.location
        for name in profile.presence
        if name not in by_name
    }
    for recipe in profile.recipes:
        for term in (*recipe.all, *recipe.success, *recipe.error):
            at = profile.places.get(recipe.signal, profile.location)
            found |= dict.fromkeys(_faults(recipe, term, by_name, types), at)
    for setting in profile.declared_values:
        rows = by_name.get(setting.metric, [])
        needed = [label.label for label in setting.identity.channel if not label.optional]
        lacking = [label for label in (*needed, *setting.labels) if not any(row.get(label) for row in rows)]
        if not rows:
            found.setdefault(f"declared_values: the example has no series {setting.metric}", profile.location)
        elif lacking:
            text = f"declared_values: no series of {setting.metric} has the labels {', '.join(lacking)}"
            found.setdefault(text, profile.location)
    return tuple(Problem(code="profile-example-invalid", message=text, location=at) for text, at in found.items())


def _faults(
    recipe: Recipe, term: MetricTerm, by_name: Mapping[str, list[Mapping[str, str]]], types: Mapping[str, str]
) -> list[str]:
    name = term.metric + ("_bucket" if recipe.kind == "distribution" else "")
    rows = by_name.get(name)
    where = f"{recipe.signal}{f' ({recipe.variant})' if recipe.variant else ''}"
    if not rows:
        return [f"{where}: the example has no series {name}"]
    faults = []
    shown = next((types[one] for one in _families(term.metric) if one in types), "unknown")
    shown = "unknown" if shown == "untyped" else shown
    # An outcome that is a metric of its own may be a counter beside the count of a histogram.
    counted = term not in recipe.all and recipe.type in ("histogram", "summary") and recipe.kind == "cumulative"
    # One example cannot show both types of a metric that an option of the exporter changes.
    if shown != recipe.type and not (counted and shown == "counter") and not recipe.typed:
        faults.append(f"{where}: {term.metric} is a {shown} in the example and a {recipe.type} in the recipe")
    needed = [part.label for part in recipe.identity.channel if not part.optional]
    needed += [recipe.identity.consumer_group] if recipe.identity.consumer_group and not needed else []
    fitting = [labels for labels in rows if all(labels.get(label) for label in needed)]
    if not fitting:
        faults.append(f"{where}: no series of {name} has the labels {', '.join(needed)}")
    # Outcomes may be absent from an honest example: an exporter that has not failed yet shows no failures.
    elif term in recipe.all and not any(
        all(satisfies(matcher, labels.get(matcher.label, "")) for matcher in term.where) for labels in fitting
    ):
        faults.append(f"{where}: no series of {name} satisfies the conditions of the recipe")
    for suffix, unit in UNIT_SUFFIXES.items():
        if recipe.kind == "distribution" and term.metric.endswith(suffix) and recipe.unit != unit:
            faults.append(f"{where}: {term.metric} is in {unit}s by its name and in {recipe.unit}s in the recipe")
    return faults


def _families(metric: str) -> tuple[str, ...]:
    """Names that a metric's TYPE line may stand under."""
    return (metric, metric.removesuffix("_total"), metric.removesuffix("_count"), metric.removesuffix("_sum"))
