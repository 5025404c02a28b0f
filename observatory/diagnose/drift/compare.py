"""Documents against what runs: one pass over names, participants, values and owners."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from observatory.diagnose.drift.finding import ORDER, Drift, DriftReport
from observatory.diagnose.drift.internal import Internal, is_derived
from observatory.diagnose.drift.passed import Passed, Stranger, passed_by_strangers, stranger_of
from observatory.diagnose.drift.runtime_names import Naming, RuntimeNames, SeenName, runtime_names
from observatory.diagnose.drift.values import compare_values, newest_levels
from observatory.diagnose.drift.volumes import best_of, of_spans, sightings, wider
from observatory.errors import Problem, in_order
from observatory.evaluate.participants import Participants, participants, unclaimed
from observatory.ledger.evidence import Sources
from observatory.settings.drift import IgnoredNames
from observatory.spec.catalog import Catalog, Channel
from observatory.spec.near_names import NearNames, Nearness, is_slip
from observatory.spec.participant import Participant, Sighting
from observatory.telemetry.binding import MetricBinding
from observatory.telemetry.inventory import SpanDestination
from observatory.telemetry.label_matchers import names_service
from observatory.telemetry.recipe import Profile
from observatory.telemetry.span_rows import speaks
from observatory.telemetry.survey import Survey
from observatory.units import format_duration
from observatory.windows import TimeRange

MOST_COMPARED = 100_000
"""Pairs of names that are compared letter by letter; of more only those that look-up finds are tied together."""
COMMITTED_MS = 300_000
"""How far back a group without members is looked at for commits that moved."""
NOUNS = {"routing_key": "routing key", "destination": "destination"}


def drift(
    catalog: Catalog,
    profiles: Sequence[Profile],
    survey: Survey,
    sources: Sources,
    span: TimeRange,
    *,
    with_internal: bool = False,
    ignored: Sequence[IgnoredNames] = (),
) -> DriftReport:
    """Every difference between what the documents declare and what the survey shows.

    Args:
        survey: Of the same catalogue and range.
        sources: Asked for volumes and newest values, in few requests.
        with_internal: Internal, derived and ignored names count as undeclared too.
        ignored: What the settings leave aside.
    """
    names = runtime_names(catalog, profiles, survey.inventories, survey.recognised)
    strange_spans = unclaimed(catalog, survey.inventories, profiles)
    seen_by = participants(catalog, survey.mapping, survey.inventories, profiles)
    problems: list[Problem] = []
    comparison = _Comparison(catalog, names, strange_spans, seen_by, survey, span, problems)
    every = (*names.undeclared, *(row.destination for row in strange_spans))
    comparison.sort_out(Internal.of(catalog, every, ignored), with_internal=with_internal)
    comparison.look_up_volumes(sources)
    comparison.find_strangers(profiles, sources)
    values = compare_values(catalog, survey.mapping, profiles, survey.inventories, sources, span.end_ms, problems)
    findings = [
        *comparison.misnamed(),
        *values.findings,
        *comparison.undeclared(),
        *comparison.strangers(),
        *comparison.silent(),
        *comparison.unowned(),
    ]
    findings.sort(key=lambda one: (ORDER.index(one.kind), one.subject, one.key or "", one.words))
    return DriftReport(
        findings=tuple(findings),
        set_aside=dict(sorted(comparison.set_aside.items())),
        unseen=comparison.unseen(),
        not_compared=values.not_compared,
        problems=tuple(in_order(problems)),
    )


class _Comparison(Struct):
    catalog: Catalog
    names: RuntimeNames
    strange_spans: Sequence[SpanDestination]
    participants: Participants
    survey: Survey
    span: TimeRange
    problems: list[Problem]
    set_aside: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, SeenName] = field(default_factory=dict)
    spans_of: dict[str, list[SpanDestination]] = field(default_factory=dict)
    volumes: dict[str, Sighting | None] = field(default_factory=dict)
    traffic: dict[str, Sighting | None] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    internal: Internal | None = None
    strange: list[tuple[Channel, Participant]] = field(default_factory=list)
    passed: Mapping[Stranger, Passed] = field(default_factory=dict)
    _pairs: dict[str, str] | None = None

    def sort_out(self, internal: Internal, *, with_internal: bool) -> None:
        """Undeclared names, without those that need no document."""
        self.internal = None if with_internal else internal
        for row in self.strange_spans:
            self.spans_of.setdefault(row.destination, []).append(row)
        every = dict(self.names.undeclared)
        for name, rows in self.spans_of.items():
            seen = every.setdefault(name, SeenName(name, "destination"))
            seen.profiles["spans"] = None
            seen.services |= {row.service for row in rows if row.service}
            seen.groups |= {row.consumer_group for row in rows if row.consumer_group}
        behind = self._behind()
        for name, seen in sorted(every.items()):
            if name in behind:
                self.set_aside[name] = f"queue behind {behind[name]}"
            elif self.internal is not None and (why := self.internal.reason(name)) is not None:
                self.set_aside[name or "(no name)"] = why
            elif name:
                self.unknown[name] = seen

    def _behind(self) -> dict[str, str]:
        """Queues that clients name behind an exchange and key of a declared channel: `shop:orders.placed:billing`."""
        strange = set(self.strange_spans)
        rows = [row for one in self.survey.inventories for row in one.destinations if row not in strange]
        texts = {row.destination for row in rows}
        texts |= {naming.value for namings in self.names.declared.values() for naming in namings}
        return {text.rpartition(":")[2]: text.rpartition(":")[0] for text in texts if ":" in text}

    def look_up_volumes(self, sources: Sources) -> None:
        """What passed under undeclared names, and whether anything did on declared channels."""
        namings = [naming for seen in self.unknown.values() for naming in _telling(seen.namings)]
        namings += [one for declared in self.names.declared.values() for one in declared if one.flow is not None]
        known = sightings(sources, sorted(namings, key=repr), self.survey.inventories, self.span, self.problems)
        for name, seen in self.unknown.items():
            self.volumes[name] = wider(best_of(list(seen.namings), known), of_spans(self.spans_of.get(name, ())))
        for channel_id, declared in self.names.declared.items():
            self.traffic[channel_id] = best_of(list(declared), known)
            if self.traffic[channel_id] is None and self._uncounted(self.catalog.channel(channel_id), declared):
                self.traffic[channel_id] = Sighting(messages=0.0)
        members = newest_levels(self._chosen("group_members"), sources, self.span.end_ms, self.problems)
        self.alone = {key for key, newest in members.items() if set(newest) == {"0"}}
        self.alone -= self._committing(self.alone, sources)

    def _chosen(self, signal: str) -> dict[str, MetricBinding]:
        found = {one.key: self.survey.mapping.chosen(one.key, signal) for one in self.catalog.operations}
        return {key: one for key, one in found.items() if isinstance(one, MetricBinding)}

    def _committing(self, keys: Collection[str], sources: Sources) -> set[str]:
        """Those whose group has no member and commits all the same, as Flink and Spark do that assign partitions."""
        positions = self._chosen("acknowledged_messages")
        positions = {key: one for key, one in positions.items() if key in keys and one.kind == "position"}
        if not positions:
            return set()
        now = newest_levels(positions, sources, self.span.end_ms, self.problems)
        before = newest_levels(positions, sources, self.span.end_ms - COMMITTED_MS, self.problems)
        return {key for key, values in now.items() if values != before.get(key)}

    def _uncounted(self, channel: Channel, namings: Iterable[Naming]) -> bool:
        """Whether the channel is listed beside others whose messages are counted, and has no count itself.

        What a broker dead-letters itself no counter of publishes shows, so dead-letter channels are left out.
        """
        if any(is_derived(name) for name in _plain_names(channel)) or any(one.flow is not None for one in namings):
            return False
        return any((one.source, one.label) in self.names.flowing for one in namings)

    # names

    def undeclared(self) -> Iterator[Drift]:
        """Names that no document declares, but for those that are tied to a silent channel."""
        every = {f"{one.id}\n{name}": name for one in self.catalog.channels for name in _plain_names(one)}
        near = NearNames.of(every)
        for name, seen in self.unknown.items():
            if name in self.pairs():
                continue
            noun = NOUNS.get(seen.noun, seen.noun)
            by = [f"services {', '.join(sorted(seen.services))}"] if seen.services else []
            by += [f"groups {', '.join(sorted(seen.groups))}"] if seen.groups else []
            like = [key.partition("\n")[0] for how, key in near.near(name) if how <= Nearness.ENVIRONMENT]
            slip = f"; that is nearly the name of {like[0]}" if like else ""
            yield Drift(
                kind="undeclared-channel",
                subject=name,
                words=f"no document declares the {noun} {name}" + (f", seen with {'; '.join(by)}" if by else "") + slip,
                hint="describe it in a document, or remove it from the broker",
                noun=noun,
                seen=self.volumes.get(name),
                sources=tuple(seen.profiles),
            )

    def misnamed(self) -> Iterator[Drift]:
        """Silent channels beside an undeclared name that is nearly theirs: one of the two is a slip."""
        for name, channel_id in self.pairs().items():
            channel, seen = self.catalog.channel(channel_id), self.unknown[name]
            noun = NOUNS.get(seen.noun, seen.noun)
            yield Drift(
                kind="misnamed",
                subject=channel_id,
                channel_id=channel_id,
                words=f"nothing runs as {channel.label}, and the undeclared {noun} {name} is nearly the same name",
                hint=f"one of the two is a slip: {name} in a client, or {channel.label} in the document",
                noun=noun,
                seen=self.volumes.get(name),
                sources=tuple(seen.profiles),
                observed=name,
                declared=channel.label,
                location=channel.location,
            )

    def pairs(self) -> Mapping[str, str]:
        """Undeclared names with the silent channel that they nearly name, each at most once."""
        if self._pairs is None:
            self._pairs = self._found_pairs()
        return self._pairs

    def _found_pairs(self) -> dict[str, str]:
        quiet = {channel.id: channel for channel in self.catalog.channels if self._silence(channel) is not None}
        labels = {f"{channel.id}\n{name}": name for channel in quiet.values() for name in _plain_names(channel)}
        near = NearNames.of(labels)
        found: list[tuple[float, str, str]] = []
        letters = len(self.unknown) * len(labels) <= MOST_COMPARED
        for name, seen in self.unknown.items():
            for how, key in near.near(name):
                channel_id = key.partition("\n")[0]
                if _compatible(seen, self.spans_of.get(name, ()), quiet[channel_id]):
                    found.append((float(how), name, channel_id))
            for key, other in labels.items() if letters else ():
                channel_id = key.partition("\n")[0]
                if is_slip(name, other) and _compatible(seen, self.spans_of.get(name, ()), quiet[channel_id]):
                    found.append((Nearness.LETTER + 0.5, name, channel_id))
        pairs: dict[str, str] = {}
        taken: set[str] = set()
        for _, name, channel_id in sorted(found):
            if name not in pairs and channel_id not in taken:
                pairs[name] = channel_id
                taken.add(channel_id)
        return pairs

    # silence

    def _silence(self, channel: Channel) -> str | None:
        """Why a channel counts as silent: it is not there, or nothing passed; None where it lives or nobody can say."""
        seen = self.traffic.get(channel.id)
        sighted = any(one.seen and one.seen.messages for one in self.participants[channel.id])
        if channel.id in self.names.declared:
            idle = seen is not None and seen.messages == 0 and not sighted
            return f"is there, and no message passed in {self._length()}" if idle else None
        if channel.id not in self.names.listed or any(one.seen for one in self.participants[channel.id]):
            return None
        if any(other in self.names.declared for other in channel.overlaps):
            return None
        return "is declared and not there"

    def _length(self) -> str:
        return format_duration((self.span.end_ms - self.span.start_ms) / 1000)

    def silent(self) -> Iterator[Drift]:
        """Declared channels without a sign of life, and declared participants that are not seen where others are."""
        tied = set(self.pairs().values())
        for channel in self.catalog.channels:
            if channel.id in tied:
                continue
            if (why := self._silence(channel)) is not None:
                yield Drift(
                    kind="silent-channel",
                    subject=channel.id,
                    channel_id=channel.id,
                    words=f"{channel.label} {why}",
                    hint="look whether it is still needed; else take it out of the document",
                    seen=self.traffic.get(channel.id),
                    location=channel.location,
                )
            else:
                yield from self._silent_operations(channel)

    def _silent_operations(self, channel: Channel) -> Iterator[Drift]:
        for one in self.participants[channel.id]:
            if one.operation is None:
                continue
            alone = one.operation.key in self.alone
            if not alone and (one.seen is not None or not self._would_be_seen(channel, one)):
                continue
            who = one.service or one.operation.service
            group = f" (group {one.consumer_group})" if one.consumer_group else ""
            does = "sends to" if one.action == "send" else "receives from"
            absent = "no consumer is attached" if alone else "is not seen there"
            yield Drift(
                kind="silent-operation",
                subject=one.operation.key,
                channel_id=channel.id,
                words=f"{who}{group} {does} {channel.label} by its document, and {absent}",
                hint="look whether the application runs and uses this name; else take the operation out",
                service=who,
                consumer_group=one.consumer_group,
                location=one.operation.location,
            )

    def _would_be_seen(self, channel: Channel, one: Participant) -> bool:
        """Whether telemetry would show the participant: its group is listed there, or its service reports elsewhere."""
        if one.consumer_group and one.action == "receive" and self.names.shows_groups(channel.id):
            return True
        service = one.service or ""
        rows = [row for inventory in self.survey.inventories for row in inventory.destinations]
        role = "producer" if one.action == "send" else "consumer"
        return any(names_service(row.service, service) and row.role == role for row in rows)

    def unseen(self) -> dict[str, str]:
        """Channels that no telemetry could show."""
        found: dict[str, str] = {}
        for channel in self.catalog.channels:
            if channel.id in self.names.declared or any(one.seen for one in self.participants[channel.id]):
                continue
            if not channel.names:
                found[channel.id] = "the document leaves its address open"
            elif channel.id not in self.names.listed:
                found[channel.id] = "no exporter in use lists what exists there"
        return found

    # participants and owners

    def find_strangers(self, profiles: Sequence[Profile], sources: Sources) -> None:
        """Participants on declared channels that no document declares, and what passed by them."""
        for channel in self.catalog.channels:
            for one in self._strangers_on(channel):
                name = one.consumer_group or one.service or "?"
                if self.internal and (why := self.internal.reason(name)) is not None:
                    self.set_aside[name] = why
                else:
                    self.strange.append((channel, one))
        uncounted = [(channel, one) for channel, one in self.strange if one.seen is None or one.seen.first_ms is None]
        self.passed = passed_by_strangers(
            uncounted, self.catalog, profiles, self.survey, sources, self.span, self.problems
        )

    def strangers(self) -> Iterator[Drift]:
        """Producers, consumers and consumer groups on declared channels that no document declares."""
        for channel, one in self.strange:
            who = f"service {one.service}" if one.service else f"consumer group {one.consumer_group}"
            group = f" (group {one.consumer_group})" if one.service and one.consumer_group else ""
            does = "sends to" if one.action == "send" else "consumes"
            passed = self.passed.get(stranger_of(channel, one))
            yield Drift(
                kind="undeclared-producer" if one.action == "send" else "undeclared-consumer",
                subject=f"{one.service or one.consumer_group} on {channel.id}",
                channel_id=channel.id,
                words=f"{who}{group} {does} {channel.label}, and no document says so",
                hint="describe its operation in a document, or ask its owner why it is there",
                service=one.service,
                consumer_group=one.consumer_group,
                seen=passed.seen if passed else one.seen,
                sources=(passed.profile,) if passed else (),
                location=channel.location,
            )

    def _strangers_on(self, channel: Channel) -> Iterator[Participant]:
        known = [one for one in self.participants[channel.id] if one.operation is None and one.seen is not None]
        yield from (one for one in known if one.named_by is None)
        for side, action in (("producer", "send"), ("consumer", "receive")):
            declared = {one.service for one in self.participants[channel.id] if one.action == action and one.service}
            for service in sorted(self.names.services.get((channel.id, side), ())):
                if not any(names_service(service, one) for one in declared):
                    yield Participant(
                        action="send" if action == "send" else "receive", service=service, seen=Sighting()
                    )

    def unowned(self) -> Iterator[Drift]:
        """Channels that nobody answers for."""
        for channel in self.catalog.channels:
            if channel.owner is None:
                yield Drift(
                    kind="owner-missing",
                    subject=channel.id,
                    channel_id=channel.id,
                    words=f"nobody is named as the owner of {channel.label}",
                    hint="write x-owner on info or on the channel, or name it in an overlay or an ownership file",
                    location=channel.location,
                )


def _telling(namings: Iterable[Naming]) -> list[Naming]:
    """Those that count what passes; where none does, one that tells when the name was there."""
    counting = [one for one in namings if one.flow is not None]
    return counting or sorted(namings, key=repr)[:1]


def _plain_names(channel: Channel) -> list[str]:
    own = [name.value for name in channel.names if name.pattern is None and name.kind not in ("vhost", "vpn")]
    return list(dict.fromkeys([*own, *([channel.address] if channel.address else [])]))


def _compatible(seen: SeenName, rows: Sequence[SpanDestination], channel: Channel) -> bool:
    """Whether a name can be on the channel's kind of broker."""
    if rows and not any(speaks(row, channel.protocol) for row in rows):
        return False
    return not seen.protocols or channel.protocol is None or channel.protocol in seen.protocols
