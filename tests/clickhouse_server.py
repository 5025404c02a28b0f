"""Debian's ClickHouse on free loopback ports, started for a test and stopped by its process.

Debian's is an early version. What runs on it and on chDB, the newest engine in a process, runs on those between.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from prometheus_server import free_port

CONFIG = """\
<yandex>
  <logger><level>warning</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><listen_host>127.0.0.1</listen_host>
  <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><mark_cache_size>67108864</mark_cache_size>
  <users_config>{folder}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
</yandex>
"""
USERS = """\
<yandex>
  <profiles><default><max_memory_usage>1000000000</max_memory_usage></default>
    <readonly><readonly>1</readonly></readonly></profiles>
  <users>
    <default><password>p@ss</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
      <quota>default</quota></default>
    <reader><password></password><networks><ip>127.0.0.1</ip></networks><profile>readonly</profile>
      <quota>default</quota></reader>
  </users>
  <quotas><default/></quotas>
</yandex>
"""


def program() -> str:
    """The path of the server that the tests cannot do without."""
    found = shutil.which("clickhouse-server", path="/usr/sbin:/usr/bin:/usr/local/bin:/sbin")
    assert found, "clickhouse-server is missing; on Debian: apt-get install clickhouse-server"
    return found


@contextmanager
def start(folder: Path) -> Iterator[str]:
    """The address of a server, its user's password in it."""
    for part in ("data", "tmp"):
        (folder / part).mkdir(parents=True)
    http, tcp = free_port(), free_port()
    config = folder / "config.xml"
    config.write_text(CONFIG.format(folder=folder, http=http, tcp=tcp), encoding="utf-8")
    (folder / "users.xml").write_text(USERS, encoding="utf-8")
    process = subprocess.Popen(
        [program(), f"--config-file={config}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    try:
        _wait(f"http://127.0.0.1:{http}/", process)
        yield f"http://default:p%40ss@127.0.0.1:{http}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "clickhouse-server ended at once"
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError("clickhouse-server does not answer")
