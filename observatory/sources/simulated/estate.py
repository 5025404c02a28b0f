"""The estate as numbers: how much is published where, who consumes it, how fast and how well.

Addresses, services and groups are those of the documents beside this module. Rates are messages per second at
mean load; failure shares are what a healthy day looks like.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

System = Literal["kafka", "rabbitmq", "mqtt", "nats"]

LATENCY_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of every simulated histogram, seconds; the bounds of the documents' thresholds are among them."""


class ChannelModel(Struct, frozen=True, kw_only=True):
    """A channel on its broker.

    Attributes:
        rate: Messages per second at mean load; 0 for a channel on which nothing happens.
        partitions: Share of the messages that each partition takes; one entry for a queue or a subject.
        destination: What spans and client metrics call it, where that is not the address.
        stream: JetStream stream that keeps the subject.
        exported: False where no exporter and no client shows the channel.
    """

    address: str
    system: System
    rate: float
    partitions: tuple[float, ...] = (1.0,)
    destination: str = ""
    stream: str = ""
    exported: bool = True


class PublisherModel(Struct, frozen=True, kw_only=True):
    """A service that publishes to a channel; `failure` is the share of attempts that fail on a healthy day."""

    service: str
    address: str
    failure: float = 1e-4


class GroupModel(Struct, frozen=True, kw_only=True):
    """A service that consumes a channel.

    Attributes:
        group: Consumer group; the queue's name on RabbitMQ, empty where the protocol has none.
        headroom: Capacity as a multiple of the mean rate; peaks reach about 2.1.
        failure: Share of messages whose processing fails on a healthy day.
        invalid: Share that fails the schema, part of `failure`.
        dead_letter: Share of the failed that end in the dead-letter channel.
        latency, tail: Median seconds from publish to consume, and the exponent with which long ones get rare
            (shape of a log-logistic distribution, which has its quantiles and its shares in closed form).
        histogram: Whether the service exports handling and end-to-end times as histograms.
        conventions: Whether it exports the counters that only applications can count (validation, duplicates, ...).
    """

    service: str
    address: str
    group: str = ""
    headroom: float = 4.0
    failure: float = 1.5e-4
    invalid: float = 0.0
    duplicate: float = 0.0
    dead_letter: float = 0.0
    dead_letter_address: str = ""
    latency: float = 0.08
    tail: float = 4.5
    histogram: bool = False
    conventions: bool = False

    @property
    def key(self) -> str:
        """`service/address`, unique."""
        return f"{self.service}/{self.address}"


FOUR = (0.28, 0.25, 0.23, 0.24)
THREE = (0.36, 0.33, 0.31)

CHANNELS: tuple[ChannelModel, ...] = (
    ChannelModel(address="orders.order.placed.v1", system="kafka", rate=8.0, partitions=FOUR),
    ChannelModel(address="orders.order.confirmed.v1", system="kafka", rate=7.4, partitions=THREE),
    ChannelModel(address="orders.order.cancelled.v1", system="kafka", rate=0.5, partitions=THREE),
    ChannelModel(address="payments.card.authorized.v1", system="kafka", rate=7.8, partitions=THREE),
    ChannelModel(
        address="payments.card.settled.v2",
        system="kafka",
        rate=7.5,
        partitions=(0.14, 0.22, 0.12, 0.30, 0.11, 0.11),
    ),
    ChannelModel(address="payments.card.settled.v2.dlq", system="kafka", rate=0.0, partitions=THREE),
    ChannelModel(address="payments.refund.issued.v1", system="kafka", rate=0.4, partitions=THREE),
    ChannelModel(address="payments.chargeback.raised.v1", system="kafka", rate=0.0, partitions=THREE),
    ChannelModel(address="inventory.stock.reserved.v1", system="kafka", rate=7.7, partitions=THREE),
    ChannelModel(address="inventory.stock.adjusted.v2", system="kafka", rate=11.0, partitions=THREE),
    ChannelModel(address="shipping.parcel.dispatched.v1", system="kafka", rate=7.0, partitions=THREE),
    ChannelModel(address="shipping.parcel.delivered.v1", system="kafka", rate=6.8, partitions=THREE),
    ChannelModel(address="identity.session.started.v1", system="kafka", rate=20.0, partitions=THREE),
    ChannelModel(address="identity.account.updated.v1", system="kafka", rate=0.0, partitions=THREE, exported=False),
    ChannelModel(address="shipping.label.requests", system="rabbitmq", rate=7.2),
    ChannelModel(address="shipping.label.requests.dlq", system="rabbitmq", rate=0.0),
    ChannelModel(address="label.created", system="rabbitmq", rate=7.0, destination="shipping.events:label.created"),
    ChannelModel(address="notify.email", system="rabbitmq", rate=14.0),
    ChannelModel(address="notify.email.dlq", system="rabbitmq", rate=0.0),
    ChannelModel(address="notify.sms", system="rabbitmq", rate=2.0),
    ChannelModel(address="fleet/{vehicleId}/position", system="mqtt", rate=30.0),
    ChannelModel(address="fleet/{vehicleId}/doors", system="mqtt", rate=3.0, exported=False),
    ChannelModel(address="fleet/{vehicleId}/route", system="mqtt", rate=1.2),
    ChannelModel(address="pricing.quote.updated", system="nats", rate=25.0, stream="QUOTES"),
    ChannelModel(address="pricing.promotion.changed", system="nats", rate=0.05, stream="PROMOTIONS"),
    ChannelModel(address="payments.fraud.flagged", system="nats", rate=0.1, stream="FRAUD"),
)

