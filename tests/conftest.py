"""Fixtures for all tests: golden files, refreshed with `--update-golden`, and real Prometheus servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import prometheus_server as servers
import pytest
from engines import ENGINES_TITLE
from truth import peers

GOLDEN = Path(__file__).parent / "golden"
TABLES = {peers.TITLE: [peers.HEAD], ENGINES_TITLE: []}


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
    unbuilt = (report for report in terminalreporter.getreports("skipped") if "not run here" in str(report.longrepr))
    for report in unbuilt:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        tables.setdefault(ENGINES_TITLE, []).append(reason.removeprefix("Skipped: "))
    for title, lines in tables.items():
        terminalreporter.section(title)
        terminalreporter.write_line("\n".join([*TABLES[title], *dict.fromkeys(lines)]))


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
