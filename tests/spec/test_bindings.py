"""Runtime names and consumers, labelled by hand from the binding definitions of each protocol."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from observatory.spec.catalog import Catalog

Load = Callable[..., Catalog]

# protocol, channel (3.x), operation beside action and channel, names as kind:value<provenance>, address, consumer
TABLE: list[tuple[str, str, str, list[str], str | None, str | None]] = [
    ("kafka", "address: orders.v1", "", ["topic:orders.v1<address>"], "orders.v1", None),
    (
        "kafka-secure",
        "address: orders, bindings: {kafka: {topic: orders.v2}}",
        "bindings: {kafka: {groupId: {type: string, enum: [billing]}}}",
        ["topic:orders.v2<kafka.topic binding>"],
        "orders.v2",
        "billing<kafka.groupId binding>",
    ),
    (
        "kafka",
        "address: a",
        "bindings: {kafka: {groupId: {const: g}}}",
        ["topic:a<address>"],
        "a",
        "g<kafka.groupId binding>",
    ),
    (
        "kafka",
        "address: a",
        "bindings: {kafka: {groupId: {default: g}}}",
        ["topic:a<address>"],
        "a",
        "g<kafka.groupId binding>",
    ),
    ("kafka", "address: a", "bindings: {kafka: {groupId: {enum: [g, h]}}}", ["topic:a<address>"], "a", None),
    ("kafka", "address: a", "bindings: {kafka: {groupId: {type: string}}}", ["topic:a<address>"], "a", None),
    ("kafka", "address: null", "", [], None, None),
    ("kafka", "address: null, bindings: {kafka: {topic: t}}", "", ["topic:t<kafka.topic binding>"], "t", None),
    ("kafka", "address: a", "x-consumer-group: mine", ["topic:a<address>"], "a", "mine<x-consumer-group on operation>"),
    ("kafka", "address: a", "x-groupId: zen", ["topic:a<address>"], "a", "zen<x-groupId on operation>"),
    ("kafka", "address: a", "x-scs-group: spring", ["topic:a<address>"], "a", "spring<x-scs-group on operation>"),
    (
        "kafka",
        "address: a",
        "x-consumer-group: mine, bindings: {kafka: {groupId: {const: bound}}}",
        ["topic:a<address>"],
        "a",
        "bound<kafka.groupId binding>",
    ),
    ("amqp", "address: orders.placed", "", ["routing_key:orders.placed<address>"], "orders.placed", None),
    (
        "amqp",
        "address: orders.placed, bindings: {amqp: {is: routingKey, exchange: {name: shop, vhost: /eu}}}",
        "",
        [
            "exchange:shop<amqp.exchange.name binding>",
            "routing_key:orders.placed<address>",
            "vhost:/eu<amqp.exchange.vhost binding>",
        ],
        "orders.placed",
        None,
    ),
    (
        "amqps",
        "address: key, bindings: {amqp: {is: queue, queue: {name: billing.orders, vhost: /}}}",
        "",
        ["queue:billing.orders<amqp.queue.name binding>", "vhost:/<amqp.queue.vhost binding>"],
        "billing.orders",
        "billing.orders<amqp.queue.name binding>",
    ),
    ("amqp", "address: q, bindings: {amqp: {is: queue}}", "", ["queue:q<address>"], "q", "q<address>"),
    (
        "amqp",
        "address: null, bindings: {amqp: {is: routingKey, exchange: {name: events, type: fanout}}}",
        "",
        ["exchange:events<amqp.exchange.name binding>"],
        "events",
        None,
    ),
    (
        "amqp",
        "address: jobs, bindings: {amqp: {is: routingKey, exchange: {name: '', type: default}}}",
        "",
        ["routing_key:jobs<address>", "queue:jobs<routing key on the default exchange>"],
        "jobs",
        "jobs<routing key on the default exchange>",
    ),
    (
        "amqp",
        "address: a.b",
        "bindings: {amqp: {cc: [a.c]}}",
        ["routing_key:a.b<address>", "routing_key:a.c<amqp.cc binding>"],
        "a.b",
        None,
    ),
    ("mqtt", "address: sensors/kitchen", "", ["topic:sensors/kitchen<address>"], "sensors/kitchen", None),
    ("mqtt5", "address: a/b", "", ["topic:a/b<address>"], "a/b", None),
    ("secure-mqtt", "address: a/+/b", "", ["topic:a/+/b<address>~a/[^/]*/b"], "a/+/b", None),
    ("mqtt", "address: a/#", "", ["topic:a/#<address>~a(?:/.*)?"], "a/#", None),
    ("nats", "address: orders.eu", "bindings: {nats: {queue: workers}}", ["subject:orders.eu<address>"], "orders.eu",
     "workers<nats.queue binding>"),
    ("nats", "address: orders.*.>", "", [r"subject:orders.*.><address>~orders\.[^.]+\..+"], "orders.*.>", None),
    ("nats", "address: orders", "", ["subject:orders<address>"], "orders", None),
    (
        "pulsar",
        "address: orders, bindings: {pulsar: {namespace: shop, persistence: non-persistent}}",
        "",
        ["topic:non-persistent://public/shop/orders<pulsar binding and address>"],
        "non-persistent://public/shop/orders",
        None,
    ),
    (
        "pulsar+ssl",
        "address: 'persistent://t/n/orders'",
        "",
        ["topic:persistent://t/n/orders<address>"],
        "persistent://t/n/orders",
        None,
    ),
    (
        "sqs",
        "address: a, bindings: {sqs: {queue: {name: jobs.fifo, fifoQueue: true}}}",
        "",
        ["queue:jobs.fifo<sqs.queue.name binding>"],
        "jobs.fifo",
        "jobs.fifo<sqs.queue.name binding>",
    ),
    (
        "sqs",
        "address: a",
        "bindings: {sqs: {queues: [{name: worker}]}}",
        ["queue:worker<sqs.queues.name binding>"],
        "worker",
        "worker<sqs.queues.name binding>",
    ),
    (
        "sqs",
        "address: 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'",
        "",
        ["queue:jobs<address, last part>"],
        "jobs",
        "jobs<address, last part>",
    ),
    (
        "sqs",
        "address: 'arn:aws:sqs:eu-west-1:123456789012:jobs'",
        "",
        ["queue:jobs<address, last part>"],
        "jobs",
        "jobs<address, last part>",
    ),
    ("amqp", "address: a.b, bindings: {amqp1: {}}", "", ["destination:a.b<address>"], "a.b", None),
    ("amqp1", "address: a.b", "", ["destination:a.b<address>"], "a.b", None),
    (
        "sns",
        "address: a, bindings: {sns: {name: alerts}}",
        "bindings: {sns: {consumers: [{protocol: sqs, endpoint: {name: inbox}}]}}",
        ["topic:alerts<sns.name binding>"],
        "alerts",
        "inbox<sns.consumers binding>",
    ),
    ("sns", "address: alerts", "", ["topic:alerts<address>"], "alerts", None),
    (
        "googlepubsub",
        "address: projects/p/topics/orders",
        "",
        ["topic:projects/p/topics/orders<address>", "topic:orders<address, last part>"],
        "projects/p/topics/orders",
        None,
    ),
    (
        "googlepubsub",
        "address: a, bindings: {googlepubsub: {topic: projects/p/topics/t, schemaSettings: {}}}",
        "",
        [
            "topic:projects/p/topics/t<googlepubsub.topic binding>",
            "topic:t<googlepubsub.topic binding, last part>",
        ],
        "projects/p/topics/t",
        None,
    ),
    ("wss", "address: /prices", "", ["path:/prices<address>"], "/prices", None),
    ("ws", "address: /", "", ["path:/<address>"], "/", None),
    (
        "jms",
        "address: a, bindings: {jms: {destination: jobs, destinationType: queue}}",
        "",
        ["queue:jobs<jms.destination binding>"],
        "jobs",
        "jobs<jms.destination binding>",
    ),
    (
        "jms",
        "address: news, bindings: {jms: {destinationType: topic}}",
        "",
        ["topic:news<address>"],
        "news",
        None,
    ),
    (
        "solace",
        "address: shop/orders",
        "bindings: {solace: {destinations: [{destinationType: queue, queue: {name: billing}}]}}",
        ["queue:billing<solace.queue.name binding>", "topic:shop/orders<address>"],
        "shop/orders",
        "billing<solace.queue.name binding>",
    ),
    (
        "ibmmq",
        "address: a, bindings: {ibmmq: {destinationType: queue, queue: {objectName: DEV.QUEUE.1}}}",
        "",
        ["queue:DEV.QUEUE.1<ibmmq.queue.objectName binding>"],
        "DEV.QUEUE.1",
        "DEV.QUEUE.1<ibmmq.queue.objectName binding>",
    ),
    (
        "ibmmq",
        "address: a, bindings: {ibmmq: {topic: {string: dev/orders, objectName: OBJ}}}",
        "",
        ["topic:dev/orders<ibmmq.topic.string binding>"],
        "dev/orders",
        None,
    ),
    ("ibmmq", "address: a, bindings: {ibmmq: {topic: {objectName: OBJ}}}", "",
     ["topic:OBJ<ibmmq.topic.objectName binding>"], "OBJ", None),
    (
        "anypointmq",
        "address: a, bindings: {anypointmq: {destination: ex, destinationType: exchange}}",
        "",
        ["exchange:ex<anypointmq.destination binding>"],
        "ex",
        None,
    ),
    ("anypointmq", "address: jobs", "", ["queue:jobs<address>"], "jobs", "jobs<address>"),
    ("redis", "address: news", "", ["destination:news<address>"], "news", None),
    ("rediss", "address: news", "", ["destination:news<address>"], "news", None),
    (
        "nats",
        "address: 'orders:Handle', bindings: {nats: {subject: orders, queue: crew}}",
        "",
        ["subject:orders<nats.subject binding>"],
        "orders",
        "crew<nats.queue binding>",
    ),
    (
        "redis",
        "address: 'orders:Handle', bindings: {redis: {channel: orders, method: subscribe, groupName: crew}}",
        "",
        ["destination:orders<redis.channel binding>"],
        "orders",
        "crew<redis.groupName binding>",
    ),
    (
        "redis",
        "address: h, bindings: {redis: {channel: 'a.*.b?', method: psubscribe}}",
        "",
        [r"destination:a.*.b?<redis.channel binding>~a\..*\.b."],
        "a.*.b?",
        None,
    ),
    (
        "mqtt",
        "address: 'a/b:Handle', bindings: {mqtt: {topic: a/+}}",
        "",
        ["topic:a/+<mqtt.topic binding>~a/[^/]*"],
        "a/+",
        None,
    ),
    ("stomp", "address: /queue/a", "", ["destination:/queue/a<address>"], "/queue/a", None),
    ("http", "address: /hook", "", ["destination:/hook<address>"], "/hook", None),
    (
        "kafka",
        "address: 'orders.{env}', parameters: {env: {}}",
        "",
        [r"topic:orders.{env}<address>~orders\.[^./]+"],
        "orders.{env}",
        None,
    ),
    (
        "kafka",
        "address: 'orders.{env}', parameters: {env: {enum: [eu, us.east]}}",
        "",
        [r"topic:orders.{env}<address>~orders\.(?:eu|us\.east)"],
        "orders.{env}",
        None,
    ),
    (
        "kafka",
        "address: 'orders.{env}', parameters: {env: {enum: [eu]}}",
        "",
        ["topic:orders.eu<address>"],
        "orders.eu",
        None,
    ),
    (
        "mqtt",
        "address: 'a/{x}/b.c', parameters: {x: {}}",
        "",
        [r"topic:a/{x}/b.c<address>~a/[^/]+/b\.c", r"subscription:a/+/b.c<address, as a subscription>~a/[^/]*/b\.c"],
        "a/{x}/b.c",
        None,
    ),
    (
        "nats",
        "address: 'a.{x}', parameters: {x: {}}",
        "",
        [r"subject:a.{x}<address>~a\.[^.]+"],
        "a.{x}",
        None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "channel", "operation", "names", "address", "consumer"), TABLE)
def test_names_and_consumers_come_from_bindings(
    one: Load,
    protocol: str,
    channel: str,
    operation: str,
    names: list[str],
    address: str | None,
    consumer: str | None,
) -> None:
    catalog = one(
        f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{host: broker, protocol: {protocol}}}}}
channels: {{c: {{{channel}}}}}
operations: {{o: {{action: receive, channel: {{$ref: '#/channels/c'}}, {operation}}}}}
"""
    )
    assert [problem.render() for problem in catalog.problems if problem.severity == "error"] == []
    (found,) = catalog.channels
    shown = [
        f"{name.kind}:{name.value}<{name.provenance}>" + (f"~{name.pattern}" if name.pattern else "")
        for name in found.names
    ]
    assert (shown, found.address) == (names, address)
    (receiver,) = catalog.operations
    group = f"{receiver.consumer_group}<{receiver.consumer_group_provenance}>" if receiver.consumer_group else None
    assert group == consumer


