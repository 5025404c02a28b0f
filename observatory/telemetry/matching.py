"""One recipe for one subject on one source: the binding it makes, whether it is live, and how well it fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from observatory.spec.catalog import NameKind
from observatory.telemetry.binding import Binding, Liveness, Matcher, MetricBinding, SeriesSelector, Term
from observatory.telemetry.dead_letters import DeadLetters, Names
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
from observatory.telemetry.recipe import ChannelLabel, Identity, MetricTerm, Recipe
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.subject import Subject, WrittenName, written

Tables = Mapping[str, LabelTable]


@dataclass(slots=True, kw_only=True)
class Candidate:
    """What may measure a signal, or why it cannot.

    Attributes:
        liveness: None when it cannot be used, for the reason of `code` and `reason`.
        bind: Makes its binding; most candidates are never shown.
        coarseness: 0 when the series are the subject's own, more when they hold others' messages too.
    """

    liveness: Liveness | None
    bind: Callable[[], Binding] | None = None
    coarseness: int = 0
    proxy: bool = False
    code: str | None = None
    reason: str = ""


_NO_DEAD_LETTERS = Candidate(
    liveness=None,
    code="dead-letter-unknown",
    reason="no dead-letter channel is declared, and none with a usual name is there",
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A label that shows the channel, and what each table has in it.

    Attributes:
        anything: Some table has the label.
    """

    label: ChannelLabel
    names: dict[str, TableNames]
    anything: bool


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a recipe means on one source, worked out once for all subjects.

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
        called: Profile and naming variant, in words.
    """

    recipe: Recipe
    tables: Tables
    labels: tuple[_Shown, ...]
    own: tuple[Matcher, ...]
    where: dict[str, tuple[Matcher, ...]]
    allowed: dict[str, frozenset[int] | None]
    there: tuple[MetricTerm, ...]
    success: tuple[MetricTerm, ...]
    error: tuple[MetricTerm, ...]
    per_consumer: bool
    same: int | None
    anybody: bool
    called: str

    @property
    def hopeful(self) -> bool:
        """Whether the series carry the labels without which they are nobody's."""
        return all(shown.anything or shown.label.optional for shown in self.labels)


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
        self._same: dict[Hashable, int] = {}
        self._anybody: dict[Plan, Candidate] = {}
        self._found_before: tuple[Subject | None, dict[int, _Found | Candidate | None]] = None, {}

    def plan(self, recipe: Recipe) -> Plan:
        """What a recipe means here; to be kept, for `candidate` is asked for every subject."""
        known, identity = self.tables, recipe.identity
        tables = {name: known[name] for name in recipe.series_names if name in known} if known is not None else {}
        own = _without_foreign(identity, tables)
        where = {name: (*_where(recipe, name), *own) for name in tables}
        suffix = "_bucket" if recipe.kind == "distribution" else ""
        per_consumer = SIGNALS[recipe.signal].scope == "consumer"
        finds = (identity, per_consumer, *where.items(), recipe.profile if where else "")
        labels = []
        for label in identity.channel:
            names = {name: table.names(label) for name, table in tables.items()}
            labels.append(_Shown(label, names, any(one.values for one in names.values())))

        def there(term: MetricTerm) -> bool:
            return known is None or term.metric + suffix in known

        return Plan(
            recipe=recipe,
            tables=tables,
            labels=tuple(labels),
            own=own,
            where=where,
            allowed={name: table.satisfying(where[name]) for name, table in tables.items()},
            there=tuple(filter(there, recipe.all)),
            success=recipe.success if all(map(there, recipe.success)) else (),
            error=recipe.error if all(map(there, recipe.error)) else (),
            per_consumer=per_consumer,
            same=None if identity.dead_letter else self._same.setdefault(finds, len(self._same)),
            anybody=not (identity.channel or identity.consumer_group or identity.services)
            and SIGNALS[recipe.signal].scope in ("broker", "registry"),
            called=f"{recipe.profile}{f' ({recipe.variant})' if recipe.variant else ''}",
        )

    def candidate(self, plan: Plan, subject: Subject) -> Candidate | None:
        """What a recipe finds for a subject; None when the subject has no name of the kind it needs."""
        if not plan.recipe.identity.dead_letter:
            return self._of_channel(plan, subject)
        letters = subject.dead_letters
        conventional = letters.declared is None and self.tables is not None
        if conventional and letters.main and _hides_letters(plan, letters):
            return _NO_DEAD_LETTERS
        best: Candidate | None = None
        for value, provenance in letters.called:
            names = letters.names(value, provenance)
            if conventional and not (shown := _shows(plan, names)):
                best = best or (_NO_DEAD_LETTERS if shown is not None else None)
                continue
            found = self._candidate(plan, self._found(plan, subject, names))
            if found and found.liveness == "live":
                return found
            best = best or found
        return _NO_DEAD_LETTERS if best and conventional else best

    def consumer_groups(self, plan: Plan, subject: Subject) -> frozenset[str]:
        """Groups that the recipe's series show on the subject's channel; none where the series name it loosely."""
        identity, tables, allowed = plan.recipe.identity, plan.tables, plan.allowed
        label = identity.consumer_group
        if label is None or not identity.channel or identity.dead_letter:
            return frozenset()
        found = _Found([], {}, [], [])
        for part in plan.labels:
            if not self._narrow_to_channel(part, plan, subject, subject.names, allowed, found):
                return frozenset()
            allowed = {name: frozenset(rows) for name, rows in found.rows.items()}
        self._add_override_labels(subject, tables, found)
        if found.coarseness:
            return frozenset()
        groups = {group for name, rows in found.rows.items() if rows for group in tables[name].values(rows, label)}
        return frozenset(groups - {""})

    def _of_channel(self, plan: Plan, subject: Subject) -> Candidate | None:
        """By the names of the channel itself."""
        if plan.anybody and not subject.labels:
            if plan not in self._anybody:
                candidate = self._candidate(plan, self._found(plan, subject, subject.names))
                assert candidate is not None
                self._anybody[plan] = candidate
            return self._anybody[plan]
        assert plan.same is not None
        if self._found_before[0] is not subject:
            self._found_before = subject, {}
        before = self._found_before[1]
        if plan.same not in before:
            before[plan.same] = self._found(plan, subject, subject.names)
        return self._candidate(plan, before[plan.same])

    def _candidate(self, plan: Plan, found: _Found | Candidate | None) -> Candidate | None:
        if not isinstance(found, _Found):
            return found
        liveness: Liveness = "unknown" if self.tables is None else "live" if any(found.rows.values()) else "missing"
        return Candidate(
            liveness=liveness,
            bind=partial(self._binding, plan, found, liveness),
            coarseness=found.coarseness,
            proxy=plan.recipe.proxy,
        )

    def _found(self, plan: Plan, subject: Subject, names: Names) -> _Found | Candidate | None:
        """Conditions and rows of the subject; of a source without such series only what they would be."""
        identity = plan.recipe.identity
        tables, allowed = plan.tables, plan.allowed
        found = _Found([*plan.own], {}, [], [])
        if not plan.labels:
            found.rows = {name: table.all_satisfying(plan.where[name]) for name, table in tables.items()}
        for place, label in enumerate(plan.labels):
            if place:
                allowed = {name: frozenset(rows) for name, rows in found.rows.items()}
            if not self._narrow_to_channel(label, plan, subject, names, allowed, found):
                return None
        if found.taken_for:
            alike = _listed(set(found.taken_for))
            return Candidate(
                liveness=None,
                code="name-ambiguous",
                reason=f"{plan.recipe.profile} writes this name like that of {alike}, "
                "so nobody knows whose series they are",
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
        elif subject.role == "consumer" and plan.per_consumer and not identity.queue_is_consumer:
            if not subject.sole:
                found.caveats.append("all consumers of the channel together")
            found.coarseness += 2 if not subject.sole else 0
        if identity.dead_letter:
            found.notes.append(f"dead letters go to {_called(names)}, {next(iter(names.values()))[0].provenance}")
        self._add_override_labels(subject, tables, found)
        return found

    def _narrow_to_channel(
        self,
        shown: _Shown,
        plan: Plan,
        subject: Subject,
        names: Names,
        allowed: Mapping[str, frozenset[int] | None],
        found: _Found,
    ) -> bool:
        """Keep allowed rows that show the channel in this label; False when the subject has no such name."""
        label, tables = shown.label, plan.tables
        given = subject.labels.get(label.label)
        if given is not None and not plan.recipe.identity.dead_letter:
            options: tuple[WrittenName, ...] = (WrittenName(given),)
        else:
            options = subject.written(label.spellings) if names is subject.names else written(label.spellings, names)
        if not options:
            seen = {value for name, rows in found.rows.items() for value in tables[name].values(rows, label.label)}
            if len(seen) > 1:
                found.caveats.append(f"counted over every {label.label}: {_listed(seen)}")
            return label.optional and bool(found.matchers)
        for loose in (False, True) if shown.anything else ():
            chosen = [option for option in options if option.loose is loose]
            if not chosen:
                continue
            kept = {
                name: intersect(rows_named(there, label, chosen), allowed[name]) for name, there in shown.names.items()
            }
            if any(kept.values()):
                told = self.alike.rewriting(label, chosen, shown.names.values())
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
                liveness=None,
                code="consumer-group-unknown",
                reason=f"the documents do not say which consumer group it is; seen: {_listed(groups)}",
            )
        if not identity.channel and self.tables is not None:
            return Candidate(
                liveness=None,
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

    def _binding(self, plan: Plan, found: _Found, liveness: Liveness) -> MetricBinding:
        recipe, tables, matchers = plan.recipe, plan.tables, tuple(found.matchers)
        live = liveness == "live"
        everything = _terms(plan.there if live else recipe.all, matchers, recipe.period_ms)
        success = _terms(plan.success, matchers, recipe.period_ms)
        error = _terms(plan.error, matchers, recipe.period_ms)
        if error and not success:
            success = (*everything, *_negated(error))
        elif success and not error:
            error = (*everything, *_negated(success))
        reason = {
            "live": f"live by {plan.called}",
            "missing": f"{plan.called} has no such series" + (f"; {recipe.switch}" if recipe.switch else ""),
            "unknown": plan.called,
        }[liveness]
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
            boundaries=boundaries(tables, found.rows) if live and recipe.kind == "distribution" else (),
            partition_label=recipe.identity.partition,
            invalid_below=recipe.invalid_below,
            proxy=recipe.proxy,
            liveness=liveness,
            series=sum([tables[name].series_of(rows) for name, rows in found.rows.items()]) if live else 0,
            reason=f"{reason}; {', '.join(found.notes)}" if found.notes else reason,
            caveats=(*recipe.caveats, *found.caveats),
            discovered_group=found.discovered,
        )


