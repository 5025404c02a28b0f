"""Whatever stands in a binding, the channel is read, and what is asserted of it is text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.spec.load import load_catalog
from observatory.spec.servers import PROTOCOLS
from observatory.spec.topology import catalog_json

WORDS = [
    "is", "queue", "queues", "exchange", "name", "vhost", "type", "topic", "string", "objectName", "destination",
    "destinationType", "destinations", "topicSubscriptions", "consumers", "endpoint", "arn", "protocol",
    "redrivePolicy", "deadLetterQueue", "groupId", "clientId", "clientID", "const", "enum", "default", "namespace",
    "persistence", "tenant", "msgVpn", "msvVpn", "ccdtQueueManagerName", "cc", "bcc", "subject", "channel", "method",
    "node", "role", "topicConfiguration", "partitions", "bindingVersion",
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("a{}/.#*+>$é:\n", max_size=8)
)
values = st.recursive(
    scalars | st.sampled_from(["queue", "topic", "routingKey", "psubscribe", "$share/g/{x}", "arn:aws:sqs:r:1:q"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    protocol=st.sampled_from(sorted(PROTOCOLS)),
    channel=values,
    operation=values,
    server=values,
    address=st.none() | st.text("a{x}/.#*+>$", max_size=12),
)
def test_a_binding_of_any_shape_is_read(
    tmp_path: Path, protocol: str, channel: Any, operation: Any, server: Any, address: str | None
) -> None:
    path = tmp_path / "any.json"
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Any", "version": "1"},
        "servers": {"s": {"host": "h", "protocol": protocol, "bindings": {protocol: server}}},
        "channels": {
            "c": {
                "address": address,
                "parameters": {"x": {"enum": ["1", "2"]}},
                "bindings": {protocol: channel},
            }
        },
        "operations": {
            "o": {"action": "receive", "channel": {"$ref": "#/channels/c"}, "bindings": {protocol: operation}}
        },
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    catalog = load_catalog([path])
    (found,) = catalog.channels
    for name in found.names:
        assert name.value
        assert name.provenance
        assert name.location is not None
        if name.pattern is not None:
            re.compile(name.pattern)
            assert all(re.fullmatch(name.pattern, one) for one in name.expansions)
    for one in catalog.operations[0].consumers:
        assert one.value
        assert one.location is not None
    assert all(problem.location for problem in catalog.problems)
    json.dumps(catalog_json(catalog))
