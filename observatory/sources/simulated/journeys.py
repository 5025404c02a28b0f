"""What a trace of the estate looks like: the journeys of an order, a cancellation, a delivery, and the rest.

A journey is a tree of steps. Every step is one span; a consumer's step stands under the producer's step whose message
it handles. `rich` steps are calls to databases, carriers and the schema registry, recorded only while the tracing of
details is on.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

StepKind = Literal["server", "client", "producer", "consumer"]
Link = Literal["", "child", "trace"]


class Step(Struct, frozen=True, kw_only=True):
    """One span of a journey.

    Attributes:
        under: Index of the step above; -1 for the root.
        name: Span name of servers and clients.
        address: Channel of producers and consumers.
        at, share: A client's or producer's start and a client's length, as shares of the length of the step above.
        seconds: Median length of servers and producers; consumers take theirs from the estate.
        chance: Share of the journeys in which the step happens.
        link: `child` is a consumer in the producer's trace that also links to it, `trace` one that begins a trace of
            its own; empty for a plain child.
        attributes: Constant attributes of servers and clients.
    """

    under: int
    kind: StepKind
    service: str
    name: str = ""
    address: str = ""
    at: float = 0.5
    share: float = 0.3
    seconds: float = 0.006
    chance: float = 1.0
    link: Link = ""
    rich: bool = False
    attributes: tuple[tuple[str, str], ...] = ()


class Journey(Struct, frozen=True, kw_only=True):
    """A kind of trace.

    Attributes:
        publisher, address: Its publishes say how often it happens; without a publisher it happens once a minute.
        sampled, sampled_rich: One of how many journeys is traced, usually and while details are on; powers of two.
    """

    name: str
    publisher: str
    address: str
    sampled: int
    sampled_rich: int
    steps: tuple[Step, ...]


def _server(service: str, route: str, seconds: float) -> Step:
    method, path = route.split()
    attributes = (("http.request.method", method), ("http.route", path), ("http.response.status_code", "200"))
    return Step(under=-1, kind="server", service=service, name=route, seconds=seconds, attributes=attributes)


def _database(under: int, service: str, statement: str, at: float = 0.25, share: float = 0.4) -> Step:
    attributes = (("db.system.name", "postgresql"), ("db.query.summary", statement))
    return Step(
        under=under,
        kind="client",
        service=service,
        name=statement,
        at=at,
        share=share,
        rich=True,
        attributes=attributes,
    )


def _call(under: int, service: str, route: str, host: str, at: float = 0.15, share: float = 0.5) -> Step:
    method, _ = route.split()
    attributes = (("http.request.method", method), ("server.address", host), ("http.response.status_code", "200"))
    return Step(
        under=under, kind="client", service=service, name=route, at=at, share=share, rich=True, attributes=attributes
    )


def _registry(under: int, service: str) -> Step:
    # Clients keep schemas in memory, so that only few messages make them ask.
    attributes = (
        ("http.request.method", "GET"),
        ("server.address", "registry.shop.example"),
        ("http.response.status_code", "200"),
    )
    return Step(
        under=under,
        kind="client",
        service=service,
        name="GET /ids/globalIds/{globalId}",
        at=0.03,
        share=0.18,
        chance=0.2,
        rich=True,
        attributes=attributes,
    )


def _send(under: int, service: str, address: str, at: float = 0.8, chance: float = 1.0) -> Step:
    return Step(under=under, kind="producer", service=service, address=address, at=at, chance=chance)


def _process(under: int, service: str, address: str, *, link: Link = "") -> Step:
    return Step(under=under, kind="consumer", service=service, address=address, link=link)


_ORDER: tuple[Step, ...] = (
    _server("checkout-api", "POST /checkout", 0.12),  # 0
    _send(0, "checkout-api", "orders.order.placed.v1", 0.7),  # 1
    _process(1, "order-service", "orders.order.placed.v1"),  # 2
    _process(1, "payment-gateway", "orders.order.placed.v1"),  # 3
    _send(3, "payment-gateway", "payments.card.authorized.v1", 0.6),  # 4
    _process(4, "fraud-screening", "payments.card.authorized.v1", link="child"),  # 5
    _send(3, "payment-gateway", "payments.card.settled.v2", 0.85),  # 6
    _process(6, "settlement-writer", "payments.card.settled.v2"),  # 7
    _process(6, "order-service", "payments.card.settled.v2"),  # 8
    _send(8, "order-service", "orders.order.confirmed.v1"),  # 9
    _process(9, "warehouse", "orders.order.confirmed.v1"),  # 10
    _send(10, "warehouse", "shipping.label.requests"),  # 11
    _process(11, "shipping-service", "shipping.label.requests"),  # 12
    _send(12, "shipping-service", "label.created", 0.7),  # 13
    _process(13, "notification-service", "label.created", link="child"),  # 14
    _send(12, "shipping-service", "shipping.parcel.dispatched.v1", 0.85),  # 15
    _process(15, "notification-service", "shipping.parcel.dispatched.v1"),  # 16
    _send(16, "notification-service", "notify.email"),  # 17
    _process(17, "notification-service", "notify.email"),  # 18
    _process(9, "notification-service", "orders.order.confirmed.v1", link="child"),  # 19
    _send(19, "notification-service", "notify.email"),  # 20
    _process(20, "notification-service", "notify.email"),  # 21
    _process(1, "inventory-service", "orders.order.placed.v1"),  # 22
    _send(22, "inventory-service", "inventory.stock.reserved.v1"),  # 23
    _process(23, "order-service", "inventory.stock.reserved.v1"),  # 24
    _database(0, "checkout-api", "INSERT basket", 0.1, 0.35),
    _call(3, "payment-gateway", "POST /charges", "api.cards.example", 0.1, 0.45),
    _database(2, "order-service", "INSERT order"),
    _registry(3, "payment-gateway"),
    _registry(5, "fraud-screening"),
    _database(5, "fraud-screening", "SELECT risk_profile", 0.2, 0.5),
    _registry(7, "settlement-writer"),
    _database(7, "settlement-writer", "INSERT settlement", 0.3, 0.5),
    _database(8, "order-service", "UPDATE order"),
    _database(10, "warehouse", "SELECT bin", 0.1, 0.5),
    _call(12, "shipping-service", "POST /labels", "api.carrier.example", 0.1, 0.5),
    _call(18, "notification-service", "POST /messages", "api.mail.example", 0.1, 0.8),
    _call(21, "notification-service", "POST /messages", "api.mail.example", 0.1, 0.8),
    _database(22, "inventory-service", "UPDATE stock", 0.1, 0.6),
)
_CANCELLATION: tuple[Step, ...] = (
    _server("order-service", "POST /orders/{orderId}/cancellation", 0.05),  # 0
    _send(0, "order-service", "orders.order.cancelled.v1"),  # 1
    _process(1, "payment-gateway", "orders.order.cancelled.v1"),  # 2
    _send(2, "payment-gateway", "payments.refund.issued.v1"),  # 3
    _process(3, "settlement-writer", "payments.refund.issued.v1"),  # 4
    _process(1, "inventory-service", "orders.order.cancelled.v1", link="child"),  # 5
    _database(4, "settlement-writer", "INSERT refund", 0.2, 0.6),
    _database(5, "inventory-service", "UPDATE stock", 0.1, 0.7),
)
_DELIVERY: tuple[Step, ...] = (
    _server("shipping-service", "POST /carrier/callback", 0.04),
    _send(0, "shipping-service", "shipping.parcel.delivered.v1"),
    _process(1, "order-service", "shipping.parcel.delivered.v1"),
    _database(2, "order-service", "UPDATE order"),
)
_COUNT: tuple[Step, ...] = (
    _server("warehouse", "POST /bins/{bin}/count", 0.03),
    _send(0, "warehouse", "inventory.stock.adjusted.v2"),
    _process(1, "inventory-service", "inventory.stock.adjusted.v2"),
    _process(1, "pricing-service", "inventory.stock.adjusted.v2", link="trace"),
)
_SESSION: tuple[Step, ...] = (
    _server("identity-service", "POST /sessions", 0.06),
    _send(0, "identity-service", "identity.session.started.v1"),
    _process(1, "fraud-screening", "identity.session.started.v1", link="trace"),
)
_QUOTE: tuple[Step, ...] = (
    _server("pricing-service", "POST /quotes", 0.02),
    _send(0, "pricing-service", "pricing.quote.updated"),
    _process(1, "pricing-service", "pricing.quote.updated"),
)
_TEXT: tuple[Step, ...] = (
    _server("notification-service", "POST /texts", 0.02),
    _send(0, "notification-service", "notify.sms"),
    _process(1, "notification-service", "notify.sms"),
)
_ROUTE: tuple[Step, ...] = (
    _server("fleet-gateway", "PUT /vehicles/{vehicleId}/route", 0.03),
    _send(0, "fleet-gateway", "fleet/{vehicleId}/route"),
)
_PROBE: tuple[Step, ...] = (_server("checkout-api", "GET /healthz", 0.002),)

JOURNEYS: tuple[Journey, ...] = (
    Journey(
        name="order",
        publisher="checkout-api",
        address="orders.order.placed.v1",
        sampled=2048,
        sampled_rich=128,
        steps=_ORDER,
    ),
    Journey(
        name="cancellation",
        publisher="order-service",
        address="orders.order.cancelled.v1",
        sampled=1024,
        sampled_rich=256,
        steps=_CANCELLATION,
    ),
    Journey(
        name="delivery",
        publisher="shipping-service",
        address="shipping.parcel.delivered.v1",
        sampled=2048,
        sampled_rich=1024,
        steps=_DELIVERY,
    ),
    Journey(
        name="count",
        publisher="warehouse",
        address="inventory.stock.adjusted.v2",
        sampled=16384,
        sampled_rich=4096,
        steps=_COUNT,
    ),
    Journey(
        name="session",
        publisher="identity-service",
        address="identity.session.started.v1",
        sampled=16384,
        sampled_rich=16384,
        steps=_SESSION,
    ),
    Journey(
        name="quote",
        publisher="pricing-service",
        address="pricing.quote.updated",
        sampled=16384,
        sampled_rich=16384,
        steps=_QUOTE,
    ),
    Journey(
        name="text",
        publisher="notification-service",
        address="notify.sms",
        sampled=4096,
        sampled_rich=1024,
        steps=_TEXT,
    ),
    Journey(
        name="route",
        publisher="fleet-gateway",
        address="fleet/{vehicleId}/route",
        sampled=4096,
        sampled_rich=1024,
        steps=_ROUTE,
    ),
    # A probe every minute shows that spans still arrive in the small hours, when few journeys are sampled.
    Journey(name="probe", publisher="", address="", sampled=1, sampled_rich=1, steps=_PROBE),
)
