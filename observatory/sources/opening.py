"""Sources from settings: every server and the store that a command may ask, opened together and closed together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import Struct

from observatory.errors import InputInvalid, Problem, SourceFailed
from observatory.settings import PrometheusSettings, Settings
from observatory.sources.base import MetricSource, SourceState, SpanSource
from observatory.sources.days_behind import DaysBehind
from observatory.sources.layered_days import LayeredDays

if TYPE_CHECKING:
    from observatory.sources.clickhouse import SharedDays
    from observatory.sources.empty_store import EmptyStore
    from observatory.sources.store import Store
    from observatory.sources.store.kept_days import KeptFolder
    from observatory.sources.store.lent import LentStore

_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})


class Sources(Struct, frozen=True):
    """All that can be asked; a context manager.

    Attributes:
        metrics: Servers of series, the store last.
        spans: Stores of spans.
        store: The embedded store, where there is one and its file is open; also among the others. Another process may
            own it.
        kept: Days that were counted before, in a folder beside the store.
        shared: The same, in a server that several instances share.
    """

    metrics: tuple[MetricSource, ...] = ()
    spans: tuple[SpanSource, ...] = ()
    store: Store | LentStore | None = None
    kept: KeptFolder | None = None
    shared: SharedDays | None = None

    @property
    def keeper(self) -> DaysBehind | None:
        """Where days are kept and found: on this machine first, then where all instances keep them."""
        shelves = [shelf for shelf in (self.kept, self.shared) if shelf is not None]
        if not shelves:
            return None
        return DaysBehind(shelves[0] if len(shelves) == 1 else LayeredDays(shelves))

    def states(self) -> tuple[SourceState, ...]:
        """How each server of series is doing."""
        return tuple(source.state() for source in self.metrics)

    def metric_source(self, name: str) -> MetricSource | None:
        """The server of series of this name."""
        return next((source for source in self.metrics if source.name == name), None)

    def close(self) -> None:
        """Close connections and the store; more than once does no harm."""
        for source in dict.fromkeys((*self.metrics, *self.spans, self.shared)):
            if callable(close := getattr(source, "close", None)):
                close()

    def __enter__(self) -> Sources:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_sources(settings: Settings, *, read_only_store: bool = False) -> Sources:
    """Connect to everything that the settings name. No server is asked yet.

    Args:
        read_only_store: Several processes may have the store open so at the same time, also while another one owns
            it and lends it. Beside a server there need not be one.

    Raises:
        InputInvalid: A URL is wrong, or two sources have one name.
        SourceFailed: The store cannot be opened, see `Store.open`.
    """
    names = Counter(server.name for server in settings.prometheus)
    repeated = sorted(name for name, count in names.items() if count > 1)
    if repeated:
        raise InputInvalid(
            Problem(
                code="source-name-repeated",
                message=f"several metrics sources are named {', '.join(repeated)}",
                hint="give each source a name of its own; bindings and problems refer to it",
            )
        )
    servers: tuple[MetricSource, ...] = ()
    if settings.prometheus:
        # Its HTTP libraries take a third of a second to import, which a command on the store alone need not pay.
        from observatory.sources.prometheus import PrometheusSource

        servers = tuple(PrometheusSource(server) for server in settings.prometheus)
    if settings.store is None:
        return Sources(metrics=servers, shared=_shared(settings, None))
    if read_only_store and settings.prometheus:
        return _beside_servers(settings, settings.store, servers)
    from observatory.sources.store import Store

    store = _readable(settings.store) if read_only_store else Store.open(settings.store)
    kept, shared = kept_beside(store, settings.prometheus), _shared(settings, store)
    return Sources(metrics=(*servers, store), spans=(store,), store=store, kept=kept, shared=shared)


def _beside_servers(settings: Settings, path: Path, servers: tuple[MetricSource, ...]) -> Sources:
    """Servers, and for reading the store where counts of them are kept, which often holds nothing itself."""
    from observatory.sources.empty_store import EmptyStore, known_empty, note_if_empty
    from observatory.sources.store.kept_days import KeptFolder

    folder = kept_folder_of(path)
    empty = known_empty(path, folder) if path.exists() else EmptyStore(path, {})
    if empty is not None:
        known = KeptFolder(folder, empty.writes, _identity(settings.prometheus))
        return Sources(metrics=(*servers, empty), spans=(empty,), kept=known, shared=_shared(settings, empty))
    from observatory.sources.store import Store

    store = _readable(path)
    if isinstance(store, Store):
        note_if_empty(store, path, folder)
    kept, shared = kept_beside(store, settings.prometheus), _shared(settings, store)
    return Sources(metrics=(*servers, store), spans=(store,), store=store, kept=kept, shared=shared)


def _shared(settings: Settings, store: Store | LentStore | EmptyStore | None) -> SharedDays | None:
    if settings.clickhouse is None:
        return None
    from observatory.sources.clickhouse import SharedDays

    writes = store.writes if store is not None else dict
    return SharedDays(settings.clickhouse, writes, _identity(settings.prometheus))


def _readable(path: Path) -> Store | LentStore:
    """The store for reading: from its owner where it has one, else the file itself.

    Raises:
        SourceFailed: See `Store.open`; the owner lends it to nobody.
    """
    from observatory.sources.store import Store
    from observatory.sources.store.lent import LentStore

    if (lent := LentStore.borrow(path)) is not None:
        return lent
    try:
        return Store.open(path, read_only=True)
    except SourceFailed as error:
        # Perhaps its owner had just opened it when we looked, and was not listening yet.
        if error.problems[0].code == "store-locked" and (lent := LentStore.borrow(path)) is not None:
            return lent
        raise


def kept_beside(store: Store | LentStore, servers: tuple[PrometheusSettings, ...] = ()) -> KeptFolder | None:
    """The folder of days counted from a store and these servers, beside the store; None for a store in memory."""
    from observatory.sources.store.kept_days import KeptFolder

    if store.path is None:
        return None
    return KeptFolder(kept_folder_of(store.path), store.writes, _identity(servers))


def kept_folder_of(path: Path) -> Path:
    """Where days are kept that were counted with this store at hand."""
    return path.with_name(f"{path.name}.days")


def _identity(servers: tuple[PrometheusSettings, ...]) -> str:
    """What decides which series the servers show. Credentials are left out: a new password changes no number."""
    return repr(
        [
            (
                server.name,
                server.url,
                sorted(server.labels.items()),
                sorted(entry for entry in server.headers.items() if entry[0].lower() not in _CREDENTIALS),
            )
            for server in servers
        ]
    )