def test_the_protocol_is_the_one_that_bindings_agree_with(one: Load) -> None:
    catalog = one(
        """
asyncapi: 2.6.0
info: {title: Shop, version: '1'}
servers: {w: {url: 'ws://h', protocol: ws}, k: {url: 'h:9092', protocol: kafka}}
channels: {c: {bindings: {kafka: {topic: t, partitions: 6}}}}
"""
    )
    (channel,) = catalog.channels
    assert (channel.id, channel.broker, channel.partitions) == ("kafka:t", "h:9092", 6)


def test_the_queue_for_failures_comes_from_the_binding_and_from_the_extension(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: h, protocol: sqs}}
channels:
  a: {address: a, bindings: {sqs: {queue: {name: a, redrivePolicy: {deadLetterQueue: {name: a-dlq}}}}}}
  b: {address: b, x-dead-letter: b-dlq}
  c: {address: c}
operations:
  o: {action: receive, channel: {$ref: '#/channels/c'}, x-dead-letter: {$ref: '#/channels/b'}}
"""
    )
    assert {channel.address: channel.dead_letter for channel in catalog.channels} == {
        "a": "a-dlq",
        "b": "b-dlq",
        "c": "b",
    }


def test_the_protocol_is_that_of_message_bindings_where_nothing_else_says(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
channels: {c: {address: t, messages: {m: {bindings: {kafka: {key: {type: string}}}}}}}
"""
    )
    assert [(channel.id, channel.names[0].kind) for channel in catalog.channels] == [("kafka:t", "topic")]


