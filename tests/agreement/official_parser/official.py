"""The official parser, where node is: installed with npm into a cache folder, asked about files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "@asyncapi/parser"
VERSION = "3.6.3"
"""The version whose verdicts are recorded."""
_ASK = Path(__file__).with_name("ask.mjs")
_INSTALL_SECONDS = 240


def home() -> Path:
    """Where the package is installed: OBSERVATORY_OFFICIAL_PARSER, or a folder of the user's cache."""
    if named := os.environ.get("OBSERVATORY_OFFICIAL_PARSER"):
        return Path(named)
    cache_folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache_folder) / "observatory-tests" / f"official-parser-{VERSION}"


@cache
def missing() -> str | None:
    """Why the official parser cannot be asked here; None when it can be. Installs it where it is not."""
    if shutil.which("node") is None:
        return "node is not installed"
    if _installed() == VERSION:
        return None
    if shutil.which("npm") is None:
        return "npm is not installed"
    home().mkdir(parents=True, exist_ok=True)
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--fetch-retries=1", "--fetch-timeout=30000")
    try:
        done = subprocess.run(
            ["npm", "install", *quiet, f"{PACKAGE}@{VERSION}"],
            cwd=home(),
            capture_output=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"npm did not answer within {_INSTALL_SECONDS} seconds"
    return None if done.returncode == 0 and _installed() == VERSION else "npm could not install it from its registry"


def _installed() -> str | None:
    package = home() / "node_modules" / PACKAGE / "package.json"
    if not package.is_file():
        return None
    version: str = json.loads(package.read_text(encoding="utf-8"))["version"]
    return version


def ask(files: Sequence[Path], seconds: float = 1800) -> list[dict[str, Any]]:
    """Its answers, in the order of the files."""
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.jsonl"
        command = ["node", str(_ASK), str(home()), str(answers)]
        text = "".join(f"{path.resolve()}\n" for path in files)
        subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds, check=True)
        with answers.open(encoding="utf-8", newline="\n") as lines:
            return [json.loads(line) for line in lines]