def _hides_letters(plan: Plan, letters: DeadLetters) -> bool:
    """Whether labels surely show none of the conventional names; most channels have no dead letters."""
    kinds = (*letters.kinds, *letters.place)
    return any(
        _holds_one_name(shown.label, kinds)
        and not any(names.have_letters_of(letters.stems, shown.label.transforms) for names in shown.names.values())
        for shown in plan.labels
    )


def _holds_one_name(label: ChannelLabel, kinds: Collection[NameKind]) -> bool:
    """Whether a label must hold one name of these kinds as it is, and never several joined."""
    if label.of_template or label.optional:
        return False
    known = [[kind in kinds for kind in spelling.kinds] for spelling in label.spellings]
    return [True] in known and all(sum(of_spelling) < 2 for of_spelling in known)


def _shows(plan: Plan, names: Names) -> bool | None:
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


def _terms(terms: Sequence[MetricTerm], matchers: tuple[Matcher, ...], period_ms: int) -> tuple[Term, ...]:
    return tuple([Term(term.sign, SeriesSelector(term.metric, (*matchers, *term.where), period_ms)) for term in terms])


def _negated(terms: Sequence[Term]) -> tuple[Term, ...]:
    return tuple(Term(-1 if term.sign == 1 else 1, term.selector) for term in terms)


def _listed(values: frozenset[str] | set[str]) -> str:
    shown = sorted(values)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
