"""Dead letters: the queues that bindings name for what cannot be processed.

SQS says it in the redrive policy of a queue or beside the queue, SNS in the redrive policy of a subscription. Solace
says only that a message may go to a dead message queue, not to which.
"""

from __future__ import annotations

from collections.abc import Iterator

from observatory.spec.bound import Bound, binding_of
from observatory.spec.references import Cursor

_BY_PROTOCOL: dict[str, tuple[str, ...]] = {"sqs": ("sqs",), "sns": ("sns", "sqs")}


def dead_letter_of(bound: Bound) -> str | None:
    """The queue that takes what cannot be processed on a channel; None where no binding names one."""
    return next(iter(dead_letter_queues(bound)), None)


def dead_letter_queues(bound: Bound) -> dict[str, None]:
    """All queues that the bindings of a channel and of its operations name for it, in order."""
    found: dict[str, None] = {}
    for protocol in _BY_PROTOCOL.get(bound.protocol, ()):
        for holder in (bound.channel.cursor, *(operation.cursor for operation in bound.operations)):
            binding = binding_of(holder, protocol)
            for place in _places(binding) if binding else ():
                if text := _queue_name(place):
                    found[text] = None
    return found


def _places(binding: Cursor) -> Iterator[Cursor]:
    """Every `deadLetterQueue` of a binding: its own, those of its queues, of its consumers and of their policies."""
    queues, consumers, queue = binding.get("queues"), binding.get("consumers"), binding.get("queue")
    owners = [binding, *([queue] if queue else ())]
    owners += [*(queues.items() if queues else ()), *(consumers.items() if consumers else ())]
    for owner in owners:
        for holder in (owner.get("redrivePolicy"), owner):
            letter = holder.get("deadLetterQueue") if holder else None
            if letter is not None:
                yield letter


def _queue_name(letter: Cursor) -> str | None:
    """The name of a queue that is given by name, by ARN or, against the definition, as plain text."""
    text = letter.value if isinstance(letter.value, str) else letter.text("name") or letter.text("arn")
    return text.rpartition(":")[2] if text and text.startswith("arn:") else text
