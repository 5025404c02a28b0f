"""From all rows of a recipe's series to those of one subject: by its channel, its consumer group, its service."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from observatory.telemetry.binding import Matcher
from observatory.telemetry.dead_letters import Names
from observatory.telemetry.label_matchers import (
    drop,
    expected_matcher,
    keep,
    names_service,
    observed_matcher,
    rows_named,
)
from observatory.telemetry.label_table import intersect
from observatory.telemetry.names_alike import NamesAlike
from observatory.telemetry.plan import Plan, ShownLabel, Tables
from observatory.telemetry.recipe import Identity
from observatory.telemetry.subject import Subject, WrittenName, written


class Found(Struct):
    """Matchers and rows while they are narrowed.

    Attributes:
        rows: Per table those that are left, ascending.
        notes: What speaks for this choice.
        caveats: What is counted besides, or left out.
        coarseness: 0 when the series are the subject's own, more when they hold others' messages too.
        discovered: The consumer group, where telemetry alone names it.
        taken_for: Other names that the rows may just as well belong to.
    """

    matchers: list[Matcher]
    rows: dict[str, tuple[int, ...]]
    notes: list[str]
    caveats: list[str]
    coarseness: int = 0
    discovered: str | None = None
    taken_for: tuple[str, ...] = ()

    @property
    def any_rows(self) -> bool:
        """Whether some series are left."""
        return any(self.rows.values())


class Narrowing:
    """Narrows the rows of plans to subjects.

    Args:
        known: Whether the source said which series it has.
        identifying: Labels that identify something in any profile.
        services: Every service of the catalogue.
        alike: Names of the catalogue that exporters write alike.
    """

    def __init__(
        self, *, known: bool, identifying: frozenset[str], services: frozenset[str], alike: NamesAlike
    ) -> None:
        self._known = known
        self._identifying = identifying
        self._services = services
        self._alike = alike
        self._equal: dict[tuple[str, str], Matcher] = {}
        self._naming: dict[str, bool] = {}

    def equal(self, label: str, value: str) -> Matcher:
        """The condition that a label has one value; one object for all series that are asked so."""
        known = self._equal.get((label, value))
        if known is None:
            known = self._equal[label, value] = Matcher(label, (value,))
        return known

    def to_channel(self, plan: Plan, subject: Subject, names: Names, found: Found) -> bool:
        """Keep rows that show the channel by these names; False when the subject has no name of a kind it needs."""
        allowed: Mapping[str, frozenset[int] | None] = plan.allowed
        for place, shown in enumerate(plan.labels):
            if place:
                allowed = {name: frozenset(rows) for name, rows in found.rows.items()}
            if not self._by_label(shown, plan, subject, names, allowed, found):
                return False
        return True

    def _by_label(
        self,
        shown: ShownLabel,
        plan: Plan,
        subject: Subject,
        names: Names,
        allowed: Mapping[str, frozenset[int] | None],
        found: Found,
    ) -> bool:
        label, tables = shown.label, plan.tables
        options = self._options(shown, plan, subject, names)
        if not options:
            seen = _seen(found, tables, label.label)
            if len(seen) > 1:
                found.caveats.append(f"counted over every {label.label}: {listed(seen)}")
            return label.optional and bool(found.matchers)
        for loose in (False, True) if shown.anything else ():
            chosen = [option for option in options if option.loose is loose]
            if not chosen:
                continue
            kept = {
                name: intersect(rows_named(there, label, chosen), allowed[name]) for name, there in shown.names.items()
            }
            if any(kept.values()):
                told = self._alike.rewriting(label, chosen, shown.names.values())
                found.taken_for += told.taken_for
                found.caveats += told.caveats
                found.matchers.append(self._exact(shown, chosen) or observed_matcher(label, chosen, kept, tables))
                found.rows = kept
                if loose:
                    found.coarseness += 1
                    found.caveats.append(f"{label.label} names {chosen[0].text} only, so other channels may be counted")
                return True
        found.rows = dict.fromkeys(tables, ())
        strict = [option for option in options if not option.loose] or list(options)
        found.matchers.append(self._exact(shown, strict) or expected_matcher(label, strict))
        return True

    def _options(self, shown: ShownLabel, plan: Plan, subject: Subject, names: Names) -> Sequence[WrittenName]:
        """Ways in which the label may write the channel; one that `x-telemetry` gives is the only one."""
        if subject.labels and not plan.recipe.identity.dead_letter:
            given = subject.labels.get(shown.label.label)
            if given is not None:
                return (WrittenName(given),)
        return subject.written(shown.spellings) if names is subject.names else written(shown.spellings, names)

    def _exact(self, shown: ShownLabel, options: Sequence[WrittenName]) -> Matcher | None:
        """The condition on a label that can show the channel in one way only, whether it is seen or not."""
        if not shown.bare or len(options) > 1 or options[0].tail or options[0].pattern is not None:
            return None
        return self.equal(shown.label.label, options[0].text)

    def to_group(self, identity: Identity, subject: Subject, tables: Tables, found: Found) -> tuple[str, str] | None:
        """Keep rows of the subject's consumer group; a problem's code and reason when nobody knows which one it is."""
        label = identity.consumer_group
        assert label is not None
        wanted = subject.labels.get(label) or subject.consumer_group
        if wanted:
            self._to_known_group(identity, label, wanted, subject, tables, found)
            return None
        if identity.services and self.to_service(identity, subject, tables, found, only_if_named=True):
            return None
        groups = _groups(found, tables, label)
        # Where series name no channel, the only group may be that of any other channel.
        if len(groups) == 1 and identity.channel:
            group = next(iter(groups))
            found.rows = keep(found.rows, tables, label, (group,))
            found.matchers.append(self.equal(label, group))
            found.notes.append(f"consumer group {group} discovered: the only one in {label}, no document names it")
            found.discovered = group
            return None
        if len(groups) > 1:
            reason = f"the documents do not say which consumer group it is; seen: {listed(groups)}"
            return "consumer-group-unknown", reason
        if not identity.channel and self._known:
            return "consumer-group-unknown", "the documents do not say which consumer group it is"
        self.to_service(identity, subject, tables, found)
        return None

    def _to_known_group(
        self, identity: Identity, label: str, wanted: str, subject: Subject, tables: Tables, found: Found
    ) -> None:
        if not found.any_rows and any(wanted == name.value for name in subject.names.get("queue", ())):
            # A queue's name stands for its consumers, and clients do not call that a consumer group.
            return
        kept = keep(found.rows, tables, label, (wanted,))
        seen = any(kept.values())
        # Where nothing but the group tells whose series they are, those without one are anybody's.
        unlabelled = {} if seen or not identity.channel else keep(found.rows, tables, label, ("",))
        if seen or not any(unlabelled.values()):
            if not seen and (groups := _groups(found, tables, label)):
                found.notes.append(f"groups seen: {listed(groups)}")
            found.rows = kept
            found.matchers.append(self.equal(label, wanted))
            return
        found.rows = unlabelled
        found.matchers.append(self.equal(label, ""))
        self.to_service(identity, subject, tables, found)

    def to_whole_service(self, identity: Identity, subject: Subject, tables: Tables, found: Found) -> None:
        """Keep rows of the subject's service in series that name no channel; those of nobody else stand in for it."""
        if not self.to_service(identity, subject, tables, found, only_if_named=True):
            found.rows = dict.fromkeys(tables, ())
            found.matchers.append(self.equal(identity.services[0], subject.service))
        if not (subject.role == "consumer" and subject.only_receive):
            found.coarseness += 1
            found.caveats.append(f"all channels of {subject.service} together")

    def to_service(
        self, identity: Identity, subject: Subject, tables: Tables, found: Found, *, only_if_named: bool = False
    ) -> bool:
        """Keep rows of the subject's service where a label shows services; True when one did."""
        if not found.any_rows:
            return False
        for label in identity.services:
            own = [value for value in _seen(found, tables, label) if names_service(value, subject.service)]
            if own:
                found.rows = keep(found.rows, tables, label, own)
                found.matchers.append(self._one_of(label, own))
                found.notes.append(f"{label} is {listed(own)}")
                return True
        if only_if_named:
            return False
        for label in identity.services:
            others = [value for value in _seen(found, tables, label) if self._names_any_service(value)]
            if others:
                found.rows = drop(found.rows, tables, label, others)
                found.matchers.append(Matcher(label, tuple(sorted(others)), negated=True))
                found.notes.append(f"{listed(others)} left out, for the catalogue knows them as other services")
        if found.any_rows:
            found.coarseness += 1
            found.caveats.append(f"no label names {subject.service}, so everyone on this destination is counted")
        return False

    def _names_any_service(self, value: str) -> bool:
        """`names_service` for every service of the catalogue, of which there may be thousands."""
        known = self._naming.get(value)
        if known is None:
            ends = [value, *(value[place + 1 :] for place, char in enumerate(value) if char == "/")]
            known = self._naming[value] = any(end in self._services for end in ends if end)
        return known

    def _one_of(self, label: str, values: Sequence[str]) -> Matcher:
        return self.equal(label, values[0]) if len(values) == 1 else Matcher(label, tuple(sorted(values)))

    def by_override(self, subject: Subject, tables: Tables, found: Found) -> None:
        """Labels of `x-telemetry` that narrow and do not identify, such as the cluster."""
        for label, value in sorted(subject.labels.items()) if subject.labels else ():
            if label in self._identifying:
                continue
            found.matchers.append(Matcher(label, (value,)))
            if any(label in table.column for table in tables.values()):
                before = _seen(found, tables, label) if found.any_rows else set()
                found.rows = keep(found.rows, tables, label, (value,))
                if before and not found.any_rows:
                    there = (
                        f"its series say {listed(before - {''})}" if before - {""} else "no series here has that label"
                    )
                    found.notes.append(f"x-telemetry asks for {label} {value}, and {there}")


def note_clusters(plan: Plan, found: Found) -> None:
    """Say when the rows are those of several clusters, where a name may well be another channel."""
    for label in plan.clusters:
        seen = _seen(found, plan.tables, label) - {""}
        if len(seen) > 1:
            found.caveats.append(
                f"{label} {listed(seen)} are counted together; x-telemetry: {{labels: {{{label}: ...}}}} says which"
            )


def _seen(found: Found, tables: Tables, label: str) -> set[str]:
    """What a label shows in the rows; the empty string where series lack it."""
    values: set[str] = set()
    for name, rows in found.rows.items():
        values.update(tables[name].values(rows, label))
    return values


def _groups(found: Found, tables: Tables, label: str) -> set[str]:
    """Consumer groups that the rows show."""
    return {group for name, rows in found.rows.items() if rows for group in tables[name].values(rows, label) if group}


def listed(values: Collection[str]) -> str:
    """Some values in words, the first of many."""
    shown = sorted(values)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
