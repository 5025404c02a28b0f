"""One recipe for one subject on one source: the binding it makes, whether it is live, and how well it fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from observatory.telemetry.binding import Binding, Matcher, MetricBinding, SeriesSelector, Term
from observatory.telemetry.dead_letters import Names
from observatory.telemetry.label_matchers import (
    boundaries,
    drop,
    expected_matcher,
    keep,
    names_service,
    observed_matcher,
    rows_named,
)
from observatory.telemetry.label_table import LabelTable, intersect
from observatory.telemetry.names_alike import NamesAlike
from observatory.telemetry.recipe import ChannelLabel, Identity, MetricTerm, Recipe
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.subject import Subject, WrittenName, written

Tables = Mapping[str, LabelTable]


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


@dataclass(slots=True)
class _Found:
    """Matchers and rows while they are narrowed."""

    matchers: list[Matcher]
    rows: dict[str, tuple[int, ...]]
    notes: list[str]
    caveats: list[str]
    coarseness: int = 0
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

    def candidate(self, recipe: Recipe, subject: Subject) -> Candidate | None:
        """The recipe's binding for a subject; None when the subject has no name of the kind it needs."""
        identity = recipe.identity
        if not identity.dead_letter:
            return self._with_names(recipe, subject, subject.names)
        best: Candidate | None = None
        letters = subject.dead_letters
        for value, provenance in self._possible(recipe, letters.called):
            found = self._with_names(recipe, subject, letters.names(value, provenance))
            if found and found.binding and found.binding.liveness == "live":
                return found
            best = best or found
        if best and not letters.declared and self.tables is not None:
            return Candidate(
                binding=None,
                code="dead-letter-unknown",
                reason="no dead-letter channel is declared, and none with a usual name is there",
            )
        return best

    def _possible(self, recipe: Recipe, called: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """The first name, and of the others those that series may show: of many, nearly none is there."""
        label = next((part for part in recipe.identity.channel if not part.optional), None)
        shown = [table.names(label) for table in self._tables(recipe).values()] if label is not None else []
        for number, (value, provenance) in enumerate(called):
            ways = (value, value.replace(".", "_"))
            if not number or any(text in one.exact or text in one.tails for one in shown for text in ways):
                yield value, provenance

    def consumer_groups(self, recipe: Recipe, subject: Subject) -> frozenset[str]:
        """Groups that the recipe's series show on the subject's channel; none where the series name it loosely."""
        label = recipe.identity.consumer_group
        if label is None or not recipe.identity.channel or recipe.identity.dead_letter:
            return frozenset()
        tables = self._tables(recipe)
        found = _Found([], {}, [], [])
        allowed = {name: table.satisfying(_where(recipe, name)) for name, table in tables.items()}
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
        identity = recipe.identity
        tables = self._tables(recipe)
        own = _without_foreign(identity, tables)
        where = {name: (*_where(recipe, name), *own) for name in tables}
        found = _Found([*own], {}, [], [])
        if not identity.channel:
            found.rows = {name: table.all_satisfying(where[name]) for name, table in tables.items()}
        allowed = {name: table.satisfying(where[name]) for name, table in tables.items()}
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
        return Candidate(binding=self._binding(recipe, tables, found), coarseness=found.coarseness, proxy=recipe.proxy)

    def _tables(self, recipe: Recipe) -> dict[str, LabelTable]:
        if self.tables is None:
            return {}
        return {name: self.tables[name] for name in recipe.series_names if name in self.tables}

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
            found.notes.append(f"{group} is the only group seen there")
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

    def _binding(self, recipe: Recipe, tables: Mapping[str, LabelTable], found: _Found) -> MetricBinding:
        matchers = tuple(found.matchers)
        series = sum(tables[name].series_of(rows) for name, rows in found.rows.items())
        live = any(found.rows.values())
        bound = partial(_term, matchers=matchers, period_ms=recipe.period_ms)
        everything = tuple(bound(term) for term in recipe.all if not live or self._there(term, recipe))
        success, error = (
            tuple(bound(term) for term in side) if all(self._there(term, recipe) for term in side) else ()
            for side in (recipe.success, recipe.error)
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
            liveness="live" if live else "missing" if self.tables is not None else "unknown",
            series=series,
            reason=state + notes,
            caveats=(*recipe.caveats, *found.caveats),
        )

    def _there(self, term: MetricTerm, recipe: Recipe) -> bool:
        """False when the source is known not to have the metric at all."""
        suffix = "_bucket" if recipe.kind == "distribution" else ""
        return self.tables is None or term.metric + suffix in self.tables


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
