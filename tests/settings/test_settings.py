"""observatory.yaml, the environment and flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from observatory.errors import InputInvalid, Problem
from observatory.settings import (
    ClickHouseSettings,
    GrafanaSettings,
    KeepingSettings,
    PrometheusSettings,
    Settings,
    TelemetrySettings,
    load_settings,
)

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def writer(text: str, name: str = "observatory.yaml") -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def refused(path: Path | None, environ: Mapping[str, str] | None = None, **options: Any) -> list[Problem]:
    with pytest.raises(InputInvalid) as caught:
        load_settings(path, environ or {}, **options)
    return caught.value.problems


def test_without_a_file_there_are_defaults(write: Write) -> None:
    assert load_settings(None, {}) == Settings()


def test_the_file_of_the_working_folder_is_read_by_itself(write: Write) -> None:
    write("store: data.duckdb\n")
    assert load_settings(None, {}).store == Path("data.duckdb")


def test_every_setting_is_read_and_paths_are_relative_to_the_file(write: Write) -> None:
    path = write(
        """
documents: [docs, more/a.yaml]
roots: .
overlays: [o.yaml]
ownership: [ec, ../CODEOWNERS]
profiles_dir: profiles
policies_dir: policies
dashboards_dir: /srv/dashboards
store: data/x.duckdb
allow_remote_references: true
prometheus:
  - url: http://one:9090/
    name: one
    labels: {cluster: eu-1}
    timeout_seconds: 5
    remote_read: never
  - http://two:9090/prefix/
""",
        "conf/observatory.yaml",
    )
    assert load_settings(path, {}) == Settings(
        documents=(Path("conf/docs"), Path("conf/more/a.yaml")),
        roots=(Path("conf"),),
        overlays=(Path("conf/o.yaml"),),
        ownership=(Path("conf/ec"), Path("conf/../CODEOWNERS")),
        profiles_dir=Path("conf/profiles"),
        policies_dir=Path("conf/policies"),
        dashboards_dir=Path("/srv/dashboards"),
        store=Path("conf/data/x.duckdb"),
        allow_remote_references=True,
        prometheus=(
            PrometheusSettings(
                url="http://one:9090",
                name="one",
                labels={"cluster": "eu-1"},
                timeout_seconds=5.0,
                remote_read="never",
            ),
            PrometheusSettings(url="http://two:9090/prefix", name="metrics-2"),
        ),
    )


def test_a_flag_wins_over_the_environment_and_that_over_the_file(write: Write) -> None:
    path = write(
        "store: file.duckdb\nprometheus: http://file:9090\ndocuments: [file]\noverlays: [file.yaml]\nownership: ec\n"
    )
    environ = {"OBSERVATORY_STORE": "env.duckdb", "OBSERVATORY_PROMETHEUS_URL": "http://env:9090"}
    assert load_settings(path, {}).store == Path("file.duckdb")
    assert load_settings(path, environ).store == Path("env.duckdb")
    assert [server.url for server in load_settings(path, environ).prometheus] == ["http://env:9090"]
    flagged = load_settings(
        path,
        environ,
        store=Path("flag.duckdb"),
        prometheus_url="http://flag:9090",
        documents=[Path("flag")],
        overlays=[Path("flag.yaml")],
        ownership=[Path("CODEOWNERS")],
    )
    assert flagged.store == Path("flag.duckdb")
    assert [server.url for server in flagged.prometheus] == ["http://flag:9090"]
    assert flagged.documents == (Path("flag"),)
    assert flagged.overlays == (Path("file.yaml"), Path("flag.yaml"))
    assert flagged.ownership == (Path("ec"), Path("CODEOWNERS"))


def test_credentials_in_an_address_become_a_header_and_are_not_shown(write: Write) -> None:
    (server,) = load_settings(None, {}, prometheus_url="https://user:p%40ss@prom.example:9090/x").prometheus
    assert server.url == "https://prom.example:9090/x"
    assert server.headers == {"Authorization": "Basic dXNlcjpwQHNz"}
    assert "dXNlcjpwQHNz" not in repr(server)


def test_headers_of_a_file_do_not_go_to_another_server(write: Write) -> None:
    path = write("prometheus: {url: http://file:9090, headers: {Authorization: Bearer abc}}\n")
    assert load_settings(path, {}).prometheus[0].headers == {"Authorization": "Bearer abc"}
    assert load_settings(path, {}, prometheus_url="http://other:9090").prometheus[0].headers == {}


def test_header_values_come_from_files_and_the_environment(write: Write) -> None:
    write("Bearer from-file\n", "conf/token")
    path = write(
        "prometheus: {url: 'http://a', headers: {Authorization: '@token', X-Key: $KEY, X-Other: '${KEY}', X-Id: 7}}\n",
        "conf/observatory.yaml",
    )
    (server,) = load_settings(path, {"KEY": "from-env"}).prometheus
    assert server.headers == {
        "Authorization": "Bearer from-file",
        "X-Key": "from-env",
        "X-Other": "from-env",
        "X-Id": "7",
    }


def test_header_flags_are_added_to_every_server(write: Write) -> None:
    write("Bearer t\n", "token")
    path = write("prometheus: [{url: 'http://a', name: a}, {url: 'http://b', name: b}]\n")
    environ = {"OBSERVATORY_PROMETHEUS_HEADERS": "X-Env: 1\n\nX-Scope-OrgID: env"}
    headers = ["X-Scope-OrgID: tenant", "Authorization: @token"]
    expected = {"X-Env": "1", "X-Scope-OrgID": "tenant", "Authorization": "Bearer t"}
    assert [server.headers for server in load_settings(path, environ, headers=headers).prometheus] == [expected] * 2


@pytest.mark.parametrize("name", ["Authorization", "cookie", "X-Api-Key", "X-Vault-Token"])
def test_a_credential_in_a_flag_is_refused_and_not_repeated(write: Write, name: str) -> None:
    (problem,) = refused(None, headers=[f"{name}: hunter2"])
    assert problem.code == "settings-header"
    assert "would show in the list of processes" in problem.message
    assert "hunter2" not in problem.render()


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("no colon", "a header is written as 'Name: value'"),
        ("Bad Name: x", "'Bad Name' is no name of a header"),
        ("A: @missing", "the file missing cannot be read: No such file or directory"),
        ("A: $MISSING", "A refers to $MISSING, which is not set"),
        ("A: x\r\nB: y", "the value of A holds a control character"),
    ],
)
def test_headers_that_cannot_be_used_are_refused(write: Write, header: str, says: str) -> None:
    (problem,) = refused(None, headers=[header])
    assert (problem.code, problem.message) == ("settings-header", f"--header: {says}")


@pytest.mark.parametrize(
    "url", ["prom:9090", "ftp://prom", "http://", "http://prom?x=1", "http://a:99999", "http://[::"]
)
def test_addresses_that_cannot_be_used_are_refused(write: Write, url: str) -> None:
    (problem,) = refused(None, prometheus_url=url)
    assert problem.code == "settings-url"
    assert problem.message.startswith("--prometheus: ")


def test_an_ipv6_address_keeps_its_brackets(write: Write) -> None:
    assert load_settings(None, {}, prometheus_url="http://[::1]:9090").prometheus[0].url == "http://[::1]:9090"


def test_a_wrong_address_with_a_password_is_not_shown(write: Write) -> None:
    path = write("prometheus: 'ftp://user:hunter2@prom'\n")
    (problem,) = refused(path)
    assert problem.code == "settings-url"
    assert "hunter2" not in problem.render()


def test_everything_wrong_in_a_file_is_found_at_once(write: Write) -> None:
    path = write(
        """documents: 5
