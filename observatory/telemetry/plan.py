"""What one recipe means on one source, worked out once for all subjects."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct, field

from observatory.spec.catalog import NameKind
from observatory.telemetry.binding import Liveness, Matcher
from observatory.telemetry.dead_letters import DeadLetters, Names
from observatory.telemetry.discovery import APART
from observatory.telemetry.label_matchers import transformed
from observatory.telemetry.label_table import LabelTable, TableNames
from observatory.telemetry.recipe import ChannelLabel, Identity, MetricTerm, Recipe, Spelling
from observatory.telemetry.signals import SIGNALS

Tables = Mapping[str, LabelTable]


class ShownLabel(Struct, frozen=True):
    """A label that shows the channel, and what each table has in it.

    Attributes:
        spellings: Those of the label; equal ones of one source are one object, so that a name is spelled once.
        anything: Some table has the label.
        bare: The label holds the name and nothing else, unchanged and with no text around it.
        one_of: Whether it must hold one name of these kinds as it is, and never several joined; filled when asked.
    """

    label: ChannelLabel
    spellings: tuple[Spelling, ...]
    names: dict[str, TableNames]
    anything: bool
    bare: bool
    one_of: dict[tuple[NameKind, ...], bool] = field(default_factory=dict)

    def holds_one_name(self, kinds: tuple[NameKind, ...]) -> bool:
        """Whether it must hold one name of these kinds as it is, and never several joined."""
        known = self.one_of.get(kinds)
        if known is None:
            known = self.one_of[kinds] = _holds_one_name(self.label, kinds)
        return known


class Plan(Struct, frozen=True, eq=False):
    """A recipe against the tables of a source.

    Attributes:
        tables: Those of the recipe's series names that the source has.
        labels: What the tables show in the labels of the identity.
        own: Conditions that leave out another exporter's series of the same names.
        where: Per table the constant conditions of its term, `own` among them.
        allowed: Per table the rows that satisfy the constant conditions; None stands for all.
        there: Terms whose metric the source has.
        success, error: The terms of a side, none where the source lacks one of their metrics.
        per_consumer: The signal belongs to one consumer.
        same: Equal for plans that find the same rows for the same subject; None where that is not known.
        anybody: The numbers are those of a whole broker or registry, the same for every channel.
        clusters: Labels of the tables that name more than one cluster, environment, region or account.
        single: The only term that is counted, where there is one and it has no conditions of its own.
        reasons: Why a binding of it is in use, in words.
    """

    recipe: Recipe
    tables: Tables
    labels: tuple[ShownLabel, ...]
    own: tuple[Matcher, ...]
    where: dict[str, tuple[Matcher, ...]]
    allowed: dict[str, frozenset[int] | None]
    there: tuple[MetricTerm, ...]
    success: tuple[MetricTerm, ...]
    error: tuple[MetricTerm, ...]
    per_consumer: bool
    same: int | None
    anybody: bool
    clusters: tuple[str, ...]
    single: MetricTerm | None
    reasons: dict[Liveness, str]

    @property
    def hopeful(self) -> bool:
        """Whether the series carry the labels without which they are nobody's."""
        return all(shown.anything or shown.label.optional for shown in self.labels)


