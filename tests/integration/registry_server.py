"""An Apicurio registry in memory, brought by `make live` with Maven: schemas are registered, refused and asked for."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from integration.kafka_server import CACHE, free_port, running

APPLICATION = CACHE / "apicurio-3.0.9"


def missing() -> str | None:
    """What this machine lacks, None when all is there."""
    if not shutil.which("java"):
        return "not run here: there is no java"
    return None if APPLICATION.is_dir() else "not run here: `make live` brings the registry where Maven reaches it"


@contextmanager
def registry(folder: Path, seconds: float = 120) -> Iterator[int]:
    """A registry that answers on this loopback port, ended by its pid."""
    port = free_port()
    (jar,) = APPLICATION.glob("*-runner.jar")
    options = [f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1"]
    with running(["java", "-Xmx400m", *options, "-jar", str(jar)], folder / "registry.log"):
        deadline = time.monotonic() + seconds
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/apis/registry/v3/groups", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield port
