"""What a command may be told, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from msgspec import field

from observatory.location import Location, Placed
from observatory.reading import Reading
from observatory.settings.access import AccessSettings
from observatory.settings.deploys import Deploys
from observatory.settings.drift import DriftSettings
from observatory.settings.exclusions import Exclusion
from observatory.settings.grafana import GrafanaSettings
from observatory.settings.keeping import KeepingSettings
from observatory.settings.secrets import Asked


class PrometheusSettings(Asked, frozen=True, kw_only=True):
    """A Prometheus-compatible server.

    Attributes:
        labels: Matchers that every request carries, such as `cluster="eu-1"` on a shared server.
        remote_read: `auto` tries remote_read, then the export of VictoriaMetrics, then queries; `never` queries only.
    """

    url: str
    name: str = "metrics"
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 30.0
    remote_read: str = "auto"


class TelemetrySettings(Placed, frozen=True, kw_only=True):
    """Which telemetry measures channels whose documents and overlays do not say.

    Attributes:
        channels: A pattern of ids or addresses, `*` and `?` standing for anything: `kafka:*`, `orders.*`.
        profile: Id of the profile to prefer.
        labels: Labels that every series carries, such as the cluster.
        location: Where the settings file says so.
    """

    channels: str = "*"
    profile: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    location: Location | None = None


class ClickHouseSettings(Asked, frozen=True, kw_only=True):
    """A ClickHouse server whose days several instances share.

    Attributes:
        url: Of its HTTP interface.
    """

    url: str
    database: str = "default"
    timeout_seconds: float = 30.0


class Settings(Placed, frozen=True, kw_only=True):
    """Everything that a command may be told, resolved against the folder of the settings file.

    Attributes:
        documents: Files and folders to read.
        roots: Folders that references may not leave; the folders of `documents` when empty.
        overlays: Overlay files.
        ownership: Files and folders that say who owns what, beside those that lie with the documents.
        profiles_dir: Folder of the team's own telemetry profiles.
        policies_dir: Folder of the team's own burn-rate policies.
        dashboards_dir: Folder of the team's own dashboards, layered over the shipped ones.
        telemetry: What `x-telemetry` would say, for channels on which nobody says it; the first that fits.
        store: File of the embedded store.
        clickhouse: Where days that were counted are shared with other instances.
        journeys: The settings file, where it declares user journeys; they are read with the documents that they name.
        deploys: Metrics, and annotations in a Grafana, that tell of deployments, for pages that show what changed.
        drift: Names that run and need no document.
        exclusions: Planned work, during which alerts are silent and, where an objective says so, nothing is counted.
        keeping: How long what is kept, and how far back late telemetry is looked for.
        serve: Who may ask the server, and by which names.
        grafana: Where links from numbers to their series lead, beside the metrics source's own page.
        cache_dir: Folder for what unchanged documents need not be read for again; None keeps nothing.
    """

    beside: ClassVar = frozenset({"journeys"})

    documents: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    overlays: tuple[Path, ...] = ()
    ownership: tuple[Path, ...] = ()
    profiles_dir: Path | None = None
    policies_dir: Path | None = None
    dashboards_dir: Path | None = None
    prometheus: tuple[PrometheusSettings, ...] = ()
    telemetry: tuple[TelemetrySettings, ...] = ()
    store: Path | None = None
    clickhouse: ClickHouseSettings | None = None
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
    serve: AccessSettings = field(default_factory=AccessSettings)
    grafana: GrafanaSettings | None = None
    cache_dir: Path | None = None
    allow_remote_references: bool = False
    journeys: Reading | None = None
    deploys: tuple[Deploys, ...] = ()
    drift: DriftSettings = field(default_factory=DriftSettings)
    exclusions: tuple[Exclusion, ...] = ()
