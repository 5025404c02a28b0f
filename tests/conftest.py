"""Fixtures for all tests: golden files, refreshed with `--update-golden`, and real Prometheus servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import prometheus_server as servers
import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing")


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
