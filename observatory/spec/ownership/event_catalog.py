"""EventCatalog pages: front matter of domains, services, channels, messages, teams and users.

A service owns the documents among its specifications, else the document of its name. What it sends and receives is
placed by the channels that it names, by those of the message, or by the only channel that carries the message.
Pages under `versioned` describe the past and are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from observatory.location import Location
from observatory.spec.catalog import Action, Channel, Document, Owner
from observatory.spec.ownership.claims import ChannelClaim, Claim, Estate, Findings, Said, Use, folded, plain
from observatory.spec.ownership.finding import Faults, File
from observatory.spec.ownership.pages import Page, Pages
from observatory.spec.suggestions import meant

COLLECTIONS = {
    "domains": "domain",
    "subdomains": "domain",
    "services": "service",
    "agents": "service",
    "channels": "channel",
    "events": "message",
    "commands": "message",
    "queries": "message",
    "teams": "team",
    "users": "user",
}
OTHERS = frozenset({"adrs", "containers", "data-products", "diagrams", "docs", "entities", "flows", "policies"})
"""Collections of a catalogue that say nothing here."""
NESTED = ("channel", "message", "service")
"""Kinds whose pages may lie deeper in their collection."""
CONTACTS = ("email", "slackDirectMessageUrl", "msTeamsDirectMessageUrl")
SIDES: tuple[tuple[str, str, Action], ...] = (("sends", "to", "send"), ("receives", "from", "receive"))
PARTIES: tuple[tuple[str, Action], ...] = (("producers", "send"), ("consumers", "receive"))


class Entry(Struct, frozen=True, eq=False):
    """One page; `id` is what others refer to it by."""

    kind: str
    id: str
    page: Page
    data: dict[str, Any]

    def source(self, *segments: str) -> str:
        """The provenance of what stands at a part: `eventcatalog services/Shop/index.mdx:7`."""
        return f"eventcatalog {self.page.line(*segments)}"

    def items(self, key: str) -> Iterator[tuple[str, tuple[str, ...], dict[str, Any]]]:
        """References of a list: the id, its path in the page, and what else is said with it."""
        values = self.data.get(key)
        for index, value in enumerate(values) if isinstance(values, list) else ():
            if isinstance(value, dict):
                if (name := plain(value.get("id"))) is not None:
                    yield name, (key, str(index), "id"), value
            elif (name := plain(value)) is not None:
                yield name, (key, str(index)), {}


class EventCatalog(Struct):
    """All pages, and what they mean for documents and channels."""

    pages: Pages
    estate: Estate
    found: Findings
    faults: Faults
    _entries: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _documents: dict[str, str] = field(default_factory=dict)

    def read(self, files: Iterable[File]) -> None:
        """Read the front matter of every page that belongs to a collection."""
        for file in files:
            if (known := _kind_of(file)) is None:
                continue
            kind, direct = known
            for page in self.pages.front_matter(file):
                if direct or (isinstance(page.data, dict) and "id" in page.data):
                    self._keep(kind, page)

    def claim(self) -> None:
        """Put what the pages say into `found`."""
        claimed: dict[str, Entry] = {}
        for service in self._of("service"):
            self._check_owners(service)
            for document in self._documents_of(service):
                first = claimed.setdefault(document.name, service)
                if first is not service:
                    message = f"{service.id!r} and {first.id!r} both claim {document.path}"
                    hint = f"the first is believed: {first.page.line('id')}"
                    at = service.page.at("id")
                    self.faults.add("ownership-twice", message, at, hint, severity="warning")
                    continue
                self._documents.setdefault(service.id, document.name)
                self.found.claims.append(
                    Claim(
                        reader="eventcatalog",
                        document=document.name,
                        owner=self._owner(service),
                        domain=self._domain(service),
                        service=Said(service.id, service.source("id"), service.page.at("id")),
                    )
                )
        for channel in self._of("channel"):
            self._check_owners(channel)
            self._claim_channel(channel)
        self._claim_by_messages()
        self._claim_uses()

    def _claim_uses(self) -> None:
        """Who sends and receives, by the pages of services and by those of messages."""
        for service in self._of("service"):
            for key, places, action in SIDES:
                for name, path, more in service.items(key):
                    self._use(service, service.id, name, more.get(places), action, path)
        for entry in self._of("message"):
            self._check_owners(entry)
            for key, action in PARTIES:
                for name, path, _ in entry.items(key):
                    self._use(entry, name, entry.id, None, action, path)

    def _of(self, kind: str) -> list[Entry]:
        return list(self._entries.get(kind, {}).values())

    def _keep(self, kind: str, page: Page) -> None:
        data = page.data
        name = plain(data.get("id", data.get("name"))) if isinstance(data, dict) else None
        if not isinstance(data, dict) or name is None:
            message = f"the page of this {kind} has no id"
            self.faults.add("ownership-form", message, page.at(), "add id: to its front matter", file=page.file)
            return
        entry = Entry(kind, name, page, data)
        first = self._entries.setdefault(kind, {}).setdefault(entry.id, entry)
        if first is not entry:
            message = f"there are two of the {kind} {entry.id!r}"
            hint = f"the first is believed: {first.page.line('id')}"
            self.faults.add("ownership-twice", message, page.at("id"), hint, severity="warning")

    # documents

    def _documents_of(self, service: Entry) -> list[Document]:
        """Documents among the specifications of a service, else the one of its name."""
        listed = [document for path in _specifications(service) if (document := self._at(service, path)) is not None]
        if listed:
            return list({one.name: one for one in listed}.values())
        title = service.data.get("name")
        named = self.estate.called(service.id) or (self.estate.called(title) if isinstance(title, str) else None)
        return [named] if named is not None else []

    def _at(self, service: Entry, path: str) -> Document | None:
        try:
            return self.estate.by_path.get(Path(os.path.normpath(service.page.folder / path)).resolve())
        except (OSError, ValueError, RuntimeError):
            return None

    def _domain(self, entry: Entry) -> Said | None:
        """The domain that lists an entry, else the one in whose folder it lies."""
        for domain in self._of("domain"):
            for key in (f"{entry.kind}s", "agents"):
                for name, at, _ in domain.items(key):
                    if name == entry.id:
                        return Said(domain.id, domain.source(*at), domain.page.at(*at))
        around = [one for one in self._of("domain") if entry.page.folder.is_relative_to(one.page.folder)]
        nearest = max(around, key=lambda one: len(one.page.folder.parts), default=None)
        return Said(nearest.id, nearest.source("id"), nearest.page.at("id")) if nearest is not None else None

    # owners

    def _owner(self, entry: Entry) -> Owner | None:
        """The first team among the owners, else the first person; with how to reach it."""
        listed = list(entry.items("owners"))
        if not listed:
            return None
        teams, users = self._entries.get("team", {}), self._entries.get("user", {})
        name, at, _ = next((one for one in listed if one[0] in teams), listed[0])
        team = teams.get(name) or users.get(name)
        contacts = [plain(team.data.get(key)) for key in CONTACTS] if team is not None else []
        return Owner(
            team=name,
            contact=next((text for text in contacts if text), None),
            runbook=_runbook(entry) or (_runbook(team) if team is not None else None),
            provenance=entry.source(*at),
            location=entry.page.at(*at),
        )

    def _check_owners(self, entry: Entry) -> None:
        known = [*self._entries.get("team", {}), *self._entries.get("user", {})]
        for name, at, _ in entry.items("owners") if known else ():
            if name not in known and not self.faults.full:
                near = meant(name, known)
                hint = f"did you mean {near!r}?" if near else "add its page to teams/ or users/"
                message = f"no team and no user is called {name!r}"
                self.faults.add("ownership-reference", message, entry.page.at(*at), hint, severity="warning")

    # channels

    def _channels_of(self, entry: Entry) -> list[Channel]:
        """Channels of the catalogue that a channel's page describes."""
        address = entry.data.get("address")
        protocols = [one for one in _list(entry.data.get("protocols")) if isinstance(one, str)]
        wanted = address if isinstance(address, str) and address else entry.id
        exact = self.estate.channels_at(wanted, protocols)
        return exact or self.estate.channels_at(wanted)

    def _claim_channel(self, entry: Entry) -> None:
        owner, domain = self._owner(entry), self._domain(entry)
        for channel in self._channels_of(entry):
            self.found.channels.append(
                ChannelClaim(reader="eventcatalog", channel_id=channel.id, owner=owner, domain=domain)
            )

    def _claim_by_messages(self) -> None:
        """Channels without an owner of their own belong to the owner of their messages, where these agree."""
        owned = {
            one.channel_id for one in self.found.channels if one.reader == "eventcatalog" and one.owner is not None
        }
        owners: dict[str, list[Owner]] = {}
        for message in self._of("message"):
            if (owner := self._owner(message)) is not None:
                for channel_id in set(self._placed(message.id, None)) - owned:
                    owners.setdefault(channel_id, []).append(owner)
        for channel_id, found in owners.items():
            if len({owner.team for owner in found}) == 1:
                self.found.channels.append(ChannelClaim(reader="eventcatalog", channel_id=channel_id, owner=found[0]))

    def _placed(self, message: str, places: Any) -> list[str]:
        """Ids of the channels that a message travels on: as named, by the message's page, or the only one there is."""
        named = [str(one["id"]) for one in _list(places) if isinstance(one, dict) and "id" in one]
        named += [one for one in _list(places) if isinstance(one, str)]
        page = self._entries.get("message", {}).get(message)
        if not named and page is not None:
            named = [name for name, _, _ in page.items("channels")]
        entries = self._entries.get("channel", {})
        ids = [
            channel.id
            for name in named
            for channel in (self._channels_of(entries[name]) if name in entries else self.estate.channels_at(name))
        ]
        if not named:
            carrying = self.estate.channels_of_message.get(folded(message), ())
            return list(carrying) if len(carrying) == 1 else []
        return list(dict.fromkeys(ids))

    def _use(self, entry: Entry, service: str, message: str, places: Any, action: Action, at: tuple[str, ...]) -> None:
        page = self._entries.get("service", {}).get(service)
        place: Location = entry.page.at(*at)
        for channel_id in self._placed(message, places):
            self.found.uses.append(
                Use(
                    reader="eventcatalog",
                    channel_id=channel_id,
                    action=action,
                    provenance=entry.source(*at),
                    location=place,
                    document=self._documents.get(service),
                    service=service,
                    owner=self._owner(page) if page is not None else None,
                )
            )


