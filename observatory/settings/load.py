"""Reads `observatory.yaml`, the environment and flags. Every fault is found in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading import Reading, read
from observatory.settings.access import read_access
from observatory.settings.cache_folder import cache_folder
from observatory.settings.clickhouse import EXAMPLE as CLICKHOUSE_EXAMPLE
from observatory.settings.clickhouse import KEYS as CLICKHOUSE_KEYS
from observatory.settings.clickhouse import clickhouse_at
from observatory.settings.deploys import read_deploys
from observatory.settings.drift import read_drift
from observatory.settings.exclusions import read_exclusions
from observatory.settings.grafana import read_grafana
from observatory.settings.keeping import read_keeping
from observatory.settings.secrets import HeaderError, header_value, split_header, take_credentials
from observatory.settings.unknown_keys import unknown_keys
from observatory.settings.values import ClickHouseSettings, PrometheusSettings, Settings, TelemetrySettings

DEFAULT_FILE = Path("observatory.yaml")
REMOTE_READ = ("auto", "never")
_PATH_LISTS = ("documents", "roots", "overlays", "ownership")
_PATHS = ("profiles_dir", "policies_dir", "dashboards_dir", "cache_dir")
_Part = tuple[str, Callable[[Reading, Path, list[Problem]], Any]]
_PARTS: tuple[_Part, ...] = (
    ("drift", read_drift),
    ("exclusions", read_exclusions),
    ("serve", read_access),
    ("grafana", read_grafana),
)
"""Keys that have a reader of their own."""
_KEYS = tuple(name for name in Settings.__struct_fields__ if name != "keeping")


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    documents: Sequence[Path] = (),
    prometheus_url: str | None = None,
    clickhouse_url: str | None = None,
    store: Path | None = None,
    headers: Sequence[str] = (),
    ownership: Sequence[Path] = (),
    overlays: Sequence[Path] = (),
    cache: bool = True,
) -> Settings:
    """The settings of one run.

    Args:
        path: The settings file; `observatory.yaml` in the working folder, where there is one, when None.
        environ: `OBSERVATORY_PROMETHEUS_URL`, `OBSERVATORY_PROMETHEUS_HEADERS` (one `Name: value` per line),
            `OBSERVATORY_STORE`, `OBSERVATORY_CACHE_DIR`, the variables behind its default (`cache_folder`), and what
            header values refer to as `$NAME`.
        documents: Replace those of the file.
        prometheus_url: Replaces all servers of the file, and with them their headers: a credential goes only to the
            server that it was written for.
        clickhouse_url: Replaces that of the file, headers included; so does `OBSERVATORY_CLICKHOUSE_URL`.
        store: Replaces that of the file. What lies beside a store lies beside the file itself, by whichever link it is
            named.
        headers: `Name: value`, `Name: @file` or `Name: $VARIABLE`, added for every server.
        ownership: Added to those of the file.
        overlays: Added to those of the file.
        cache: False where nothing is to be kept between runs, wherever it would be.

    Raises:
        InputInvalid: Something cannot be used; carries every problem found.
    """
    problems: list[Problem] = []
    settings = Settings()
    chosen = path or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    if chosen is not None:
        settings = _File(read(chosen), chosen.parent, environ, problems).settings()
    url = prometheus_url or environ.get("OBSERVATORY_PROMETHEUS_URL")
    if url:
        where = "--prometheus" if prometheus_url else "OBSERVATORY_PROMETHEUS_URL"
        settings = replace(settings, prometheus=_one_server(url, where, problems))
    shared = clickhouse_url or environ.get("OBSERVATORY_CLICKHOUSE_URL")
    if shared:
        where = "--clickhouse" if clickhouse_url else "OBSERVATORY_CLICKHOUSE_URL"
        settings = replace(settings, clickhouse=_shared_ledger(shared, where, problems))
    added = _headers(environ.get("OBSERVATORY_PROMETHEUS_HEADERS", "").splitlines(), environ, problems, secret=True)
    added |= _headers(headers, environ, problems, secret=False)
    if problems:
        raise InputInvalid(problems)
    servers = tuple(replace(server, headers={**server.headers, **added}) for server in settings.prometheus)
    chosen_store = store or (Path(environ["OBSERVATORY_STORE"]) if environ.get("OBSERVATORY_STORE") else settings.store)
    return replace(
        settings,
        prometheus=servers,
        store=chosen_store.resolve() if chosen_store is not None and chosen_store.is_symlink() else chosen_store,
        documents=tuple(documents) or settings.documents,
        ownership=(*settings.ownership, *ownership),
        overlays=(*settings.overlays, *overlays),
        cache_dir=cache_folder(environ, settings.cache_dir) if cache else None,
    )


def _one_server(url: str, where: str, problems: list[Problem]) -> tuple[PrometheusSettings, ...]:
    try:
        clean, headers = take_credentials(url)
    except ValueError as error:
        problems.append(Problem(code="settings-url", message=f"{where}: {error}", hint="http://localhost:9090"))
        return ()
    return (PrometheusSettings(url=clean, headers=headers),)


def _shared_ledger(url: str, where: str, problems: list[Problem]) -> ClickHouseSettings | None:
    try:
        return clickhouse_at(url)
    except ValueError as error:
        problems.append(Problem(code="settings-url", message=f"{where}: {error}", hint=CLICKHOUSE_EXAMPLE))
        return None


def _headers(
    lines: Sequence[str], environ: Mapping[str, str], problems: list[Problem], *, secret: bool
) -> dict[str, str]:
    """Headers from text; `secret` says that a credential may stand in the text itself."""
    found: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        try:
            name, value = split_header(line)
            found[name] = header_value(name, value, environ, Path(), literal_secret=secret)
        except HeaderError as error:
            message = f"{'OBSERVATORY_PROMETHEUS_HEADERS' if secret else '--header'}: {error}"
            problems.append(Problem(code="settings-header", message=message, hint=error.hint))
    return found


class _File(Struct):
    """One settings file; faults go to `problems` with their place."""

    reading: Reading
    folder: Path
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)

    def settings(self) -> Settings:
        data = self.reading.data
        if not isinstance(data, dict):
            self._add("settings-value", "settings are a mapping", ())
            return Settings()
        self._known(data, _KEYS, ())
        values: dict[str, Any] = {}
        for key in _PATH_LISTS:
            if key in data:
                values[key] = self._path_list(key, data[key])
        for key in _PATHS:
            if data.get(key) is not None and (found := self._path(data[key], (key,))) is not None:
                values[key] = found
        if data.get("clickhouse") is not None:
            values["clickhouse"] = self._clickhouse(data["clickhouse"])
        if data.get("store") is not None:
            values |= self._store(data["store"])
        if "allow_remote_references" in data:
            values["allow_remote_references"] = self._switch(data["allow_remote_references"], "allow_remote_references")
        if data.get("journeys") is not None:
            values["journeys"] = self.reading
        if "prometheus" in data:
            values["prometheus"] = self._servers(data["prometheus"])
        deploying: _Part = ("deploys", partial(read_deploys, environ=self.environ))
        for key, read_part in (*_PARTS, deploying):
            if key in data:
                values[key] = read_part(self.reading, self.folder, self.problems)
        if "telemetry" in data:
            values["telemetry"] = tuple(self._telemetry(data["telemetry"]))
        return Settings(**values)

    def _switch(self, value: Any, key: str) -> bool:
        if not isinstance(value, bool):
            self._add("settings-value", f"{key} is true or false", (key,))
        return value is True

    def _telemetry(self, value: Any) -> Iterator[TelemetrySettings]:
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            at = ("telemetry", str(index)) if isinstance(value, list) else ("telemetry",)
            if not isinstance(item, dict):
                hint = "write {channels: 'kafka:*', profile: kminion, labels: {cluster: eu-1}}"
                self._add("settings-value", "what measures channels is a mapping", at, hint)
                continue
            self._known(item, [name for name in TelemetrySettings.__struct_fields__ if name != "location"], at)
            words = {key: item[key] for key in ("channels", "profile") if item.get(key) is not None}
            place = self.reading.at(at)
            for key in [key for key, text in words.items() if not isinstance(text, str) or not text.strip()]:
                self._add("settings-value", f"{key} is text", (*at, key))
                del words[key]
            yield TelemetrySettings(**words, labels=self._texts(item, "labels", at), location=place)

    def _store(self, value: Any) -> dict[str, Any]:
        """The file of the store, and where it is a mapping, what is kept in it how long."""
        values: dict[str, Any] = {}
        path: Any = value
        at: tuple[str, ...] = ("store",)
        if isinstance(value, dict):
            values["keeping"] = read_keeping(value, self.reading, self.problems)
            path, at = value.get("path"), ("store", "path")
        if (path is not None or not isinstance(value, dict)) and (found := self._path(path, at)) is not None:
            values["store"] = found
        return values

    def _path_list(self, key: str, value: Any) -> tuple[Path, ...]:
        items = value if isinstance(value, list) else [value]
        paths = [
            self._path(item, (key, str(index)) if isinstance(value, list) else (key,))
            for index, item in enumerate(items)
        ]
        return tuple(path for path in paths if path is not None)

    def _path(self, value: Any, at: tuple[str, ...]) -> Path | None:
        if isinstance(value, str) and value.strip() and "\0" not in value:
            return self.folder / Path(value).expanduser()
        self._add("settings-value", f"{at[0]} is a path, relative to the settings file", at)
        return None

    def _servers(self, value: Any) -> tuple[PrometheusSettings, ...]:
        items = value if isinstance(value, list) else [value]
        servers: list[PrometheusSettings] = []
        for index, item in enumerate(items):
            at = ("prometheus", str(index)) if isinstance(value, list) else ("prometheus",)
            server = self._server({"url": item} if isinstance(item, str) else item, at, len(servers))
            if server is None:
                continue
            if any(other.name == server.name for other in servers):
                self._add("settings-value", f"two servers are called {server.name!r}", (*at, "name"))
            servers.append(server)
        return tuple(servers)

    def _server(self, item: Any, at: tuple[str, ...], number: int) -> PrometheusSettings | None:
        if not isinstance(item, dict):
            hint = "write {url: http://localhost:9090}"
            self._add("settings-value", "a Prometheus server is a URL or a mapping", at, hint)
            return None
        self._known(item, list(PrometheusSettings.__struct_fields__), at)
        if not isinstance(item.get("url"), str):
            self._add("settings-url", "a Prometheus server needs a url", at, "add url: http://localhost:9090")
            return None
        try:
            url, headers = take_credentials(item["url"])
        except ValueError as error:
            self._add("settings-url", str(error), (*at, "url"), "http://localhost:9090")
            return None
        values: dict[str, Any] = {"url": url, "name": "metrics" if number == 0 else f"metrics-{number + 1}"}
        if "name" in item:
            if isinstance(item["name"], str) and item["name"].strip():
                values["name"] = item["name"].strip()
            else:
                self._add("settings-value", "name is text", (*at, "name"))
        values["headers"] = {**headers, **self._header_values(item, at)}
        values["labels"] = self._texts(item, "labels", at)
        values |= self._timeout(item, at)
        if "remote_read" in item:
            if item["remote_read"] in REMOTE_READ:
                values["remote_read"] = item["remote_read"]
            else:
                self._add("settings-value", f"remote_read is {' or '.join(REMOTE_READ)}", (*at, "remote_read"))
        return PrometheusSettings(**values)

    def _clickhouse(self, item: Any) -> ClickHouseSettings | None:
        at = ("clickhouse",)
        if isinstance(item, str):
            item = {"url": item}
        if not isinstance(item, dict) or not isinstance(item.get("url"), str):
            self._add("settings-url", "clickhouse is a URL, or a mapping with a url", at, CLICKHOUSE_EXAMPLE)
            return None
        self._known(item, CLICKHOUSE_KEYS, at)
        try:
            found = clickhouse_at(item["url"])
        except ValueError as error:
            self._add("settings-url", str(error), at, CLICKHOUSE_EXAMPLE)
            return None
        headers = {**found.headers, **self._header_values(item, at)}
        timeout = self._timeout(item, at).get("timeout_seconds", found.timeout_seconds)
        return replace(found, headers=headers, timeout_seconds=timeout)

    def _header_values(self, item: dict[str, Any], at: tuple[str, ...]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, text in self._texts(item, "headers", at).items():
            try:
                found[name] = header_value(name, text, self.environ, self.folder, literal_secret=True)
            except HeaderError as error:
                self._add("settings-header", str(error), (*at, "headers", name), error.hint)
        return found

    def _timeout(self, item: dict[str, Any], at: tuple[str, ...]) -> dict[str, float]:
        timeout = item.get("timeout_seconds")
        if timeout is None:
            return {}
        if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout <= 3600:
            return {"timeout_seconds": float(timeout)}
        self._add("settings-value", "timeout_seconds is a number up to 3600", (*at, "timeout_seconds"))
        return {}

    def _texts(self, item: dict[str, Any], key: str, at: tuple[str, ...]) -> dict[str, str]:
        value = item.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._add("settings-value", f"{key} is a mapping of names to text", (*at, key))
            return {}
        found: dict[str, str] = {}
        for name, text in value.items():
            if isinstance(text, str | int) and not isinstance(text, bool):
                found[name] = str(text)
            else:
                self._add("settings-value", f"{name} of {key} is text", (*at, key, name))
        return found

    def _known(self, data: dict[str, Any], known: Sequence[str], at: tuple[str, ...]) -> None:
        self.problems += unknown_keys(data, known, at, self.reading)

    def _add(self, code: str, message: str, at: tuple[str, ...], hint: str | None = None) -> None:
        location: Location = self.reading.at(at)
        self.problems.append(Problem(code=code, message=message, location=location, hint=hint))