def test_the_older_protocol_s_server_is_the_broker_of_amqp_1(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: bus, protocol: amqp}}
channels: {c: {address: a, bindings: {amqp1: {}}}}
"""
    )
    assert [(channel.id, channel.broker) for channel in catalog.channels] == [("amqp1:a", "bus")]


def test_a_channel_known_by_a_binding_alone_is_not_open(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: k, protocol: kafka}}
channels: {named: {bindings: {kafka: {topic: t}}}, open: {}}
"""
    )
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [
        ("address-open", "doc.yaml:5:52")
    ]


def test_binding_faults_are_warnings_and_the_name_is_kept(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: h, protocol: kafka}}
channels:
  a:
    address: a
    bindings: {kafka: {topic: t, partitions: many, replics: 3, bindingVersion: 0.1.0}}
"""
    )
    assert [(problem.code, problem.severity, str(problem.location)) for problem in catalog.problems] == [
        ("binding-unread", "warning", "doc.yaml:8:46"),
        ("binding-unread", "warning", "doc.yaml:8:52"),
        ("binding-value", "warning", "doc.yaml:8:80"),
    ]
    assert catalog.channels[0].id == "kafka:t"
    assert catalog.channels[0].partitions is None


def test_a_virtual_host_behind_a_reference_is_named_by_its_key_in_the_binding(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: h, protocol: amqp}}
channels: {a: {address: a, bindings: {amqp: {is: routingKey, exchange: {$ref: '#/components/x-all/main'}}}}}
components: {x-all: {main: {name: shop, vhost: /eu}}}
"""
    )
    vhost = catalog.channels[0].name("vhost")
    assert vhost is not None
    assert vhost.provenance == "amqp.exchange.vhost binding"
