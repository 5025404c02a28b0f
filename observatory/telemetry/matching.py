"""One recipe for one subject on one source: the binding it makes, whether it is live, and how well it fits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from msgspec import Struct

from observatory.telemetry.binding import Binding, Liveness
from observatory.telemetry.dead_letters import Names
from observatory.telemetry.metric_binding import metric_binding
from observatory.telemetry.names_alike import NamesAlike
from observatory.telemetry.narrowing import Found, Narrowing, listed, note_clusters
from observatory.telemetry.plan import Plan, Planning, Tables, hides_letters, shows_names
from observatory.telemetry.recipe import Recipe
from observatory.telemetry.subject import Subject


class Candidate(Struct, kw_only=True):
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


class Matching:
    """Recipes against the tables of one source; without tables nothing is known to be live or missing.

    Args:
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
        self._known = tables is not None
        self._planning = Planning(tables)
        self._narrowing = Narrowing(
            known=self._known, identifying=identifying, services=services, alike=alike or NamesAlike({})
        )
        self._anybody: dict[Plan, Candidate] = {}
        self._asking: Subject | None = None
        self._found_before: dict[int, Found | Candidate | None] = {}

    def plan(self, recipe: Recipe) -> Plan:
        """What a recipe means here; to be kept, for `candidate` is asked for every subject."""
        return self._planning.plan(recipe)

    def candidate(self, plan: Plan, subject: Subject) -> Candidate | None:
        """What a recipe finds for a subject; None when the subject has no name of the kind it needs."""
        if plan.same is None:
            return self._of_dead_letters(plan, subject)
        if plan.anybody and not subject.labels:
            return self._of_anybody(plan, subject)
        if self._asking is not subject:
            self._asking, self._found_before = subject, {}
        before = self._found_before
        if plan.same not in before:
            before[plan.same] = self._found(plan, subject, subject.names)
        return self._candidate(plan, before[plan.same])

    def _of_anybody(self, plan: Plan, subject: Subject) -> Candidate:
        """What is the same for every channel: looked up, and bound, for the first one that asks."""
        if plan not in self._anybody:
            candidate = self._candidate(plan, self._found(plan, subject, subject.names))
            assert candidate is not None
            assert candidate.bind is not None
            candidate.bind = cache(candidate.bind)
            self._anybody[plan] = candidate
        return self._anybody[plan]

    def _of_dead_letters(self, plan: Plan, subject: Subject) -> Candidate | None:
        """By the names that the dead-letter channel may have: the first that is live."""
        letters = subject.dead_letters
        conventional = letters.declared is None and self._known
        if conventional and letters.main and hides_letters(plan, letters):
            return _NO_DEAD_LETTERS
        best: Candidate | None = None
        for value, provenance in letters.called:
            names = letters.names(value, provenance)
            if conventional and not (shown := shows_names(plan, names)):
                best = best or (_NO_DEAD_LETTERS if shown is not None else None)
                continue
            found = self._candidate(plan, self._found(plan, subject, names))
            if found and found.liveness == "live":
                return found
            best = best or found
        return _NO_DEAD_LETTERS if best and conventional else best

    def consumer_groups(self, plan: Plan, subject: Subject) -> frozenset[str]:
        """Groups that the recipe's series show on the subject's channel; none where the series name it loosely."""
        identity, tables = plan.recipe.identity, plan.tables
        label = identity.consumer_group
        if label is None or not identity.channel or identity.dead_letter:
            return frozenset()
        found = Found([], {}, [], [])
        if not self._narrowing.to_channel(plan, subject, subject.names, found):
            return frozenset()
        self._narrowing.by_override(subject, tables, found)
        if found.coarseness:
            return frozenset()
        groups = {group for name, rows in found.rows.items() if rows for group in tables[name].values(rows, label)}
        return frozenset(groups - {""})

    def _candidate(self, plan: Plan, found: Found | Candidate | None) -> Candidate | None:
        if not isinstance(found, Found):
            return found
        liveness: Liveness = "unknown" if not self._known else "live" if any(found.rows.values()) else "missing"
        return Candidate(
            liveness=liveness,
            bind=partial(metric_binding, self.source, plan, found, liveness),
            coarseness=found.coarseness,
            proxy=plan.recipe.proxy,
        )

    def _found(self, plan: Plan, subject: Subject, names: Names) -> Found | Candidate | None:
        """Conditions and rows of the subject; of a source without such series only what they would be."""
        identity, tables, narrowing = plan.recipe.identity, plan.tables, self._narrowing
        found = Found([*plan.own], {}, [], [])
        if not plan.labels:
            found.rows = {name: table.all_satisfying(plan.where[name]) for name, table in tables.items()}
        if not narrowing.to_channel(plan, subject, names, found):
            return None
        if found.taken_for:
            alike = listed(set(found.taken_for))
            return Candidate(
                liveness=None,
                code="name-ambiguous",
                reason=f"{plan.recipe.profile} writes this name like that of {alike}, "
                "so nobody knows whose series they are",
            )
        if identity.consumer_group and subject.role == "consumer":
            problem = narrowing.to_group(identity, subject, tables, found)
            if problem:
                return Candidate(liveness=None, code=problem[0], reason=problem[1])
        elif identity.consumer_group and subject.role == "channel":
            return None
        elif identity.services and subject.role != "channel" and not identity.channel:
            narrowing.to_whole_service(identity, subject, tables, found)
        elif identity.services and subject.role != "channel":
            narrowing.to_service(identity, subject, tables, found)
        elif subject.role == "consumer" and plan.per_consumer and not identity.queue_is_consumer and not subject.sole:
            found.caveats.append("all consumers of the channel together")
            found.coarseness += 2
        if identity.dead_letter:
            name = next(iter(names.values()))[0]
            found.notes.append(f"dead letters go to {name.value}, {name.provenance}")
        narrowing.by_override(subject, tables, found)
        note_clusters(plan, found)
        return found
