"""One recipe for one subject on one source: the binding it makes, whether it is live, and how well it fits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from observatory.spec.catalog import NameKind
from observatory.telemetry.binding import Binding, Matcher, MetricBinding, SeriesSelector, Term
from observatory.telemetry.dead_letters import MAIN_KINDS, Names
from observatory.telemetry.label_matchers import (
    boundaries,
    drop,
    expected_matcher,
    keep,
    names_service,
    observed_matcher,
    rows_named,
    transformed,
)
from observatory.telemetry.label_table import LabelTable, TableNames, intersect
from observatory.telemetry.names_alike import NamesAlike
from observatory.telemetry.recipe import ChannelLabel, Identity, MetricTerm, NameTransform, Recipe
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.subject import Subject, WrittenName, written

Tables = Mapping[str, LabelTable]
_Shown = tuple[tuple[NameTransform, ...], list[TableNames]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A binding, or why there is none.

    Attributes:
        coarseness: 0 when the series are the subject's own, more when they hold others' messages too.
        code, reason: Why the binding cannot be used, where `binding` is None.
    """

    binding: Binding | None
    coarseness: int = 0
    proxy: bool = False
    code: str | None = None
    reason: str = ""


_NO_DEAD_LETTERS = Candidate(
    binding=None,
    code="dead-letter-unknown",
    reason="no dead-letter channel is declared, and none with a usual name is there",
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a recipe means on one source, worked out once for all subjects.

    Attributes:
        tables: Those of the recipe's series names that the source has.
        own: Conditions that leave out another exporter's series of the same names.
        where: Per table the constant conditions of its term, `own` among them.
        allowed: Per table the rows that satisfy the constant conditions; None stands for all.
        there: Terms whose metric the source has.
        success, error: The terms of a side, none where the source lacks one of their metrics.
        alike: The same for recipes that would look for the same labels, where the source has none of their series.
        anybody: The numbers are those of a whole broker or registry, the same for every channel.
    """

    tables: dict[str, LabelTable]
    own: tuple[Matcher, ...]
    where: dict[str, tuple[Matcher, ...]]
    allowed: dict[str, frozenset[int] | None]
    there: tuple[MetricTerm, ...]
    success: tuple[MetricTerm, ...]
    error: tuple[MetricTerm, ...]
    alike: tuple[int, bool] | None
    anybody: bool


@dataclass(slots=True)
class _Found:
    """Matchers and rows while they are narrowed."""

    matchers: list[Matcher]
    rows: dict[str, tuple[int, ...]]
    notes: list[str]
    caveats: list[str]
    coarseness: int = 0
    discovered: str | None = None
    taken_for: tuple[str, ...] = ()


class Matching:
    """Recipes against the tables of one source; without tables nothing is known to be live or missing.

    Attributes:
        identifying: Labels that identify something in any profile; an `x-telemetry` label among these replaces a
            name where a recipe has that label, and is ignored elsewhere.
        services: Every service of the catalogue, to tell another service's series from unlabelled ones.
        alike: Names of the catalogue that exporters write alike.
    """

    def __init__(
        self,
        source: str,
        tables: Tables | None,
        identifying: frozenset[str],
        services: frozenset[str],
        alike: NamesAlike | None = None,
    ) -> None:
        self.source = source
        self.tables = tables
        self.identifying = identifying
        self.services = services
        self.alike = alike or NamesAlike({})
        self._plans: dict[int, tuple[Recipe, _Plan]] = {}
        self._anybody: dict[int, Candidate] = {}
        self._letter_names: dict[tuple[int, tuple[NameKind, ...]], list[_Shown]] = {}
        self._letters: tuple[Subject | None, dict[tuple[NameTransform, ...], frozenset[str]]] = None, {}
        self._identities: dict[Identity, int] = {}
        self._expected: tuple[Subject | None, dict[tuple[int, bool], _Found | Candidate | None]] = None, {}

    def candidate(self, recipe: Recipe, subject: Subject) -> Candidate | None:
        """The recipe's binding for a subject; None when the subject has no name of the kind it needs."""
        identity = recipe.identity
        if not identity.dead_letter:
            return self._with_names(recipe, subject, subject.names)
        letters = subject.dead_letters
        conventional = not letters.declared and self.tables is not None
        if conventional and letters.called and self._hides_letters(recipe, subject):
            return _NO_DEAD_LETTERS
        best: Candidate | None = None
        for value, provenance in letters.called:
            names = letters.names(value, provenance)
            if conventional and not (shown := self._shows(recipe, names)):
                best = best or (_NO_DEAD_LETTERS if shown is not None else None)
                continue
            found = self._with_names(recipe, subject, names)
            if found and found.binding and found.binding.liveness == "live":
                return found
            best = best or found
        return _NO_DEAD_LETTERS if best and conventional else best

    def _hides_letters(self, recipe: Recipe, subject: Subject) -> bool:
        """Whether plain labels surely show none of the conventional names; most channels have no dead letters."""
        if self._letters[0] is not subject:
            self._letters = subject, {}
        written_as = self._letters[1]
        letters = subject.dead_letters
        kinds = ((letters.kind, "destination") if letters.kind != "destination" else MAIN_KINDS) + tuple(letters.place)
        known = self._letter_names.get((id(recipe), kinds))
        if known is None:
            known = self._letter_names[id(recipe), kinds] = self._labels_of_letters(recipe, kinds)
        for transforms, of_label in known:
            if transforms not in written_as:
                written_as[transforms] = frozenset(
                    text for value, _ in letters.called for text in transformed(value, transforms)
                )
            if not any(names.shows(written_as[transforms]) for names in of_label):
                return True
        return False

    def _labels_of_letters(self, recipe: Recipe, kinds: Collection[NameKind]) -> list[_Shown]:
        """What tables show in each label that must hold a dead-letter name as it is; labels that join names are not
        among them."""
        found: list[_Shown] = []
        for label in recipe.identity.channel:
            single = [
                spelling for spelling in label.spellings if len(spelling.kinds) == 1 and spelling.kinds[0] in kinds
            ]
            joined = any(sum(kind in kinds for kind in spelling.kinds) > 1 for spelling in label.spellings)
            if not (label.of_template or label.optional or joined) and single:
                tables = self._plan(recipe).tables.values()
                found.append((label.transforms, [table.names(label) for table in tables]))
        return found

    def consumer_groups(self, recipe: Recipe, subject: Subject) -> frozenset[str]:
        """Groups that the recipe's series show on the subject's channel; none where the series name it loosely."""
        label = recipe.identity.consumer_group
        if label is None or not recipe.identity.channel or recipe.identity.dead_letter:
            return frozenset()
        plan = self._plan(recipe)
        tables, allowed = plan.tables, plan.allowed
        found = _Found([], {}, [], [])
        for part in recipe.identity.channel:
            if not self._narrow_to_channel(part, recipe.identity, subject, subject.names, tables, allowed, found):
                return frozenset()
            allowed = {name: frozenset(rows) for name, rows in found.rows.items()}
        self._add_override_labels(subject, tables, found)
        if found.coarseness:
            return frozenset()
        groups = {group for name, rows in found.rows.items() if rows for group in tables[name].values(rows, label)}
        return frozenset(groups - {""})

    def _with_names(self, recipe: Recipe, subject: Subject, names: Names) -> Candidate | None:
        plan = self._plan(recipe)
        if plan.anybody and not subject.labels:
            if (held := self._anybody.get(id(recipe))) is not None:
                return held
            found = self._found(recipe, plan, subject, names)
            assert isinstance(found, _Found)
            same = Candidate(binding=self._binding(recipe, plan, found), proxy=recipe.proxy)
            self._anybody[id(recipe)] = same
            return same
        if plan.alike is None or names is not subject.names:
            found = self._found(recipe, plan, subject, names)
        else:
            if self._expected[0] is not subject:
                self._expected = subject, {}
            known = self._expected[1]
            if plan.alike not in known:
                known[plan.alike] = self._found(recipe, plan, subject, names)
            found = known[plan.alike]
        if not isinstance(found, _Found):
            return found
        return Candidate(binding=self._binding(recipe, plan, found), coarseness=found.coarseness, proxy=recipe.proxy)

    def _found(self, recipe: Recipe, plan: _Plan, subject: Subject, names: Names) -> _Found | Candidate | None:
        """Conditions and rows of the subject; of a source without such series only what they would be."""
        identity = recipe.identity
        tables, allowed = plan.tables, plan.allowed
        found = _Found([*plan.own], {}, [], [])
        if not identity.channel:
            found.rows = {name: table.all_satisfying(plan.where[name]) for name, table in tables.items()}
        for label in identity.channel:
            if not self._narrow_to_channel(label, identity, subject, names, tables, allowed, found):
                return None
            allowed = {name: frozenset(rows) for name, rows in found.rows.items()}
        if found.taken_for:
            alike = _listed(set(found.taken_for))
            return Candidate(
                binding=None,
                code="name-ambiguous",
                reason=f"{recipe.profile} writes this name like that of {alike}, so nobody knows whose series they are",
            )
        if identity.consumer_group and subject.role == "consumer":
            problem = self._narrow_to_group(identity, subject, tables, found)
            if problem:
                return problem
        elif identity.consumer_group and subject.role == "channel":
            return None
        elif identity.services and subject.role != "channel" and not identity.channel:
            self._whole_service(identity, subject, tables, found)
        elif identity.services and subject.role != "channel":
            self._narrow_to_service(identity, subject, tables, found)
        elif subject.role == "consumer" and _is_per_consumer(recipe) and not identity.queue_is_consumer:
            if not subject.sole:
                found.caveats.append("all consumers of the channel together")
            found.coarseness += 2 if not subject.sole else 0
        if identity.dead_letter:
            found.notes.append(f"dead letters go to {_called(names)}, {next(iter(names.values()))[0].provenance}")
        self._add_override_labels(subject, tables, found)
        return found

    def _plan(self, recipe: Recipe) -> _Plan:
        held = self._plans.get(id(recipe))
        if held is not None:
            return held[1]
        known = self.tables
        tables = {name: known[name] for name in recipe.series_names if name in known} if known is not None else {}
        own = _without_foreign(recipe.identity, tables)
        where = {name: (*_where(recipe, name), *own) for name in tables}
        suffix = "_bucket" if recipe.kind == "distribution" else ""

        def there(term: MetricTerm) -> bool:
            return known is None or term.metric + suffix in known

        success, error = (side if all(map(there, side)) else () for side in (recipe.success, recipe.error))
        plan = _Plan(
            tables,
            own,
            where,
            {name: table.satisfying(where[name]) for name, table in tables.items()},
            tuple(filter(there, recipe.all)),
            success,
            error,
            None
            if tables or recipe.identity.dead_letter
            else (self._identities.setdefault(recipe.identity, len(self._identities)), _is_per_consumer(recipe)),
            not (recipe.identity.channel or recipe.identity.consumer_group or recipe.identity.services)
            and SIGNALS[recipe.signal].scope in ("broker", "registry"),
        )
        self._plans[id(recipe)] = recipe, plan  # the recipe is held, so that its id stays its own
        return plan

    def _shows(self, recipe: Recipe, names: Names) -> bool | None:
        """Whether every label that has to shows one of the names; None where a label has no word for them.

        What is written of several names is taken to be shown.
        """
        tables = self._plan(recipe).tables
        for label in recipe.identity.channel:
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
            texts = {
                text for kind in known for name in names[kind] for text in transformed(name.value, label.transforms)
            }
            if not any(one.shows(texts) for table in tables.values() for one in (table.names(label),)):
                return False
        return True

    def _narrow_to_channel(
        self,
        label: ChannelLabel,
        identity: Identity,
        subject: Subject,
        names: Names,
        tables: Mapping[str, LabelTable],
        allowed: Mapping[str, frozenset[int] | None],
        found: _Found,
    ) -> bool:
        """Keep allowed rows that show the channel in this label; False when the subject has no such name."""
        given = subject.labels.get(label.label)
        if given is not None and not identity.dead_letter:
            options: tuple[WrittenName, ...] = (WrittenName(given),)
        else:
            options = subject.written(label.spellings) if names is subject.names else written(label.spellings, names)
        if not options:
            seen = {value for name, rows in found.rows.items() for value in tables[name].values(rows, label.label)}
            if len(seen) > 1:
                found.caveats.append(f"counted over every {label.label}: {_listed(seen)}")
            return label.optional and bool(found.matchers)
        for loose in (False, True):
            chosen = [option for option in options if option.loose is loose]
            if not chosen:
                continue
            hits = {name: rows_named(table, label, chosen) for name, table in tables.items()}
            kept = {name: intersect(rows, allowed[name]) for name, rows in hits.items()}
            if any(kept.values()):
                told = self.alike.rewriting(label, chosen, tables)
                found.taken_for += told.taken_for
                found.caveats += told.caveats
                found.matchers.append(observed_matcher(label, chosen, kept, tables))
                found.rows = kept
                if loose:
                    found.coarseness += 1
                    found.caveats.append(f"{label.label} names {chosen[0].text} only, so other channels may be counted")
                return True
        found.rows = dict.fromkeys(tables, ())
        strict = [option for option in options if not option.loose] or list(options)
        found.matchers.append(expected_matcher(label, strict))
        return True

    def _narrow_to_group(
        self, identity: Identity, subject: Subject, tables: Mapping[str, LabelTable], found: _Found
    ) -> Candidate | None:
        label = identity.consumer_group
        assert label is not None
        wanted = subject.labels.get(label) or subject.consumer_group
        groups = {
            group for name, rows in found.rows.items() for group in tables[name].values(rows, label) if rows and group
        }
        if wanted:
            kept = keep(found.rows, tables, label, frozenset({wanted}))
            unlabelled = keep(found.rows, tables, label, frozenset({""}))
            if not any(found.rows.values()) and any(wanted == name.value for name in subject.names.get("queue", ())):
                # A queue's name stands for its consumers, and clients do not call that a consumer group.
                return None
            if any(kept.values()) or not any(unlabelled.values()):
                if groups and not any(kept.values()):
                    found.notes.append(f"groups seen: {_listed(groups)}")
                found.rows = kept
                found.matchers.append(Matcher(label, (wanted,)))
                return None
            found.rows = unlabelled
            found.matchers.append(Matcher(label, ("",)))
            self._narrow_to_service(identity, subject, tables, found)
            return None
        if identity.services and self._narrow_to_service(identity, subject, tables, found, only_if_named=True):
            return None
        # Where series name no channel, the only group may be that of any other channel.
        if len(groups) == 1 and identity.channel:
            group = next(iter(groups))
            found.rows = keep(found.rows, tables, label, frozenset({group}))
            found.matchers.append(Matcher(label, (group,)))
            found.notes.append(f"consumer group {group} discovered: the only one in {label}, no document names it")
            found.discovered = group
            return None
        if len(groups) > 1:
            return Candidate(
                binding=None,
                code="consumer-group-unknown",
                reason=f"the documents do not say which consumer group it is; seen: {_listed(groups)}",
            )
        if not identity.channel and self.tables is not None:
            return Candidate(
                binding=None,
                code="consumer-group-unknown",
                reason="the documents do not say which consumer group it is",
            )
        self._narrow_to_service(identity, subject, tables, found)
        return None

    def _whole_service(
        self, identity: Identity, subject: Subject, tables: Mapping[str, LabelTable], found: _Found
    ) -> None:
        """Keep rows of the subject's service in series that name no channel; those of nobody else stand in for it."""
        if not self._narrow_to_service(identity, subject, tables, found, only_if_named=True):
            found.rows = dict.fromkeys(tables, ())
            found.matchers.append(Matcher(identity.services[0], (subject.service,)))
        if not (subject.role == "consumer" and subject.only_receive):
            found.coarseness += 1
            found.caveats.append(f"all channels of {subject.service} together")

    def _narrow_to_service(
        self,
        identity: Identity,
        subject: Subject,
        tables: Mapping[str, LabelTable],
        found: _Found,
        *,
        only_if_named: bool = False,
    ) -> bool:
        """Keep rows of the subject's service where a label shows services; True when one did."""
        if not any(found.rows.values()):
            return False
        for label in identity.services:
            seen = {value for name, rows in found.rows.items() for value in tables[name].values(rows, label)}
            own = frozenset(value for value in seen if names_service(value, subject.service))
            if own:
                found.rows = keep(found.rows, tables, label, own)
                found.matchers.append(Matcher(label, tuple(sorted(own))))
                found.notes.append(f"{label} is {_listed(own)}")
                return True
        if only_if_named:
            return False
        for label in identity.services:
            seen = {value for name, rows in found.rows.items() for value in tables[name].values(rows, label)}
            others = frozenset(value for value in seen if any(names_service(value, one) for one in self.services))
            if others:
                found.rows = drop(found.rows, tables, label, others)
                found.matchers.append(Matcher(label, tuple(sorted(others)), negated=True))
                found.notes.append(f"{_listed(others)} left out, for the catalogue knows them as other services")
        if any(found.rows.values()):
            found.coarseness += 1
            found.caveats.append(f"no label names {subject.service}, so everyone on this destination is counted")
        return False

    def _add_override_labels(self, subject: Subject, tables: Mapping[str, LabelTable], found: _Found) -> None:
        """Labels of `x-telemetry` that narrow and do not identify, such as the cluster."""
        for label, value in sorted(subject.labels.items()):
            if label in self.identifying:
                continue
            found.matchers.append(Matcher(label, (value,)))
            if any(label in table.column for table in tables.values()):
                found.rows = keep(found.rows, tables, label, frozenset({value}))

    def _binding(self, recipe: Recipe, plan: _Plan, found: _Found) -> MetricBinding:
        matchers = tuple(found.matchers)
        tables = plan.tables
        live = any(found.rows.values())
        series = sum([tables[name].series_of(rows) for name, rows in found.rows.items()]) if live else 0
        bound = partial(_term, matchers=matchers, period_ms=recipe.period_ms)
        everything, success, error = (
            tuple(map(bound, terms)) for terms in (plan.there if live else recipe.all, plan.success, plan.error)
        )
        if error and not success:
            success = (*everything, *_negated(error))
        elif success and not error:
            error = (*everything, *_negated(success))
        where = f"{recipe.profile}{f' ({recipe.variant})' if recipe.variant else ''}"
        notes = f"; {', '.join(found.notes)}" if found.notes else ""
        absent = f"{where} has no such series" + (f"; {recipe.switch}" if recipe.switch else "")
        state = f"live by {where}" if live else absent if self.tables is not None else where
        return MetricBinding(
            signal=recipe.signal,
            source=self.source,
            profile=recipe.profile,
            variant=recipe.variant,
            kind=recipe.kind,
            all=everything,
            success=success,
            error=error,
            scale=recipe.scale,
            boundaries=boundaries(tables, found.rows) if recipe.kind == "distribution" else (),
            partition_label=recipe.identity.partition,
            invalid_below=recipe.invalid_below,
            proxy=recipe.proxy,
            liveness="live" if live else "missing" if self.tables is not None else "unknown",
            series=series,
            reason=state + notes,
            caveats=(*recipe.caveats, *found.caveats),
            discovered_group=found.discovered,
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


def _called(names: Names) -> str:
    """The first of the names: what the thing is called."""
    return next(iter(names.values()))[0].value


def _is_per_consumer(recipe: Recipe) -> bool:
    return SIGNALS[recipe.signal].scope == "consumer"


def _term(term: MetricTerm, matchers: tuple[Matcher, ...], period_ms: int) -> Term:
    return Term(term.sign, SeriesSelector(term.metric, (*matchers, *term.where), period_ms))


def _negated(terms: Sequence[Term]) -> tuple[Term, ...]:
    return tuple(Term(-1 if term.sign == 1 else 1, term.selector) for term in terms)


def _listed(values: frozenset[str] | set[str]) -> str:
    shown = sorted(values)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
