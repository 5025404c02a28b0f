"""Whom to believe: documents first, then Backstage, EventCatalog, xRegistry and CODEOWNERS, each only where those
before it are silent. What two of them say differently is reported with both places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import Severity
from observatory.spec.catalog import Catalog, Channel, Document, NamedParticipant, Operation, Owner
from observatory.spec.ownership.claims import READERS, ChannelClaim, Claim, Findings, Said, Use, folded
from observatory.spec.ownership.finding import Faults, Kind

DETAILS: tuple[Literal["contact", "escalation", "runbook"], ...] = ("contact", "escalation", "runbook")
GUESSED = "title"
"""The provenance of a service name that the document does not give."""


class Filling(Struct):
    """One catalogue being completed."""

    catalog: Catalog
    found: Findings
    faults: Faults
    _claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    _channel_claims: dict[str, list[ChannelClaim]] = field(default_factory=lambda: defaultdict(list))
    _said: dict[str, Owner | None] = field(default_factory=dict)
    _filled: dict[str, Document] = field(default_factory=dict)
    _groups: dict[str, Use] = field(default_factory=dict)

    def complete(self) -> Catalog:
        """The catalogue with what was missing."""
        for claim in sorted(self.found.claims, key=lambda one: READERS.index(one.reader)):
            self._claims[claim.document].append(claim)
        for said in sorted(self.found.channels, key=lambda one: READERS.index(one.reader)):
            self._channel_claims[said.channel_id].append(said)
        self._said = {one.name: one.owner for one in self.catalog.documents}
        self._filled = {document.name: self._document(document) for document in self.catalog.documents}
        operations = [self._operation(operation) for operation in self.catalog.operations]
        named = self._place(operations)
        senders: dict[str, set[str]] = defaultdict(set)
        for one in operations:
            if one.action == "send":
                senders[one.channel_id].add(one.document)
        operations = [self._with_group(operation) for operation in operations]
        return replace(
            self.catalog,
            documents=tuple(self._filled[document.name] for document in self.catalog.documents),
            channels=tuple(self._channel(channel, senders[channel.id]) for channel in self.catalog.channels),
            operations=tuple(operations),
            named=named,
        )

    # documents and operations

    def _document(self, document: Document) -> Document:
        claims = self._claims[document.name]
        owner = self._owner(document.owner, [(one.reader, one.owner) for one in claims], document.path)
        domain, domain_from = document.domain, document.domain_provenance
        service, service_from = document.service, document.service_provenance
        for claim in claims:
            if claim.domain is not None and domain is None:
                domain, domain_from = claim.domain.value, claim.domain.provenance
            elif claim.domain is not None and folded(claim.domain.value) != folded(domain or ""):
                self._conflict("domain", claim.domain, f"{domain!r} by {domain_from}", document.path)
            if claim.service is not None and service_from == GUESSED:
                service, service_from = claim.service.value, claim.service.provenance
        return replace(
            document,
            owner=owner,
            domain=domain,
            domain_provenance=domain_from,
            service=service,
            service_provenance=service_from,
        )

    def _operation(self, operation: Operation) -> Operation:
        document = self._filled[operation.document]
        claims = self._claims[operation.document]
        guessed = operation.service_provenance == GUESSED
        return replace(
            operation,
            owner=_complemented(operation.owner, [one.owner for one in claims]) or document.owner,
            domain=operation.domain or document.domain,
            domain_provenance=operation.domain_provenance if operation.domain else document.domain_provenance,
            service=document.service if guessed else operation.service,
            service_provenance=document.service_provenance if guessed else operation.service_provenance,
        )

    def _owner(self, own: Owner | None, claimed: Sequence[tuple[Kind, Owner | None]], subject: str) -> Owner | None:
        """The owner to believe, completed by those who name the same team; others are reported."""
        owners = [(reader, owner) for reader, owner in claimed if owner is not None]
        believed = own or (owners[0][1] if owners else None)
        if believed is None:
            return None
        for reader, owner in owners:
            if not _same(believed, owner):
                at = owner.location
                said = Said(owner.team, owner.provenance, at) if at is not None else None
                # Who reviews a file need not be who runs the application.
                severity: Severity = "info" if reader == "codeowners" else "warning"
                if said is not None:
                    self._conflict("owner", said, f"{believed.team!r} {_where(believed)}", subject, severity)
        return _complemented(believed, [owner for _, owner in owners])

    def _conflict(self, what: str, said: Said, other: str, subject: str, severity: Severity = "warning") -> None:
        message = f"the {what} of {subject} is {said.value!r} here and {other}"
        hint = "the other one is believed; let both say the same"
        self.faults.add("ownership-conflict", message, said.location, hint, severity=severity, subject=subject)

    # channels

    def _channel(self, channel: Channel, senders: set[str]) -> Channel:
        claims = self._channel_claims[channel.id]
        documents = sorted(channel.documents, key=lambda name: name not in senders)
        owner = self._channel_owner(channel, claims, documents, senders)
        domain, domain_from = channel.domain, channel.domain_provenance
        if domain is None:
            found = _domain_of(claims, [self._filled[name] for name in documents])
            domain, domain_from = found if found is not None else (None, None)
        return replace(channel, owner=owner, domain=domain, domain_provenance=domain_from)

    def _channel_owner(
        self, channel: Channel, claims: Sequence[ChannelClaim], documents: Sequence[str], senders: set[str]
    ) -> Owner | None:
        """Said on the channel; by a document that sends; by ownership files about those; by what receives."""
        said = self._said
        about = [one.owner for one in claims] + [one.owner for name in documents for one in self._claims[name]]
        of_documents = [said[name] for name in documents if said[name] is not None]
        on_channel = channel.owner if channel.owner not in of_documents else None
        self._owner(on_channel, [(one.reader, one.owner) for one in claims], channel.id)
        if on_channel is not None:
            return _complemented(on_channel, about)
        own = next((said[name] for name in documents if name in senders and said[name] is not None), None)
        if own is not None:
            return _complemented(own, about)
        for reader in READERS:
            ranked = [one.owner for one in claims if one.reader == reader]
            ranked += [one.owner for name in documents if name in senders for one in self._of(name, reader)]
            if (found := next((owner for owner in ranked if owner is not None), None)) is not None:
                return _complemented(found, about)
        found = channel.owner or next(
            (self._filled[name].owner for name in documents if self._filled[name].owner), None
        )
        return _complemented(found, about)

    def _of(self, document: str, reader: Kind) -> list[Claim]:
        return [one for one in self._claims[document] if one.reader == reader]

    # participants

    def _place(self, operations: Sequence[Operation]) -> tuple[NamedParticipant, ...]:
        """Give groups to the operations that lack them; who is left is named beside the documents."""
        on: dict[tuple[str, str], list[Operation]] = defaultdict(list)
        for operation in operations:
            on[operation.channel_id, operation.action].append(operation)
        left: list[Use] = []
        for use in self.found.uses:
            there = on[use.channel_id, use.action]
            mine = [one for one in there if _is_of(use, one, self._filled)]
            if use.group is None:
                left += [] if mine else [use]
            elif any(one.consumer_group == use.group for one in there):
                continue
            elif mine:
                self._give(use, mine)
            else:
                left.append(use)
        anonymous: dict[str, list[Use]] = defaultdict(list)
        for use in left:
            if use.group is not None and use.service is None:
                anonymous[use.channel_id].append(use)
        given: set[int] = set()
        for channel_id, uses in anonymous.items():
            silent = [
                one for one in on[channel_id, "receive"] if one.consumer_group is None and one.key not in self._groups
            ]
            if len({use.group for use in uses}) == 1 and len(silent) == 1:
                self._give(uses[0], silent)
                given |= {id(use) for use in uses}
        return _named(use for use in left if id(use) not in given)

    def _give(self, use: Use, operations: Iterable[Operation]) -> None:
        for operation in operations:
            if operation.consumer_group is None:
                self._groups.setdefault(operation.key, use)
            elif use.group is not None and operation.consumer_group != use.group:
                said = Said(use.group, use.provenance, use.location)
                other = f"{operation.consumer_group!r} by {operation.consumer_group_provenance}"
                self._conflict("consumer group", said, other, operation.key)

    def _with_group(self, operation: Operation) -> Operation:
        use = self._groups.get(operation.key)
        if use is None:
            return operation
        return replace(
            operation,
            consumer_group=use.group,
            consumer_group_provenance=use.provenance,
            owner=operation.owner or use.owner,
        )


def _where(owner: Owner) -> str:
    """The other place of a conflict, in words."""
    return f"at {owner.location.path}:{owner.location.line}" if owner.location is not None else f"by {owner.provenance}"


def _same(one: Owner, other: Owner) -> bool:
    """Whether two owners are one team: by name, or as it is called among its organisation's code owners."""
    return folded(one.team.rsplit("/", 1)[-1]) == folded(other.team.rsplit("/", 1)[-1])


