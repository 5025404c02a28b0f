"""Panels are answered once per snapshot and view, however many browsers ask: the bytes on the wire are shared.

The first who asks computes, writes and compresses; others wait for that and get the same bytes. What was drawn because
a source did not answer is not kept: the next who asks may have more luck.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from threading import Lock
from typing import Any

from flask import Flask, Response, request
from msgspec import Struct, field
from werkzeug.datastructures import Headers

from observatory.web.frame import only_now
from observatory.web.service import Service, Standing
from observatory.web.static_files import SMALLEST, compressed, encoding

CALLBACK = "_dash-update-component"
LARGEST_QUESTION = 16_384
"""Bytes; a panel's question is its id and the view. What is longer goes the usual way."""

MOST_WATCHED = 40
MOST_AHEAD_MS = 10_000

Question = str
"""What an answer depends on, as text."""

looking_at: ContextVar[Standing | None] = ContextVar("looking_at", default=None)
"""What panels are drawn from while an answer is made; None means the service's present standing."""


class Answer(Struct):
    """A written answer, and what it is compressed; each form is made once."""

    body: bytes
    compressed: dict[str, bytes] = field(default_factory=dict)

    def form(self, name: str) -> bytes:
        """The answer as `br` or `gzip`."""
        if name not in self.compressed:
            self.compressed[name] = compressed(self.body, name)
        return self.compressed[name]

    def response(self) -> Response:
        """The answer in the smallest form that the browser takes."""
        headers = Headers({"Content-Type": "application/json", "Vary": "Accept-Encoding"})
        name = encoding()
        if not name or len(self.body) < SMALLEST:
            return Response(self.body, headers=headers)
        headers["Content-Encoding"] = name
        return Response(self.form(name), headers=headers)


class _NotKept(Exception):
    """Carries an answer past the memory that would keep it."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Answers:
    """Wraps the callback route of a server.

    Raises:
        StopIteration: The server has no such route.
    """

    def __init__(self, server: Flask, service: Service) -> None:
        self._server, self._service = server, service
        endpoint = next(rule.endpoint for rule in server.url_map.iter_rules() if rule.rule.endswith(f"/{CALLBACK}"))
        self._compute: Callable[[], Any] = server.view_functions[endpoint]
        self._watched = Watched(service.clock, service.interval_seconds)
        server.view_functions[endpoint] = self._answer
        service.warm = self._ahead

    def _answer(self) -> Response:
        question = self._question()
        if question is None:
            return self._server.make_response(self._compute())
        self._watched.note(question, request.get_data())
        try:
            answer = self._kept(self._service.standing, question)
        except _NotKept as made:
            return made.response
        return answer.response()

    def _kept(self, standing: Standing, question: Question) -> Answer:
        # An answer tells how old its numbers are where a refresh failed, so it holds while that is so.
        key = (question, bool(standing.problems))
        return standing.answers.get(key, lambda: self._made(standing))

    def _made(self, standing: Standing) -> Answer:
        noted: list[bool] = []
        tokens = looking_at.set(standing), only_now.set(noted)
        try:
            response = self._server.make_response(self._compute())
        finally:
            looking_at.reset(tokens[0])
            only_now.reset(tokens[1])
        if noted or response.status_code != 200:
            raise _NotKept(response)
        return Answer(response.get_data())

    def _ahead(self, standing: Standing) -> None:
        """Answer from a standing that nobody sees yet what people are looking at."""

        def answer(body: bytes) -> None:
            place = {"path": f"/{CALLBACK}", "method": "POST", "data": body, "content_type": "application/json"}
            with self._server.test_request_context(**place):
                question = self._question()
                with suppress(_NotKept):
                    if question is not None:
                        self._kept(standing, question).form("br")

        self._watched.warm(answer)

    def _question(self) -> Question | None:
        """What a request asks for if it asks for one panel, as far as the answer depends on it.

        It is everything that was sent but the version that the browser knew and what made it ask.
        """
        if (request.content_length or LARGEST_QUESTION + 1) > LARGEST_QUESTION:
            return None
        sent = request.get_json(silent=True)
        outputs = sent.get("outputs") if isinstance(sent, dict) else None
        target = outputs.get("id") if isinstance(outputs, dict) else None
        if not isinstance(sent, dict) or not isinstance(target, dict) or target.get("type") != "panel":
            return None
        inputs = [one for one in sent.get("inputs") or () if not (isinstance(one, dict) and one.get("id") == "version")]
        return json.dumps([sent.get("output"), outputs, inputs, sent.get("state")], sort_keys=True)


class Watched:
    """Questions that somebody asked lately; they are answered for a new snapshot before it is shown."""

    def __init__(self, clock: Callable[[], int], interval_seconds: float) -> None:
        self._clock, self._interval_seconds = clock, interval_seconds
        self._seen: OrderedDict[Question, tuple[int, bytes]] = OrderedDict()
        self._lock = Lock()

    def note(self, question: Question, body: bytes) -> None:
        """Remember that a panel was asked for."""
        with self._lock:
            self._seen[question] = self._clock(), body
            self._seen.move_to_end(question)
            while len(self._seen) > MOST_WATCHED:
                self._seen.popitem(last=False)

    def warm(self, answer: Callable[[bytes], object]) -> None:
        """Answer what was asked within the last three refreshes (two minutes at least), the newest first."""
        now = self._clock()
        oldest = now - max(120_000, round(3000 * self._interval_seconds))
        with self._lock:
            wanted = [body for seen, body in reversed(self._seen.values()) if seen >= oldest]
        for body in wanted:
            if self._clock() - now > MOST_AHEAD_MS:
                return
            answer(body)
