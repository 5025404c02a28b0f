"""What to ask a server for, and which exporters its answer shows.

Few requests, whatever the number of channels and metrics: only labels that identify something are asked for, and `le`
for buckets; a source batches what it is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from observatory.telemetry.inventory import Inventory, InventoryRequest
from observatory.telemetry.label_table import LabelTable
from observatory.telemetry.recipe import Profile, Recipe

JOB = "job"
CLUSTERS = ("cluster", "kafka_cluster", "strimzi_io_cluster", "kafka_id", "rabbitmq_cluster", "k8s_cluster_name")
"""Labels in which scrape configurations and exporters name the cluster."""
APART = (
    *CLUSTERS, "environment", "env", "deployment_environment_name", "deployment_environment", "region", "account_id",
    "project_id",
)  # fmt: skip
"""Labels of which two values mean two things of one name: another cluster, environment, region or account."""
PLACES = (JOB, *CLUSTERS)
MAX_PLACES = 20
"""Jobs or clusters of one exporter that are named; a job per service may be thousands."""


class Recognition(Struct, frozen=True, kw_only=True):
    """A profile that a source shows.

    Attributes:
        variants: Naming variants seen.
        versions: Ranges of releases that the metrics seen belong to, where a profile tells them apart.
        metrics: Series names seen.
        series: How many series stand behind those that are mapped.
        jobs, clusters: The first of those that its series name, in order.
    """

    source: str
    profile: str
    variants: tuple[str, ...]
    versions: tuple[str, ...]
    metrics: tuple[str, ...]
    series: int
    jobs: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()


def wanted(profiles: Sequence[Profile], names: frozenset[str], labels: Collection[str] = ()) -> InventoryRequest:
    """Label combinations needed to map channels, for those series names that a server has.

    Args:
        profiles: From `load_profiles`.
        names: What the server has; a name that no profile knows is not asked for.
        labels: Labels that `x-telemetry` of the catalogue names, asked for on every metric.
    """
    asked: dict[str, dict[str, None]] = {}
    placed: dict[str, None] = {}
    for profile in profiles:
        placed.update(dict.fromkeys(_typical(profile, names)))
        for recipe in profile.recipes:
            where = APART if recipe.identity.channel else ()
            for name, columns in _columns(recipe):
                if name in names:
                    asked.setdefault(name, {}).update(dict.fromkeys((*columns, *labels, *where)))
        for shown in profile.declared_values:
            if shown.metric in names:
                columns = (*shown.identity.labels, *shown.labels, *labels)
                asked.setdefault(shown.metric, {}).update(dict.fromkeys(columns))
    return InventoryRequest(
        {name: tuple(sorted(columns)) for name, columns in sorted(asked.items())}, tuple(sorted(placed)), PLACES
    )


def _typical(profile: Profile, names: frozenset[str]) -> list[str]:
    """One series name per naming variant by which jobs and clusters are told, the plainest that the server has."""
    found: dict[str, str] = {}
    for recipe in sorted(profile.recipes, key=lambda one: (one.kind == "distribution", one.identity.partition or "")):
        for name in recipe.series_names:
            if name in names:
                found.setdefault(recipe.variant, name)
    return list(found.values())


def _columns(recipe: Recipe) -> list[tuple[str, tuple[str, ...]]]:
    suffix, extra = ("_bucket", ("le",)) if recipe.kind == "distribution" else ("", ())
    own = [
        (term.metric + suffix, (*recipe.identity.labels, *(matcher.label for matcher in term.where), *extra))
        for term in recipe.all
    ]
    # Of outcomes that are metrics of their own only the presence matters; with conditions on labels of the same
    # metric nothing more is needed, for a missing outcome there means that it never happened.
    names = {name for name, _ in own}
    others = [term.metric for term in (*recipe.success, *recipe.error) if term.metric + suffix not in names]
    return own + [(metric + suffix, recipe.identity.labels) for metric in others]


def recognise_all(profiles: Sequence[Profile], inventories: Sequence[Inventory]) -> tuple[Recognition, ...]:
    """What `recognise` finds in each inventory, one after the other."""
    return tuple(seen for inventory in inventories for seen in recognise(profiles, inventory))


def recognise(profiles: Sequence[Profile], inventory: Inventory) -> tuple[Recognition, ...]:
    """Profiles whose metrics are there with the labels that they should carry, in the order of `profiles`."""
    tables = tables_of(inventory)
    found = []
    for profile in profiles:
        seen: dict[str, int] = {}
        variants: dict[str, None] = {}
        versions: dict[str, None] = {}
        for recipe in profile.recipes:
            for term, name in zip(recipe.all, recipe.series_names, strict=False):
                table = tables.get(name)
                rows = table.identified(recipe.identity, term.where) if table else ()
                if table and rows:
                    seen[name] = max(seen.get(name, 0), table.series_of(rows))
                    variants[recipe.variant] = None
                    if recipe.versions:
                        versions[recipe.versions] = None
        seen |= {name: seen.get(name, 0) for name in profile.presence if name in inventory.names}
        if profile.span_recipes and inventory.destinations:
            seen["spans"] = len(inventory.destinations)
            variants[""] = None
        if seen:
            found.append(
                Recognition(
                    source=inventory.source,
                    profile=profile.id,
                    variants=tuple(variant for variant in variants if variant),
                    versions=tuple(versions),
                    metrics=tuple(sorted(seen)),
                    series=sum(seen.values()),
                    jobs=_named(inventory, seen, (JOB,)),
                    clusters=_named(inventory, seen, CLUSTERS),
                )
            )
    return _told_apart(profiles, found)


def _told_apart(profiles: Sequence[Profile], found: Sequence[Recognition]) -> tuple[Recognition, ...]:
    """Without those of which only names are seen that others have as well, where one of the others is there."""
    shared = {profile.id: _names_shared(profile) for profile in profiles}
    own = [seen for seen in found if not shared[seen.profile].issuperset(seen.metrics)]
    taken = {name for seen in own for name in seen.metrics}
    kept = []
    for seen in found:
        if seen in own or not taken.issuperset(seen.metrics):
            kept.append(seen)
            taken.update(seen.metrics)
    return tuple(kept)


def _names_shared(profile: Profile) -> frozenset[str]:
    """Series names of a profile that other exporters use as well."""
    return frozenset(name for recipe in profile.recipes if recipe.shared for name in recipe.series_names)


def _named(inventory: Inventory, metrics: Collection[str], labels: Sequence[str]) -> tuple[str, ...]:
    """Values of labels that tell where metrics come from, the first of very many."""
    values: set[str] = set()
    for metric in metrics:
        if (placed := inventory.places.get(metric)) is not None:
            columns = [placed.labels.index(label) for label in labels if label in placed.labels]
            values |= {row[column] for row in placed.rows for column in columns if row[column]}
    return tuple(sorted(values)[:MAX_PLACES])


def tables_of(inventory: Inventory) -> dict[str, LabelTable]:
    """The inventory's label sets, ready to be searched."""
    return {name: LabelTable(label_sets) for name, label_sets in inventory.label_sets.items() if label_sets.rows}
