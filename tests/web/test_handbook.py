"""`dashboards/README.md`, "Add a panel in five minutes": its files are written and its commands are run, in order."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from observatory_process import observatory
from web.factories import DOCUMENT

from observatory.web.load import shipped_folder

HANDBOOK = (shipped_folder() / "README.md").read_text(encoding="utf-8")
RECIPE = HANDBOOK.split("## Add a panel in five minutes")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", RECIPE, re.DOTALL)
PAGE, PANEL = (text for language, text in BLOCKS if language == "yaml")
SERVE, EXPORT = (text.strip() for language, text in BLOCKS if language == "sh")
(MISTAKE,) = (text for language, text in BLOCKS if language == "text")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A team's folder with documents and the page of the recipe."""
    (tmp_path / "asyncapi").mkdir()
    (tmp_path / "asyncapi" / "shop.yaml").write_text(DOCUMENT, encoding="utf-8")
    write(tmp_path, PAGE)
    return tmp_path


def write(folder: Path, text: str) -> None:
    place = folder / PAGE.splitlines()[0].removeprefix("# ")
    place.parent.mkdir(exist_ok=True)
    place.write_text(text, encoding="utf-8")


def command(line: str) -> list[str]:
    """A line of the recipe as it is run here: on a free port, without a shell."""
    program, *arguments = shlex.split(line.replace("--port 8051", "--port 0"))
    assert program == "observatory"
    return [sys.executable, "-m", "observatory", *arguments]


def with_store(folder: Path) -> Path:
    """The same, with a source for the server: a store that it makes."""
    (folder / "observatory.yaml").write_text("store: counts.duckdb\n", encoding="utf-8")
    return folder


def run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    return observatory(*command(line)[3:], cwd=folder)


def test_the_page_of_the_recipe_is_served_and_joins_the_navigation(folder: Path) -> None:
    process = subprocess.Popen(command(SERVE), cwd=with_store(folder), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = next(found[0] for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
        with urllib.request.urlopen(f"{address}team", timeout=30) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{address}_dash-layout", timeout=30) as answer:
            layout = json.dumps(json.load(answer))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert '"href": "/team"' in layout


def test_the_panel_that_is_added_reaches_grafana_too(folder: Path) -> None:
    write(folder, PAGE + PANEL)
    done = run(folder, EXPORT)
    assert done.returncode == 0, done.stderr
    made = json.loads((folder / "grafana" / "team.grafana.json").read_text(encoding="utf-8"))
    assert [panel["title"] for panel in made["panels"]] == [
        "Waiting messages",
        "Consumer groups",
        "Burn rate of latency",
    ]
    assert made["panels"][2]["targets"][0]["expr"].startswith('topk(10, slo:sli_error:ratio_increase1h{sli="latency",')


def test_the_folder_may_be_named_in_the_settings_instead(folder: Path) -> None:
    (folder / "observatory.yaml").write_text("dashboards_dir: our-dashboards\n", encoding="utf-8")
    done = run(folder, EXPORT.replace("--dashboards our-dashboards ", ""))
    assert done.returncode == 0, done.stderr
    assert (folder / "grafana" / "team.grafana.json").exists()


def test_the_mistake_is_told_as_the_recipe_shows(folder: Path) -> None:
    write(folder, PAGE.replace("signals: [consumer_lag,", "signals: [consumer_lagg,"))
    done = run(with_store(folder), SERVE)
    assert done.returncode == 3
    assert done.stderr == MISTAKE