class Planning:
    """Makes the plans of one source.

    Args:
        known: Every table of the source; None where nothing is known of it.
    """

    def __init__(self, known: Tables | None) -> None:
        self._known = known
        self._several: dict[str, tuple[str, ...]] = {}
        self._same: dict[tuple[object, ...], int] = {}
        self._spellings: dict[tuple[Spelling, ...], tuple[Spelling, ...]] = {}

    def plan(self, recipe: Recipe) -> Plan:
        """What a recipe means here."""
        known, identity = self._known, recipe.identity
        tables = {name: known[name] for name in recipe.series_names if name in known} if known is not None else {}
        own = _without_foreign(identity, tables)
        where = {name: (*_where(recipe, name), *own) for name in tables}
        suffix = "_bucket" if recipe.kind == "distribution" else ""
        scope = SIGNALS[recipe.signal].scope
        finds = (identity, scope == "consumer", *where.items(), recipe.profile if where else "")

        def there(term: MetricTerm) -> bool:
            return known is None or term.metric + suffix in known

        return Plan(
            recipe=recipe,
            tables=tables,
            labels=tuple([self._shown(label, tables) for label in identity.channel]),
            own=own,
            where=where,
            allowed={name: table.satisfying(where[name]) for name, table in tables.items()},
            there=tuple(filter(there, recipe.all)),
            success=recipe.success if all(map(there, recipe.success)) else (),
            error=recipe.error if all(map(there, recipe.error)) else (),
            per_consumer=scope == "consumer",
            same=None if identity.dead_letter else self._same.setdefault(finds, len(self._same)),
            anybody=not (identity.channel or identity.consumer_group or identity.services)
            and scope in ("broker", "registry"),
            clusters=self._clusters(tables) if identity.channel else (),
            single=recipe.all[0] if len(recipe.all) == 1 and not recipe.all[0].where else None,
            reasons=_reasons(recipe),
        )

    def _clusters(self, tables: Tables) -> tuple[str, ...]:
        for name, table in tables.items():
            if name not in self._several:
                self._several[name] = table.several(APART)
        return tuple(dict.fromkeys(label for name in tables for label in self._several[name]))

    def _shown(self, label: ChannelLabel, tables: Tables) -> ShownLabel:
        names = {name: table.names(label) for name, table in tables.items()}
        return ShownLabel(
            label=label,
            spellings=self._spellings.setdefault(label.spellings, label.spellings),
            names=names,
            anything=any(one.values for one in names.values()),
            bare=label.is_plain and label.templates == ("{}",),
        )


def _where(recipe: Recipe, name: str) -> tuple[Matcher, ...]:
    """The constant conditions of the term behind a series name."""
    return next(term.where for term, series in zip(recipe.all, recipe.series_names, strict=False) if series == name)


def _without_foreign(identity: Identity, tables: Tables) -> tuple[Matcher, ...]:
    """Conditions that leave out series of another exporter with the same names, where there are some."""
    return tuple(
        Matcher(label, ("",))
        for label in identity.absent
        if any(table.values(table.all_satisfying(()), label) not in ((), ("",)) for table in tables.values())
    )


def _reasons(recipe: Recipe) -> dict[Liveness, str]:
    called = f"{recipe.profile} ({recipe.variant})" if recipe.variant else recipe.profile
    switch = f"; {recipe.switch}" if recipe.switch else ""
    return {"live": f"live by {called}", "missing": f"{called} has no such series{switch}", "unknown": called}


# Dead letters: most channels have none, and a look at what a source shows says so at once.


def hides_letters(plan: Plan, letters: DeadLetters) -> bool:
    """Whether labels surely show none of the conventional names."""
    kinds, stems = (*letters.kinds, *letters.place), letters.stems
    for shown in plan.labels:
        transforms = shown.label.transforms
        if shown.holds_one_name(kinds) and not any(
            names.have_letters_of(stems, transforms) for names in shown.names.values()
        ):
            return True
    return False


def _holds_one_name(label: ChannelLabel, kinds: Collection[NameKind]) -> bool:
    if label.of_template or label.optional:
        return False
    known = [[kind in kinds for kind in spelling.kinds] for spelling in label.spellings]
    return [True] in known and all(sum(of_spelling) < 2 for of_spelling in known)


def shows_names(plan: Plan, names: Names) -> bool | None:
    """Whether every label that has to shows one of the names; None where a label has no word for them.

    What is written of several names is taken to be shown.
    """
    for shown in plan.labels:
        label = shown.label
        if label.optional:
            continue
        known: list[NameKind] = []
        for spelling in label.spellings:
            kinds = spelling.kinds
            if len(kinds) > 1 and sum(kind in names for kind in kinds) > 1:
                return True
            known += [kind for kind in kinds if kind in names and len(kinds) == 1]
        if not known:
            return None
        texts = {text for kind in known for name in names[kind] for text in transformed(name.value, label.transforms)}
        if not any(one.shows(texts) for one in shown.names.values()):
            return False
    return True