def _complemented(owner: Owner | None, others: Iterable[Owner | None]) -> Owner | None:
    """An owner with the details that it lacks, from others who name the same team."""
    if owner is None:
        return None
    filled = dict(owner.filled)
    for other in others:
        if other is None or not _same(owner, other):
            continue
        for detail in DETAILS:
            if getattr(owner, detail) is None and (value := getattr(other, detail)) is not None:
                filled[detail] = other.provenance
                owner = replace(owner, **{detail: value})
    return replace(owner, filled=tuple(filled.items()))


def _domain_of(claims: Sequence[ChannelClaim], documents: Sequence[Document]) -> tuple[str, str | None] | None:
    """The domain of a channel: of its documents, those that send first, else as its own page says."""
    for document in documents:
        if document.domain is not None:
            return document.domain, document.domain_provenance
    return next(((one.domain.value, one.domain.provenance) for one in claims if one.domain is not None), None)


def _is_of(use: Use, operation: Operation, documents: dict[str, Document]) -> bool:
    """Whether an operation is what a file names: of the same document, or of a service of that name."""
    if use.document is not None:
        return operation.document == use.document
    if use.service is None:
        return False
    names = {folded(operation.service), folded(documents[operation.document].title)}
    return folded(use.service) in names


def _named(uses: Iterable[Use]) -> tuple[NamedParticipant, ...]:
    """Participants that no document declares, each once; the first file that names one is its provenance."""
    found: dict[tuple[str, str, str, str | None], NamedParticipant] = {}
    for use in uses:
        key = (use.channel_id, use.action, folded(use.service or ""), use.group)
        found.setdefault(
            key,
            NamedParticipant(
                channel_id=use.channel_id,
                action=use.action,
                service=use.service,
                consumer_group=use.group,
                owner=use.owner,
                provenance=use.provenance,
                location=use.location,
            ),
        )
    return tuple(sorted(found.values(), key=lambda one: (one.channel_id, one.action != "send", one.service or "")))
