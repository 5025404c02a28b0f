"""Dead letters as bindings name them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from observatory.spec.catalog import Catalog

Load = Callable[..., Catalog]


@pytest.mark.parametrize(
    ("protocol", "channel", "operation", "expected"),
    [
        ("sqs", "sqs: {queue: {name: q, redrivePolicy: {deadLetterQueue: {name: q-dlq}}}}", "", "q-dlq"),
        ("sqs", "sqs: {queue: {name: q}, deadLetterQueue: {name: q-dlq}}", "", "q-dlq"),
        ("sqs", "sqs: {queue: {name: q, redrivePolicy: {deadLetterQueue: {arn: 'arn:aws:sqs:r:1:dl'}}}}", "", "dl"),
        ("sqs", "sqs: {queue: {name: q, redrivePolicy: {maxReceiveCount: 3}}}", "", None),
        ("sqs", "", "sqs: {queues: [{name: w, redrivePolicy: {deadLetterQueue: {name: w-dlq}}}]}", "w-dlq"),
        ("sns", "sns: {name: t}", "sns: {consumers: [{redrivePolicy: {deadLetterQueue: {name: s-dlq}}}]}", "s-dlq"),
        ("sns", "sns: {name: t}", "sqs: {queues: [{name: w, redrivePolicy: {deadLetterQueue: {name: d}}}]}", "d"),
        ("solace", "", "solace: {dmqEligible: true, destinations: []}", None),
        ("kafka", "sqs: {queue: {name: q}, deadLetterQueue: {name: other}}", "", None),
    ],
)
def test_the_queue_for_what_failed_is_the_one_that_the_binding_names(
    one: Load, protocol: str, channel: str, operation: str, expected: str | None
) -> None:
    catalog = one(
        f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{host: h, protocol: {protocol}}}}}
channels: {{c: {{address: c, bindings: {{{channel}}}}}}}
operations: {{o: {{action: receive, channel: {{$ref: '#/channels/c'}}, bindings: {{{operation}}}}}}}
"""
    )
    assert catalog.channels[0].dead_letter == expected
