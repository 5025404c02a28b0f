"""The repository and the wheel as a newcomer finds them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from observatory.sources.store import Store

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "dashboards",
    "notebooks",
    "observatory",
    "pyproject.toml",
    "requirements.lock",
    "tests",
}


def tracked() -> list[str]:
    """Files that git tracks, or all of them where the checkout has no history."""
    answer = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {re.split(r"==", line)[0].lower(): line for line in lines if line.strip()}


def test_the_top_of_the_repository_holds_exactly_what_the_readme_says() -> None:
    assert {path.split("/")[0] for path in tracked()} == TOP_LEVEL


def test_the_lock_carries_exact_versions_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()

    assert "://" not in text
    assert "--index" not in text
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+-]+( ; .+)?", line) for line in text.splitlines())


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["test"]
    names = {re.split(r"[<>=!~\[ ;]", line)[0].lower() for line in wanted}

    assert names - set(locked()) == set()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["status", "--help"], ["serve", "--help"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys, atexit\n"
        "heavy = {'dash', 'duckdb', 'pandas', 'plotly', 'numpy', 'pyarrow', 'requests', 'prometheus_api_client'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['observatory', *{arguments!r}]\n"
        "from observatory.cli.main import run\n"
        "run()\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.strip() == "[]"


DOCUMENT = """
asyncapi: 3.0.0
info: {title: Payments, version: 1.0.0}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {orders: {address: orders.v1}}
operations:
  onOrderPlaced:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99.9%}
"""
NEVER_OF_STATUS = frozenset(
    {"clickhouse_connect", "dash", "jinja2", "jsonschema", "jsonschema_rs", "pandas", "plotly"}
    | {"promql_parser", "pydantic", "waitress", "yaml", "observatory.export", "observatory.review", "observatory.rules"}
    | {"observatory.cli.serve", "observatory.figures", "observatory.reading.yaml_text", "observatory.spec.documents"}
    | {"observatory.spec.ownership.backstage", "observatory.telemetry.profile_format", "observatory.web"}
    | {"observatory.sources.clickhouse", "observatory.sources.otlp", "observatory.sources.receiving"}
)


@pytest.mark.parametrize(
    ("arguments", "also_never"),
    [
        (["--store", "spans.duckdb"], {"prometheus_api_client", "requests", "observatory.sources.prometheus"}),
        # Nobody listens there: what a server is asked with is imported all the same.
        (["--prometheus", "http://127.0.0.1:9", "--store", "counts.duckdb"], {"duckdb", "_duckdb"}),
    ],
)
def test_a_second_status_loads_only_what_it_needs(tmp_path: Path, arguments: list[str], also_never: set[str]) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT)
    with Store.open(tmp_path / "spans.duckdb"):
        pass
    never = NEVER_OF_STATUS | also_never
    program = (
        "import sys, atexit\n"
        f"never = set({sorted(never)!r})\n"
        "atexit.register(lambda: print('loaded', sorted(never & set(sys.modules))))\n"
        f"sys.argv = ['observatory', 'status', 'payments.yaml', *{arguments!r}]\n"
        "from observatory.cli.main import run\n"
        "run()\n"
    )
    environment = {**os.environ, "OBSERVATORY_CACHE_DIR": str(tmp_path / "cache")}

    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        for _ in range(2)
    )

    assert "1 objective" in second.stdout, second.stderr
    assert (first.returncode, first.stderr) == (second.returncode, second.stderr)
    assert second.stdout.splitlines()[-1] == "loaded []"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the built wheel in it; third-party packages come from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    (site,) = environment.glob("lib/python*/site-packages")
    wheel = next(folder.glob("*.whl"))
    install = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    (site / "third_party.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def test_the_wheel_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "bin" / "observatory"), "profiles", "list", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "kafka_exporter" in {profile["id"] for profile in json.loads(ended.stdout)["profiles"]}


def test_the_wheel_carries_the_dashboards_and_the_explanations(installed: Path, tmp_path: Path) -> None:
    program = (
        "import observatory, pathlib\n"
        "folder = pathlib.Path(observatory.__file__).parent\n"
        "print(folder)\n"
        "print(sorted(p.name for p in (folder / '_dashboards').glob('*.yaml')))\n"
        "print(len(list((folder / 'explanations').glob('*.md'))) > 10)\n"
    )
    ended = subprocess.run(
        [str(installed / "bin" / "python"), "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    folder, dashboards, explained = ended.stdout.splitlines()

    assert Path(folder).is_relative_to(installed)
    assert {"executive.yaml", "on_call.yaml", "debug.yaml", "channel.yaml"} <= set(eval(dashboards))
    assert explained == "True"


def test_somebody_other_than_root_is_told_what_to_install() -> None:
    script = (ROOT / ".ci" / "system-packages").read_text()
    somebody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    command = ["bash", "-s", "a-package-that-nobody-has", "prometheus"]

    ended = subprocess.run(command, input=script, cwd="/", capture_output=True, text=True, check=False, **somebody)

    assert ended.returncode == 1
    assert "apt-get install --no-install-recommends a-package-that-nobody-has" in ended.stderr


def test_an_interpreter_that_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    command = ["bash", str(ROOT / ".ci" / "virtualenv"), "python-of-nobody", str(tmp_path / "venv"), "runtime"]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "install Python 3.11 or newer" in ended.stderr
