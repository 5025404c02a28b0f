"""Debian's Prometheus on a free loopback port, started for a test, loaded with known samples, stopped by its process.

A server keeps everything it is given for a hundred years, so tests may live at any fixed time. Three ways to fill it:

    server.write([({"__name__": "orders_total"}, [t_ms, ...], [1.0, ...])])   at once, through remote_write
    start(folder, history=openmetrics_text)                                   blocks made before it starts
    start(folder, config=...)                                                 by scraping, as in production
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cramjam
import numpy as np
import requests

STALE_BITS = 0x7FF0000000000002
STALE = float(np.array(STALE_BITS, np.uint64).view(np.float64))
"""The stale marker. Keep such values in numpy arrays: plain Python arithmetic may quieten the bits."""

DEFAULT_CONFIG = """\
global:
  scrape_interval: 1s
storage:
  tsdb:
    out_of_order_time_window: 3650d
"""
Series = tuple[Mapping[str, str], Sequence[int] | np.ndarray, Sequence[float] | np.ndarray]


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def required(program: str) -> str:
    """The path of a program that the tests cannot do without."""
    found = shutil.which(program)
    assert found, f"{program} is missing; on Debian: apt-get install prometheus"
    return found


@dataclass
class PrometheusServer:
    """A running server; use as a context manager or stop it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    flags: Sequence[str] = field(default_factory=tuple)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_ready(self, seconds: float = 30.0) -> None:
        """Return once the server answers queries.

        Raises:
            RuntimeError: It ended, or is not ready in time; its log is in the message.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.05)
        raise RuntimeError(f"Prometheus did not become ready:\n{self.log.read_text(errors='replace')[-4000:]}")

    def reload(self) -> None:
        """Read the configuration and rule files again."""
        requests.post(f"{self.url}/-/reload", timeout=10).raise_for_status()

    def write(self, series: Iterable[Series]) -> None:
        """Store samples through remote_write, an hour of time after the other, bit-exact."""
        held = []
        for labels, t, v in series:
            order = np.argsort(t, kind="stable")
            held.append((dict(labels), np.asarray(t, np.int64)[order], np.asarray(v, np.float64)[order]))
        times = [t for _, t, _ in held if len(t)]
        if not times:
            return
        first, last = min(int(t.min()) for t in times), max(int(t.max()) for t in times)
        for start in range(first - first % 3_600_000, last + 1, 3_600_000):
            part = []
            for labels, t, v in held:
                inside = slice(*np.searchsorted(t, (start, start + 3_600_000)))
                if inside.stop > inside.start:
                    part.append((labels, t[inside], v[inside]))
            if part:
                self.post(_write_request(part))

    def post(self, body: bytes) -> None:
        """Send a remote_write message."""
        answer = requests.post(
            f"{self.url}/api/v1/write",
            data=bytes(cramjam.snappy.compress_raw(body)),
            headers={"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"},
            timeout=30,
        )
        assert answer.status_code in (200, 204), answer.text

    def query(self, expression: str, at_ms: int | None = None) -> list[dict[str, object]]:
        """The result of an instant query, for tests that want the server's own opinion."""
        params = {"query": expression} | ({"time": f"{at_ms / 1000:.3f}"} if at_ms is not None else {})
        answer = requests.get(f"{self.url}/api/v1/query", params=params, timeout=30).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def wait_for(self, expression: str, seconds: float = 30.0) -> list[dict[str, object]]:
        """The result of an instant query as soon as it is not empty."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if result := self.query(expression):
                return result
            time.sleep(0.1)
        raise AssertionError(f"{expression} stayed empty for {seconds} s")

    def stop(self) -> None:
        """End the server; its folder stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)

    def __enter__(self) -> PrometheusServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    folder: Path,
    *,
    config: str = DEFAULT_CONFIG,
    history: str | None = None,
    block: str = "2h",
    flags: Sequence[str] = (),
    port: int | None = None,
    program: str | None = None,
) -> PrometheusServer:
    """Start a server whose data lies in the folder; `history` is OpenMetrics text that ends with `# EOF`.

    `program` is another Prometheus than the one on the path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    if history is not None:
        create_blocks(history, data, block)
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    log = folder / "prometheus.log"
    for attempt in range(3):
        chosen = port or free_port()
        command = [
            program or required("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{chosen}",
            "--web.enable-remote-write-receiver",
            "--web.enable-lifecycle",
            "--log.level=warn",
            *flags,
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        server = PrometheusServer(folder, chosen, process, log, tuple(flags))
        try:
            server.wait_until_ready()
            return server
        except RuntimeError:
            server.stop()
            if port or attempt == 2 or "address already in use" not in log.read_text(errors="replace"):
                raise
    raise AssertionError("unreachable")


def openmetrics(series: Iterable[Series]) -> str:
    """Samples as OpenMetrics text for `history`; values are written so that they read back bit for bit."""
    lines = []
    for labels, t_ms, values in series:
        pairs = ",".join(f"{name}={json.dumps(text)}" for name, text in labels.items() if name != "__name__")
        head = labels["__name__"] + "{" + pairs + "}"
        times, numbers = np.asarray(t_ms).tolist(), np.asarray(values, np.float64).tolist()
        lines += [f"{head} {number!r} {t / 1000:.3f}" for t, number in zip(times, numbers, strict=True)]
    return "\n".join([*lines, "# EOF", ""])


def create_blocks(openmetrics: str, data: Path, block: str = "2h") -> None:
    """Write OpenMetrics text as blocks of the given length into a data folder."""
    data.mkdir(parents=True, exist_ok=True)
    source = data.parent / "history.om"
    source.write_text(openmetrics, encoding="utf-8")
    command = [required("promtool"), "tsdb", "create-blocks-from", f"--max-block-duration={block}"]
    done = subprocess.run(
        [*command, "openmetrics", str(source), str(data)], capture_output=True, text=True, timeout=600, check=False
    )
    source.unlink()
    assert done.returncode == 0, done.stderr


def check_rules(*files: Path) -> subprocess.CompletedProcess[str]:
    """What `promtool check rules` says."""
    return _promtool("check", "rules", *map(str, files))


def test_rules(*files: Path) -> subprocess.CompletedProcess[str]:
    """What `promtool test rules` says about unit test files."""
    return _promtool("test", "rules", *map(str, files))


test_rules.__test__ = False  # type: ignore[attr-defined]  # a helper, not a test


def _promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([required("promtool"), *arguments], capture_output=True, text=True, timeout=240, check=False)


def _write_request(series: Sequence[tuple[Mapping[str, str], np.ndarray, np.ndarray]]) -> bytes:
    out = bytearray()
    for labels, t_ms, values in series:
        body = bytearray()
        for name, value in sorted(labels.items()):
            body += _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        body += _samples(t_ms, values)
        out += _field(1, bytes(body))
    return bytes(out)


def _samples(t_ms: np.ndarray, values: np.ndarray) -> bytes:
    """Sample messages; instants between 1971 and 2109 are varints of six bytes, which makes all records 18 bytes."""
    assert t_ms.min() >= 1 << 35, "an instant before 1971 is not meant"
    assert t_ms.max() < 1 << 42, "an instant after 2109 is not meant"
    records = np.empty((len(t_ms), 18), np.uint8)
    records[:, :3] = (0x12, 16, 0x09)
    records[:, 3:11] = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)
    records[:, 11] = 0x10
    for place in range(6):
        records[:, 12 + place] = (t_ms >> 7 * place & 0x7F) | (0x80 if place < 5 else 0)
    return records.tobytes()


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
