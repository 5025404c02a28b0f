"""`observatory profiles`: the exporters that are known, what each one measures, and whether a file is right."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct

from observatory.cli import console, options
from observatory.errors import ExitCode, InputInvalid, UsageError, in_order

if TYPE_CHECKING:
    from observatory.errors import Problem
    from observatory.location import Location
    from observatory.telemetry.profile import Draft
    from observatory.telemetry.recipe import Profile, Recipe

HOUR_MS = 3_600_000
MANY = 5
"""Signals of one reason that are listed one by one; more share a line."""
profiles_app = typer.Typer(no_args_is_help=True, help="Telemetry profiles: what each exporter measures.")
Id = Annotated[str, typer.Argument(help="Id of a profile, as `profiles list` shows it.")]
File = Annotated[Path, typer.Argument(help="A profile of your own.")]
Against = Annotated[
    str | None, typer.Option("--against", help="URL of a Prometheus-compatible server to try the profile on.")
]


@profiles_app.command("list")
@console.command
def list_profiles(config: options.Config = None, json: options.Json = False) -> None:
    """Every exporter that is known, your own included."""
    found = _loaded(config)
    if json:
        console.answer_json({"schema": "observatory.profiles/1", "profiles": [_head_json(one) for one in found]})
        return
    width = max(len(one.id) for one in found)
    for one in found:
        protocols = ", ".join(one.protocols) or "any protocol"
        words = (one.title, one.versions, protocols, _measures(one))
        console.answer(f"{one.id:<{width}}  {'; '.join(word for word in words if word)}")


@profiles_app.command("show")
@console.command
def show_profile(name: Id, config: options.Config = None, json: options.Json = False) -> None:
    """What one exporter measures, by which series, how surely, and what it does not measure and why."""
    found = {name: one for one in _loaded(config) for name in (one.id, *one.also)}
    if name not in found:
        near = get_close_matches(name, found, 1)
        raise UsageError(
            f"no profile is called {name!r}; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(found)}")
        )
    if json:
        console.answer_json({"schema": "observatory.profile/1", **_profile_json(found[name])})
    else:
        console.answer("\n".join(_profile_text(found[name])))


@profiles_app.command("template")
@console.command
def print_template() -> None:
    """A profile to begin with, every part of the format explained: observatory profiles template > mine.yaml."""
    from observatory.telemetry.profile import TEMPLATE
    from observatory.telemetry.signals import SIGNALS

    console.answer(TEMPLATE.read_text(encoding="utf-8").rstrip("\n"))
    console.answer(
        "\n# The vocabulary: every word that may stand under `signals` or `not_provided`, its unit and whose it is."
    )
    width = max(map(len, SIGNALS))
    for name, signal in SIGNALS.items():
        console.answer(f"# {name:<{width}}  {signal.meaning} ({signal.unit}, {signal.scope})")


@profiles_app.command("check")
@console.command
def check_profile(
    file: File,
    against: Against = None,
    config: options.Config = None,
    header: options.Header = None,
    at: options.At = None,
    json: options.Json = False,
) -> None:
    """Check a profile: its format, its example, and with --against what a server really has."""
    from observatory.telemetry.profile import draft_of

    draft = draft_of(file)
    problems = [*draft.problems, *_unproven(draft)]
    if problems:
        raise InputInvalid(in_order(problems))
    profile = draft.profile
    replaced, taken = _overlaps(profile, file)
    seen = _tried(profile, against, config, header or [], at) if against else None
    if json:
        answer = {"schema": "observatory.profile-check/1", **_head_json(profile), "replaces": replaced, "taken": taken}
        counts = seen and {signal: {one.metric: one.series for one in rows if one.series} for signal, rows in seen}
        console.answer_json(answer | {"series": counts and dict(counts), "differences": _differences(seen or [])})
    else:
        console.answer(f"{profile.id}: {_measures(profile)}, proven by the example")
        if replaced:
            console.answer(f"  it takes the place of the shipped profile {replaced}")
        if taken:
            console.answer(f"  {', '.join(taken)}: a shipped profile goes by it, and keeps the name")
        for signal, rows in seen or ():
            there = ", ".join(f"{one.metric} ({one.series} series)" for one in rows if one.series)
            console.answer(f"  {signal}: {there or 'not there'}")
        for words in _differences(seen or []):
            console.answer(f"  {words}")
    if seen is not None and not any(one.series for _, rows in seen for one in rows):
        console.say(f"{against} has none of its series")
        console.finish(ExitCode.GATE_FAILED)


def _measures(profile: Profile) -> str:
    """How many signals a profile measures, in words."""
    if not profile.signals:
        return "no signal"
    return f"{len(profile.signals)} signal{'' if len(profile.signals) == 1 else 's'}"


def _overlaps(profile: Profile, file: Path) -> tuple[str | None, list[str]]:
    """The shipped profile that this one would replace, and its other names that a shipped one keeps."""
    from observatory.telemetry.profile import SHIPPED, load_profiles

    shipped = {one.id for one in load_profiles()}
    if file.resolve().parent == SHIPPED.resolve():
        return None, []
    return (profile.id if profile.id in shipped else None), [name for name in profile.also if name in shipped]


def _loaded(config: Path | None) -> tuple[Profile, ...]:
    from observatory.settings import load_settings
    from observatory.telemetry.profile import load_profiles

    return load_profiles(load_settings(config, os.environ).profiles_dir)


def _example(profile: Profile) -> tuple[list[tuple[str, dict[str, str]]], dict[str, str]]:
    """Series and TYPE lines of the example."""
    from observatory.sources.openmetrics import read

    try:
        read_text = read(profile.example, default_ms=0)
    except InputInvalid as error:
        raise InputInvalid([_in_the_file(one, profile.places.get("example")) for one in error.problems]) from None
    series = [
        (labels["__name__"], {name: value for name, value in labels.items() if name != "__name__"})
        for labels in read_text.samples.labels
    ]
    return series, {name.strip('"'): metadata.type for name, metadata in read_text.metadata.items()}


def _unproven(draft: Draft) -> list[Problem]:
    """What is wrong with the example, or what it does not prove of the parts that are right."""
    from observatory.telemetry.proof import prove

    try:
        example = _example(draft.profile)
    except InputInvalid as error:
        return list(error.problems)
    return list(prove(draft.provable, *example))


def _in_the_file(problem: Problem, first: Location | None) -> Problem:
    """A fault in a line of the example, as one in the file that holds it."""
    from msgspec.structs import replace

    if first is None or problem.location is None:
        return problem
    if first.length:  # the text stands in one line of the file
        message = f"line {problem.location.line} of the example: {problem.message}"
        return replace(problem, location=first, message=message)
    return replace(problem, location=replace(first, line=first.line + problem.location.line - 1))


class _OnServer(Struct, frozen=True):
    """One metric of a signal as a server has it.

    Attributes:
        series: How many carry the labels that the profile needs, and satisfy its conditions.
        every: How many there are.
        lacking: Labels that none of them carries.
        types: What the server and the profile say of its TYPE, where they differ.
    """

    metric: str
    series: int
    every: int
    lacking: tuple[str, ...]
    types: tuple[str, str] | None


def _differences(seen: Sequence[tuple[str, Sequence[_OnServer]]]) -> list[str]:
    """In words why series that are there do not count, and where the server tells another type."""
    words: dict[str, None] = {}
    for signal, rows in seen:
        for one in rows:
            if one.every and not one.series:
                why = f"carries {', '.join(one.lacking)}" if one.lacking else "satisfies the conditions of the recipe"
                words[f"{signal}: {one.metric} is there ({one.every} series), and none {why}"] = None
            if one.types:
                words[f"{signal}: {one.metric} is a {one.types[0]} there and a {one.types[1]} in the profile"] = None
    return list(words)


def _tried(
    profile: Profile, url: str, config: Path | None, headers: list[str], at: str | None
) -> list[tuple[str, list[_OnServer]]]:
    """Per signal its metrics as a server has them."""
    from msgspec.structs import replace

    from observatory.settings import load_settings
    from observatory.sources.opening import open_sources
    from observatory.telemetry.discovery import tables_of, wanted
    from observatory.windows import TimeRange

    settings = replace(load_settings(config, os.environ, prometheus_url=url, headers=headers), store=None)
    at_ms = options.instant(at, time.time_ns() // 1_000_000)
    span = TimeRange(at_ms - HOUR_MS, at_ms)
    with open_sources(settings) as sources:
        (server,) = sources.metrics
        inventory = server.inventory(wanted([profile], server.metric_names(span)), span)
    console.report(inventory.problems)
    tables = tables_of(inventory)
    found: dict[str, list[_OnServer]] = {recipe.signal: [] for recipe in profile.recipes}
    for recipe in profile.recipes:
        for term, name in zip(recipe.all, recipe.series_names, strict=False):
            if (table := tables.get(name)) is None:
                continue
            every = table.all_satisfying(())
            needed = [label.label for label in recipe.identity.channel if not label.optional]
            told = inventory.metadata.get(term.metric)
            differs = told is not None and not recipe.typed and told.type not in ("unknown", recipe.type)
            one = _OnServer(
                metric=name,
                series=table.series_of(table.identified(recipe.identity, term.where)),
                every=table.series_of(every),
                lacking=tuple(label for label in needed if not any(table.values(every, label))),
                types=(told.type, recipe.type) if told is not None and differs else None,
            )
            found[recipe.signal].append(one)
    return list(found.items())


def _head_json(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "title": profile.title,
        "also": list(profile.also),
        "category": profile.category,
        "versions": profile.versions,
        "protocols": list(profile.protocols),
        "confidence": profile.confidence,
        "variants": [variant for variant in profile.variants if variant],
        "signals": sorted(profile.signals),
    }


def _profile_json(profile: Profile) -> dict[str, Any]:
    return {
        **_head_json(profile),
        "recipes": [
            {
                "signal": recipe.signal,
                "variant": recipe.variant or None,
                "metrics": [term.metric for term in recipe.all],
                "kind": recipe.kind,
                "period_seconds": recipe.period_ms / 1000 if recipe.period_ms else None,
                "type": recipe.type,
                "unit": recipe.unit,
                "labels": list(recipe.identity.labels),
                "proxy": recipe.proxy,
                "versions": recipe.versions or None,
                "confidence": recipe.confidence,
                "caveats": list(recipe.caveats),
            }
            for recipe in profile.recipes
        ]
        + [
            {"signal": recipe.signal, "spans": recipe.role, "caveats": list(recipe.caveats)}
            for recipe in profile.span_recipes
        ],
        "not_provided": {
            signal: {"why": entry.why, "switch": entry.switch or None} for signal, entry in profile.not_provided.items()
        },
        "caveats": list(profile.caveats),
        "example": profile.example,
    }


def _profile_text(profile: Profile) -> Iterator[str]:
    from observatory.telemetry.profile import SHIPPED
    from observatory.telemetry.recipe import CONFIDENCE_WORDS

    yield f"{profile.id}: {profile.title}"
    if profile.location is not None and Path(profile.location.path).parent != SHIPPED:
        yield f"your own: {profile.location.path}"
    if profile.also:
        yield f"also: {', '.join(profile.also)}"
    yield f"versions: {profile.versions or 'not said'}; protocols: {', '.join(profile.protocols) or 'any'}"
    yield f"names: {CONFIDENCE_WORDS[profile.confidence]}"
    if any(profile.variants):
        yield f"variants: {', '.join(profile.variants)}"
    yield from (f"note: {caveat}" for caveat in profile.caveats)
    yield from (f"to switch on: {switch}" for switch in dict.fromkeys(one.switch for one in profile.recipes) if switch)
    yield ""
    for signal in dict.fromkeys(recipe.signal for recipe in profile.recipes):
        yield signal
        yield from dict.fromkeys(_recipe_text(recipe, profile) for recipe in profile.recipes_for(signal))
    for span_recipe in profile.span_recipes:
        yield f"{span_recipe.signal}\n  spans of the {span_recipe.role}"
    yield "\nnot measured"
    reasons: dict[str, list[str]] = {}
    for signal, entry in profile.not_provided.items():
        reasons.setdefault(str(entry), []).append(signal)
    for reason, signals in sorted(reasons.items(), key=lambda one: len(one[1]) > MANY):
        if len(signals) > MANY:
            yield f"  {', '.join(signals)}:\n    {reason}"
        else:
            yield from (f"  {signal}: {reason}" for signal in signals)


def _recipe_text(recipe: Recipe, profile: Profile) -> str:
    """One recipe; of naming variants only the first is shown in full, for the others differ in names alone."""
    from observatory.telemetry.recipe import CONFIDENCE_WORDS
    from observatory.units import compact_duration

    metrics = " ".join(f"{'-' if term.sign < 0 else '+'}{term.metric}" for term in recipe.all).removeprefix("+")
    kind = f"{recipe.kind} of {compact_duration(recipe.period_ms / 1000)}" if recipe.period_ms else recipe.kind
    about = [kind, recipe.unit, f"by {', '.join(recipe.identity.labels)}" if recipe.identity.labels else ""]
    about += [_outcome_text(recipe), "stands in" if recipe.proxy else "", recipe.versions]
    about += [CONFIDENCE_WORDS[recipe.confidence] if recipe.confidence != profile.confidence else "", *recipe.caveats]
    return f"  {metrics} ({'; '.join(part for part in about if part)})"


def _outcome_text(recipe: Recipe) -> str:
    """How failures are told: by metrics of their own, or by labels."""
    own = [term.metric for term in recipe.error if term.metric not in {one.metric for one in recipe.all}]
    if own:
        return f"errors by {' '.join(own)}"
    labels = dict.fromkeys(matcher.label for term in recipe.error or recipe.success for matcher in term.where)
    constant = {matcher.label for term in recipe.all for matcher in term.where}
    told = [label for label in labels if label not in constant]
    return f"outcome by {', '.join(told)}" if told else ""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(profiles_app, name="profiles")