PUBLISHERS: tuple[PublisherModel, ...] = (
    PublisherModel(service="checkout-api", address="orders.order.placed.v1"),
    PublisherModel(service="order-service", address="orders.order.confirmed.v1"),
    PublisherModel(service="order-service", address="orders.order.cancelled.v1"),
    PublisherModel(service="payment-gateway", address="payments.card.authorized.v1"),
    PublisherModel(service="payment-gateway", address="payments.card.settled.v2"),
    PublisherModel(service="payment-gateway", address="payments.refund.issued.v1"),
    PublisherModel(service="settlement-writer", address="payments.card.settled.v2.dlq", failure=0.0),
    PublisherModel(service="inventory-service", address="inventory.stock.reserved.v1"),
    PublisherModel(service="warehouse", address="inventory.stock.adjusted.v2", failure=4e-4),
    PublisherModel(service="warehouse", address="shipping.label.requests", failure=4e-4),
    PublisherModel(service="shipping-service", address="shipping.label.requests.dlq", failure=0.0),
    PublisherModel(service="shipping-service", address="label.created", failure=5e-4),
    PublisherModel(service="shipping-service", address="shipping.parcel.dispatched.v1", failure=4e-4),
    PublisherModel(service="shipping-service", address="shipping.parcel.delivered.v1", failure=4e-4),
    PublisherModel(service="identity-service", address="identity.session.started.v1", failure=4e-4),
    PublisherModel(service="notification-service", address="notify.email", failure=6e-4),
    PublisherModel(service="notification-service", address="notify.email.dlq", failure=0.0),
    PublisherModel(service="notification-service", address="notify.sms", failure=6e-4),
    PublisherModel(service="fleet-gateway", address="fleet/{vehicleId}/route", failure=1.2e-3),
    PublisherModel(service="pricing-service", address="pricing.quote.updated", failure=7e-4),
    PublisherModel(service="pricing-service", address="pricing.promotion.changed", failure=1e-3),
    PublisherModel(service="fraud-screening", address="payments.fraud.flagged", failure=5e-4),
    # The vans themselves are not documented; the gateway shows what arrives from them.
    PublisherModel(service="", address="fleet/{vehicleId}/position", failure=0.0),
)