def _kind_of(file: File) -> tuple[str, bool] | None:
    """The kind of a page, and whether it lies in its collection directly; None for what says nothing here.

    `services/Shop/index.mdx` is a service, `teams/shop.md` a team; old versions are left out.
    """
    root = file.root or file.path.parent
    inside = file.path.relative_to(root).parts[:-1] if file.path.is_relative_to(root) else ()
    folders = (root.parent.name, root.name, *inside)
    if "versioned" in folders:
        return None
    if file.path.stem.lower() != "index":
        kind = COLLECTIONS.get(folders[-1])
        return (kind, True) if kind in ("team", "user") else None
    # The page's own folder is the resource; the collection is above.
    for depth, name in enumerate(reversed(folders[:-1])):
        if name in OTHERS:
            return None
        if name in COLLECTIONS:
            kind = COLLECTIONS[name]
            return (kind, depth == 0) if depth == 0 or kind in NESTED else None
    return None


def _specifications(service: Entry) -> Iterator[str]:
    """Paths of the AsyncAPI documents of a service, in both ways of writing them."""
    written = service.data.get("specifications")
    if isinstance(written, dict) and isinstance(written.get("asyncapiPath"), str):
        yield written["asyncapiPath"]
    for one in _list(written):
        if (
            isinstance(one, dict)
            and str(one.get("type", "")).lower() == "asyncapi"
            and isinstance(one.get("path"), str)
        ):
            yield one["path"]


def _runbook(entry: Entry) -> str | None:
    """The address of the first attachment that is called a runbook."""
    for one in _list(entry.data.get("attachments")):
        if isinstance(one, dict):
            words = f"{one.get('type', '')} {one.get('title', '')}".lower().split()
            if {"runbook", "runbooks"} & set(words):
                return plain(one.get("url"))
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
