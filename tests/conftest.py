"""Fixtures for all tests: golden files, refreshed with `--update-golden`, and real Prometheus servers.

No test reaches the network. Those of documents, and of everything else that is a function of values, open no socket at
all; the others reach loopback alone. The same holds for the Python processes that they start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import hypothesis
import prometheus_server as servers
import pytest
from engines import ENGINES_TITLE
from truth import peers

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
OFFLINE = HERE / "offline"
WITHOUT_SOCKETS = (
    *("reading", "spec", "errors", "cli", "units", "windows", "objectives", "indicators", "compile", "figures"),
    *("scenarios/documents", "test_codes.py"),
)
LONG_FIRST = (
    *("package/test_newcomer.py", "integration", "browser", "notebooks", "ledger/test_killed_writers.py", "package"),
    *("diagnose", "agreement", "faults", "scenarios", "truth", "rules", "ledger"),
)
TABLES = {peers.TITLE: [peers.HEAD], ENGINES_TITLE: []}
LOOPBACK = ["127.0.0.1", "::1", "localhost"]

# Commands that tests start compile the package once and not each time anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Go programs that tests start, promtool above all, are small and end soon: they may collect their garbage later.
os.environ.update({"GOGC": "400", "GOMEMLIMIT": "1GiB"})

# A machine that is busy is not a fault of the code under test. In CI the examples are the same every time, so that its
# verdict depends on the change alone; elsewhere every run looks at new ones.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("same" if os.environ.get("CI") else "patient")


@cache
def without_sockets(path: Path) -> bool:
    """Whether the tests of a file open no socket; one that asks for `socket_enabled` reaches loopback."""
    return any(path.is_relative_to(HERE / room) for room in WITHOUT_SOCKETS)


@cache
def _turn(path: Path) -> int:
    """What takes long and waits much begins first, so that no worker is left alone with it at the end."""
    return next((turn for turn, room in enumerate(LONG_FIRST) if path.is_relative_to(HERE / room)), len(LONG_FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test its bound, before pytest-socket looks for it, and every file its turn."""
    items.sort(key=lambda item: _turn(item.path))
    for item in items:
        offline = without_sockets(item.path) and "socket_enabled" not in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.disable_socket if offline else pytest.mark.allow_hosts(LOOPBACK))


@pytest.fixture(autouse=True)
def _processes_stay_offline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test starts is bound as the test is."""
    paths = [str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("TEST_SOCKETS", "none" if request.node.get_closest_marker("disable_socket") else "loopback")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests record: lines of one title together, wherever they ran."""
    tables: dict[str, list[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for title, line in report.user_properties:
                if title in TABLES:
                    tables.setdefault(title, []).append(str(line))
    ran = dict.fromkeys(Path(one.nodeid.split("::")[0]).stem for one in terminalreporter.getreports("passed"))
    tables.setdefault(ENGINES_TITLE, []).extend(f"ran: {name}" for name in ran if name.startswith("test_live_"))
    unbuilt = (report for report in terminalreporter.getreports("skipped") if "not run here" in str(report.longrepr))
    for report in unbuilt:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        tables.setdefault(ENGINES_TITLE, []).append(reason.removeprefix("Skipped: "))
    for title, lines in tables.items():
        if not lines:
            continue
        terminalreporter.section(title)
        terminalreporter.write_line("\n".join([*TABLES[title], *dict.fromkeys(lines)]))


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands keep what documents gave in the user's cache folder, and fit the terminal; tests have neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        # Python's readline, which pytest loads, writes the width of a terminal where processes that are started see it.
        patch.setenv("COLUMNS", "")
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a file under tests/golden, or write it with --update-golden."""

    def compare(text: str, name: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {name}; run with --update-golden and review it"
        assert path.read_text(encoding="utf-8") == text

    return compare


@pytest.fixture
def prometheus_server(tmp_path: Path) -> Iterator[Callable[..., servers.PrometheusServer]]:
    """Start real Prometheus servers (`prometheus_server.start` without the folder); they end with the test."""
    started: list[servers.PrometheusServer] = []

    def start(**options: object) -> servers.PrometheusServer:
        folder = tmp_path / f"prometheus-{len(started)}"
        started.append(servers.start(folder, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        server.stop()