storee: x
prometheus:
  - url: http://a
    headrs: {}
    timeout_seconds: -1
    remote_read: maybe
    labels: [a]
  - url: http://b
    name: metrics
  - name: c
allow_remote_references: 'yes'
"""
    )
    found = [(problem.code, str(problem.location), problem.hint) for problem in refused(path)]
    assert sorted(found, key=str) == sorted(
        [
            ("settings-value", "observatory.yaml:1:12", None),
            ("settings-key", "observatory.yaml:2:1", "did you mean 'store'?"),
            ("settings-key", "observatory.yaml:5:5", "did you mean 'headers'?"),
            ("settings-value", "observatory.yaml:6:22", None),
            ("settings-value", "observatory.yaml:7:18", None),
            ("settings-value", "observatory.yaml:8:13", None),
            ("settings-value", "observatory.yaml:10:11", None),
            ("settings-url", "observatory.yaml:11:5", "add url: http://localhost:9090"),
            ("settings-value", "observatory.yaml:12:26", None),
        ],
        key=str,
    )


def test_links_may_lead_to_a_grafana(write: Write) -> None:
    path = write("grafana: {url: 'https://grafana.example/', datasource: P1809F7}\n")
    assert load_settings(path, {}).grafana == GrafanaSettings(url="https://grafana.example", datasource="P1809F7")


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("[]", "settings-value", "grafana is a mapping"),
        ("{datasource: P1}", "settings-url", "the address of a server starts with http:// or https://"),
        ("{url: 'javascript:alert(1)', datasource: P1}", "settings-url", "starts with http:// or https://"),
        ("{url: 'https://ana:pw@grafana.example', datasource: P1}", "settings-value", "carry no user and no password"),
        ("{url: 'https://grafana.example'}", "settings-value", "datasource is the uid of a data source"),
        ("{url: 'https://grafana.example', datasource: 'a b'}", "settings-value", "letters, digits, - and _"),
        ("{url: 'https://grafana.example', datasource: P1, org: 2}", "settings-key", "no setting 'org' of grafana"),
    ],
)
def test_a_faulty_grafana_is_told_with_its_place(write: Write, text: str, code: str, says: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        load_settings(write(f"grafana: {text}\n"), {})
    (problem,) = refused.value.problems
    assert problem.code == code
    assert says in problem.message
    assert "pw" not in str(problem)
    assert problem.location is not None
    assert problem.location.line == 1


def test_a_file_that_is_named_and_missing_is_an_error(write: Write) -> None:
    (problem,) = refused(Path("none.yaml"))
    assert problem.code == "file-missing"


def test_settings_that_are_no_mapping_are_refused(write: Write) -> None:
    (problem,) = refused(write("- a\n"))
    assert (problem.code, problem.message) == ("settings-value", "settings are a mapping")


def test_what_measures_channels_is_a_list_of_rules(write: Write) -> None:
    path = write(
        "telemetry:\n  - {channels: 'kafka:*', profile: kminion, labels: {cluster: eu-1}}\n  - {labels: {env: x}}\n"
    )

    assert load_settings(path, {}).telemetry == (
        TelemetrySettings(channels="kafka:*", profile="kminion", labels={"cluster": "eu-1"}),
        TelemetrySettings(labels={"env": "x"}),
    )


def test_every_fault_of_a_telemetry_rule_is_found(write: Write) -> None:
    path = write("telemetry: [{profil: kminion, channels: 3}, kminion]\n")

    assert [problem.message for problem in refused(path)] == [
        "there is no setting 'profil' of telemetry",
        "channels is text",
        "what measures channels is a mapping",
    ]


def test_the_store_says_how_long_what_is_kept(write: Write) -> None:
    found = load_settings(write("store: {path: data/x.duckdb, samples: 40d, spans: 14d, days: 800d, late: 6h}\n"), {})
    assert found.store == Path("data/x.duckdb")
    assert found.keeping == KeepingSettings(
        samples_seconds=40 * 86_400, spans_seconds=14 * 86_400, days_seconds=800 * 86_400, late_seconds=21_600
    )
    assert load_settings(write("store: {late: 0s}\n"), {}).keeping == KeepingSettings(late_seconds=0.0)


def test_a_link_to_a_store_names_the_file_itself_so_that_what_lies_beside_it_is_found(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    link = tmp_path / "counts.duckdb"
    link.symlink_to("volume/s.duckdb")
    assert load_settings(None, {}, store=link).store == tmp_path / "volume" / "s.duckdb"
    assert load_settings(None, {"OBSERVATORY_STORE": str(link)}).store == tmp_path / "volume" / "s.duckdb"


def test_every_fault_of_the_store_is_told_with_its_place(write: Write) -> None:
    text = "store:\n  path: x.duckdb\n  sample: 40d\n  spans: 2d\n  late: 90d\n  days: 5d\n  samples: soon\n"
    faults = [(one.code, one.location.line if one.location else 0, one.message) for one in refused(write(text))]
    assert faults == [
        ("settings-key", 3, "there is no setting 'sample' of store"),
        ("settings-value", 4, "spans of store is at least 3 d"),
        ("settings-value", 5, "late of store is at most 31 d"),
        ("settings-value", 7, "samples of store is a duration"),
    ]
    (told,) = refused(write("store: {samples: 40d, days: 5d}\n"))
    assert told.message == "days that were counted would go before the samples they were counted from"


def test_a_shared_ledger_is_named_by_file_environment_or_flag_and_its_password_never_shows(write: Write) -> None:
    path = write("clickhouse: {url: 'http://ch:8123/slo', headers: {X-ClickHouse-Key: $KEY}, timeout_seconds: 5}\n")
    found = load_settings(path, {"KEY": "hush"}).clickhouse
    assert found == ClickHouseSettings(
        url="http://ch:8123", database="slo", headers={"X-ClickHouse-Key": "hush"}, timeout_seconds=5.0
    )
    assert "hush" not in repr(found)
    environ = {"OBSERVATORY_CLICKHOUSE_URL": "https://me:secret@other", "KEY": "hush"}
    found = load_settings(path, environ).clickhouse
    assert found is not None
    assert (found.url, found.database, list(found.headers)) == ("https://other", "default", ["Authorization"])
    assert "secret" not in repr(found)
    found = load_settings(path, environ, clickhouse_url="http://third/a").clickhouse
    assert found == ClickHouseSettings(url="http://third", database="a")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("clickhouse: {}", "settings-url"),
        ("clickhouse: ch:9000", "settings-url"),
        ("clickhouse: 'http://ch/a-b'", "settings-url"),
        ("clickhouse: {url: 'http://ch', table: t}", "settings-key"),
        ("clickhouse: {url: 'http://ch', timeout_seconds: 0}", "settings-value"),
    ],
)
def test_a_faulty_shared_ledger_is_told(write: Write, text: str, code: str) -> None:
    assert [(one.code, one.location is not None) for one in refused(write(text + "\n"))] == [(code, True)]