GROUPS: tuple[GroupModel, ...] = (
    GroupModel(
        service="order-service",
        address="orders.order.placed.v1",
        group="order-saga",
        latency=0.11,
        histogram=True,
        conventions=True,
    ),
    GroupModel(service="order-service", address="payments.card.settled.v2", group="order-saga", latency=0.1),
    GroupModel(service="order-service", address="inventory.stock.reserved.v1", group="order-saga"),
    GroupModel(
        service="order-service",
        address="shipping.parcel.delivered.v1",
        group="order-history",
        failure=1e-3,
        latency=0.4,
    ),
    GroupModel(
        service="payment-gateway",
        address="orders.order.placed.v1",
        group="payment-intake",
        invalid=5e-5,
        latency=0.09,
        histogram=True,
        conventions=True,
    ),
    GroupModel(service="payment-gateway", address="orders.order.cancelled.v1", group="payment-refunds"),
    GroupModel(
        service="settlement-writer",
        address="payments.card.settled.v2",
        group="settlement-writer",
        headroom=3.4,
        dead_letter=0.8,
        dead_letter_address="payments.card.settled.v2.dlq",
        duplicate=1e-4,
        latency=0.1,
        tail=5.5,
        histogram=True,
        conventions=True,
    ),
    GroupModel(service="settlement-writer", address="payments.refund.issued.v1", group="refund-writer", failure=8e-4),
    GroupModel(service="settlement-writer", address="payments.chargeback.raised.v1", group="chargeback-writer"),
    GroupModel(
        service="fraud-screening",
        address="payments.card.authorized.v1",
        group="fraud-screening",
        invalid=6e-5,
        latency=0.14,
        conventions=True,
    ),
    GroupModel(
        service="fraud-screening",
        address="identity.session.started.v1",
        group="session-risk",
        failure=1.5e-3,
        latency=0.3,
    ),
    GroupModel(
        service="inventory-service",
        address="orders.order.placed.v1",
        group="stock-reserver",
        latency=0.12,
        histogram=True,
    ),
    GroupModel(service="inventory-service", address="orders.order.cancelled.v1", group="stock-releaser", failure=8e-4),
    GroupModel(
        service="inventory-service",
        address="inventory.stock.adjusted.v2",
        group="stock-cache",
        failure=2e-3,
        invalid=1e-3,
        conventions=True,
    ),
    GroupModel(
        service="pricing-service",
        address="inventory.stock.adjusted.v2",
        group="price-refresher",
        failure=2e-3,
    ),
    GroupModel(
        service="warehouse",
        address="orders.order.confirmed.v1",
        group="warehouse-picking",
        headroom=2.6,
        latency=0.2,
        histogram=True,
    ),
    GroupModel(
        service="notification-service", address="orders.order.confirmed.v1", group="notify-orders", failure=8e-4
    ),
    GroupModel(
        service="notification-service",
        address="shipping.parcel.dispatched.v1",
        group="notify-shipping",
        failure=6e-4,
        invalid=2e-4,
        latency=0.25,
        histogram=True,
        conventions=True,
    ),
    GroupModel(
        service="shipping-service",
        address="shipping.label.requests",
        group="shipping.label.requests",
        headroom=3.0,
        failure=1e-3,
        dead_letter=0.6,
        dead_letter_address="shipping.label.requests.dlq",
        latency=0.3,
        conventions=True,
    ),
    GroupModel(
        service="notification-service",
        address="label.created",
        group="notify.labels",
        failure=1.5e-3,
    ),
    GroupModel(
        service="notification-service",
        address="notify.email",
        group="notify.email",
        headroom=2.8,
        failure=1.5e-3,
        dead_letter=0.5,
        dead_letter_address="notify.email.dlq",
        duplicate=5e-4,
        latency=0.8,
        histogram=True,
        conventions=True,
    ),
    GroupModel(service="notification-service", address="notify.sms", group="notify.sms", failure=1.5e-3, latency=0.9),
    GroupModel(service="fleet-gateway", address="fleet/{vehicleId}/position", failure=1.5e-3, latency=0.2),
    GroupModel(
        service="pricing-service",
        address="pricing.quote.updated",
        group="quote-cache",
        failure=8e-4,
        latency=0.02,
    ),
)

SERVICES: tuple[str, ...] = tuple(
    sorted({model.service for model in PUBLISHERS if model.service} | {model.service for model in GROUPS})
)


CONTRACT_TESTED: tuple[str, ...] = (
    "orders.order.cancelled.v1",
    "payments.card.settled.v2",
    "shipping.parcel.dispatched.v1",
)
"""Channels whose contract tests CI counts."""

AUTHORIZATION_WATCHED: tuple[str, ...] = (
    "identity.session.started.v1",
    "orders.order.placed.v1",
    "payments.refund.issued.v1",
)
"""Channels whose producers count refused attempts."""


def channel_model(address: str) -> ChannelModel:
    """The channel of an address.

    Raises:
        KeyError: The estate has none.
    """
    for model in CHANNELS:
        if model.address == address:
            return model
    raise KeyError(address)


def group_model(service: str, address: str) -> GroupModel:
    """The consumer of a channel.

    Raises:
        KeyError: The service does not consume it.
    """
    for model in GROUPS:
        if model.service == service and model.address == address:
            return model
    raise KeyError(f"{service}/{address}")
