"""Journeys and the catalogue: which operation each hop is, wherever among the documents it is declared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from observatory.errors import Problem, Severity
from observatory.spec.catalog import Catalog, Operation
from observatory.spec.journey import Journey, JourneyStep, WrittenJourney, WrittenStep
from observatory.spec.slo import CONSUMER_ONLY
from observatory.spec.suggestions import hint_for, meant

MAX_NAMED = 5
"""Operations that a message about an unclear step lists."""


def linked(
    catalog: Catalog, written: Iterable[tuple[str | None, WrittenJourney]]
) -> tuple[tuple[Journey, ...], tuple[Problem, ...]]:
    """Journeys with their hops found, sorted by id, and what was wrong with those left out.

    Args:
        written: Each with the name of its document, None for the settings.
    """
    linking = _Linking(catalog)
    found = [journey for document, one in written if (journey := linking.journey(document, one)) is not None]
    return tuple(sorted(found, key=lambda one: one.id)), tuple(linking.problems)


@dataclass(slots=True)
class _Linking:
    catalog: Catalog
    problems: list[Problem] = field(default_factory=list)
    _by_key: dict[str, Operation] = field(init=False)
    _by_name: dict[str, list[Operation]] = field(init=False)
    _channel_words: dict[str, set[str]] = field(init=False)
    """By channel id every word that means it."""

    def __post_init__(self) -> None:
        self._by_key = {one.key: one for one in self.catalog.operations}
        names: dict[str, list[Operation]] = defaultdict(list)
        words: dict[str, set[str]] = {
            one.id: {one.id, *filter(None, [one.address]), *(name.value for name in one.names)}
            for one in self.catalog.channels
        }
        for operation in self.catalog.operations:
            names[operation.name].append(operation)
            words[operation.channel_id].add(operation.channel_key)
        self._by_name, self._channel_words = names, words

    def journey(self, document: str | None, written: WrittenJourney) -> Journey | None:
        before = len(self.problems)
        steps: list[JourneyStep] = []
        for one in written.steps:
            step = self._step(document, one)
            if step is None:
                continue
            if any(_same(step, other) for other in steps):
                message = f"{step.operation_key} is a step of this journey already, and would be counted twice"
                self._add("journey-steps", message, one, "take one of them out")
            steps.append(step)
        if len(self.problems) > before or not written.usable:
            return None
        identity = f"{document}/journeys/{written.name}" if document else f"journeys/{written.name}"
        return Journey(id=identity, document=document, written=written, steps=tuple(steps))

    def _step(self, document: str | None, step: WrittenStep) -> JourneyStep | None:
        operation = self._operation(document, step)
        if operation is None:
            return None
        if step.sli in CONSUMER_ONLY and operation.action == "send":
            message = f"{step.sli} belongs to those who receive, and {operation.key} sends"
            self._add("slo-role", message, step, "name the receiving operation")
            return None
        threshold, measure = step.threshold, step.measure
        if step.sli == "latency" and threshold is None:
            own = next((one for one in operation.objectives if one.sli == "latency"), None)
            if own is None:
                message = f"latency of {operation.key} needs a threshold, for it has no objective that says one"
                self._add("slo-incomplete", message, step, "add threshold: 500ms")
                return None
            threshold, measure = own.threshold, measure or own.measure
        return JourneyStep(
            operation_key=operation.key,
            channel_id=operation.channel_id,
            sli=step.sli,
            threshold=threshold,
            measure=measure,
            optional=step.optional,
            location=step.location,
        )

    def _operation(self, document: str | None, step: WrittenStep) -> Operation | None:
        """The one operation that the step means; its own document goes first."""
        found = list(self.catalog.operations)
        if step.operation is not None:
            named = self._named(step.operation)
            if not named:
                if not self._is_elsewhere(step, step.operation):
                    self._unknown("operation", step.operation, step, [*self._by_name, *self._by_key])
                return None
            found = named
        if step.channel is not None:
            ids = {key for key, words in self._channel_words.items() if step.channel in words}
            if not ids:
                known = sorted(set().union(*self._channel_words.values())) if self._channel_words else []
                self._unknown("channel", step.channel, step, known)
                return None
            on = [one for one in found if one.channel_id in ids]
            if not on and step.operation is not None:
                where = ", ".join(dict.fromkeys(one.channel_key for one in found))
                message = f"{step.operation!r} is not on the channel {step.channel!r}, but on {where}"
                self._add("journey-reference", message, step, f"write channel: {found[0].channel_key}")
                return None
            found = on
        found = [one for one in found if one.action == "receive" or step.sli not in CONSUMER_ONLY]
        here = [one for one in found if one.document == document]
        chosen = here if len(here) == 1 or (here and step.operation is not None) else found
        if len(chosen) == 1:
            return chosen[0]
        self._unclear(step, chosen)
        return None

    def _is_elsewhere(self, step: WrittenStep, word: str) -> bool:
        """Whether the operation is of a document that is not read here, as when one is checked without the others."""
        document, slash, _ = word.partition("/")
        known = [one.name for one in self.catalog.documents]
        if not slash or document in known or meant(document, known):
            return False
        message = f"{document!r} is not among the documents that are read, so the journey is left out"
        self._add("journey-elsewhere", message, step, "name its file or folder too, to judge the journey", "warning")
        return True

    def _named(self, word: str) -> list[Operation]:
        own = self._by_key.get(word)
        return [own] if own is not None else self._by_name.get(word, [])

    def _unclear(self, step: WrittenStep, found: Sequence[Operation]) -> None:
        what = repr(step.operation if step.operation is not None else step.channel)
        if not found:
            self._add("journey-reference", f"no operation uses the channel {what}", step, "name another channel")
            return
        listed = ", ".join(one.key for one in found[:MAX_NAMED])
        more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        message = f"{what} may mean {len(found)} operations"
        self._add("journey-reference", message, step, f"write operation: with one of {listed}{more}")

    def _unknown(self, kind: str, word: str, step: WrittenStep, known: Sequence[str]) -> None:
        near = meant(word, known)
        hint = f"did you mean {near!r}?" if near else hint_for(word, known) if known else None
        self._add("journey-reference", f"there is no {kind} {word!r}", step, hint)

    def _add(self, code: str, message: str, step: WrittenStep, hint: str | None, severity: Severity = "error") -> None:
        self.problems.append(Problem(code=code, severity=severity, message=message, location=step.location, hint=hint))


def _same(one: JourneyStep, other: JourneyStep) -> bool:
    return (one.operation_key, one.sli, one.threshold) == (other.operation_key, other.sli, other.threshold)
