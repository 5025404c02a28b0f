"""A stand-in for Grafana's HTTP API on loopback: folders and dashboards by uid, annotations by tag, behind a token.

It keeps to what Grafana documents of these requests: 404 for what is not there, 401 without a valid token, 412 for a
dashboard that exists where nobody said `overwrite`, and a version that grows with every save. Annotations are those of
the range that have all the tags asked for, the newest first.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_stand_in"


class GrafanaServer:
    """Listens as soon as it is made.

    Attributes:
        folders: Titles by uid.
        dashboards: What was saved, with id and version, by uid.
        placed: Folder of each dashboard, by uid.
        writes: Paths of all requests that changed something.
        annotations: What `/api/annotations` finds.
        asked: Queries of all requests for annotations.
    """

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.placed: dict[str, str] = {}
        self.writes: list[str] = []
        self.annotations: list[dict[str, Any]] = []
        self.asked: list[dict[str, list[str]]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*api.got(self.path) if self._is_allowed() else (401, {"message": "Unauthorized"}))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(*api.posted(self.path, body) if self._is_allowed() else (401, {"message": "Unauthorized"}))

            def _is_allowed(self) -> bool:
                return self.headers.get("Authorization") == f"Bearer {TOKEN}"

            def _answer(self, status: int, data: object) -> None:
                content = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def got(self, path: str) -> tuple[int, object]:
        if path.startswith("/api/annotations?"):
            return 200, self._found(parse_qs(urlsplit(path).query))
        kind, _, uid = path.rpartition("/")
        if kind == "/api/folders" and uid in self.folders:
            return 200, {"uid": uid, "title": self.folders[uid]}
        if kind == "/api/dashboards/uid" and uid in self.dashboards:
            return 200, {"dashboard": self.dashboards[uid], "meta": {"folderUid": self.placed[uid]}}
        return 404, {"message": "not found"}

    def _found(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        self.asked.append(query)
        found = [
            one
            for one in self.annotations
            if int(query["from"][0]) <= one["time"] <= int(query["to"][0])
            and set(query.get("tags", ())) <= set(one["tags"])
        ]
        return sorted(found, key=lambda one: -one["time"])[: int(query["limit"][0])]

    def annotate(self, at_ms: int, text: str, *tags: str) -> None:
        """Add an annotation as Grafana keeps it."""
        number = len(self.annotations) + 1
        self.annotations.append(
            {"id": number, "time": at_ms, "timeEnd": at_ms, "text": text, "tags": list(tags), "login": "ci", "data": {}}
        )

    def posted(self, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path == "/api/folders":
            self.writes.append(path)
            self.folders[body["uid"]] = body["title"]
            return 200, {"uid": body["uid"]}
        if path != "/api/dashboards/db":
            return 404, {"message": "not found"}
        wanted = body["dashboard"]
        present = self.dashboards.get(wanted["uid"])
        if present and not body.get("overwrite"):
            return 412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"}
        if body.get("folderUid") not in self.folders:
            return 400, {"message": "folder not found"}
        self.writes.append(f"{path} {wanted['uid']}")
        number = present["id"] if present else len(self.dashboards) + 1
        version = present["version"] + 1 if present else 1
        self.dashboards[wanted["uid"]] = {**wanted, "id": number, "version": version}
        self.placed[wanted["uid"]] = body["folderUid"]
        return 200, {"uid": wanted["uid"], "status": "success", "version": version}
