"""Settings: `observatory.yaml`, the environment and flags, joined once into one frozen value.

A flag wins over the environment, the environment over the file. Credentials come from files or the
environment, never from a flag's value.
"""

from observatory.settings.access import AccessSettings
from observatory.settings.grafana import GrafanaSettings
from observatory.settings.keeping import KeepingSettings
from observatory.settings.load import DEFAULT_FILE, load_settings
from observatory.settings.values import ClickHouseSettings, PrometheusSettings, Settings, TelemetrySettings

__all__ = [
    "DEFAULT_FILE",
    "AccessSettings",
    "ClickHouseSettings",
    "GrafanaSettings",
    "KeepingSettings",
    "PrometheusSettings",
    "Settings",
    "TelemetrySettings",
    "load_settings",
]
