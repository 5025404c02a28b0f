"""What goes wrong in the estate: one incident at least of each failure mode F1 to F8, and what each does.

Positions are days before the anchor, the instant at which the history was first prepared; a shorter history squeezes
them together in the same order. The same round begins again after the anchor, so that a history which is continued
for months has its incidents too. The last two are still under way at the anchor; every later session (a demo that is
started again) adds its own pair, so that there is always something to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Mode = Literal["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8"]

EffectKind = Literal[
    "publish_failure",  # share of publishes that fail
    "misroute",  # share of publishes that go to `other`
    "unroutable",  # share of publishes that no binding takes
    "process_failure",  # share of messages whose processing fails
    "invalid",  # the same, because the schema does not fit
    "capacity",  # consumption as a share of what arrives, on `partitions` only when given
    "slower",  # median latency as a multiple, reached in a ramp over the first half
    "duplicates",  # share of messages delivered and processed twice
    "broker_load",  # share of the broker's scarcest resource
    "registry_failure",  # share of registry requests that fail
    "registry_slower",  # registry latency as a multiple
]

HISTORY_DAYS = 30.0
UNDER_WAY_HOURS = 3.0
"""How long after its anchor an incident that is under way goes on."""
DEPLOYED_MINUTES_BEFORE = 4
"""How long before an incident the version came that caused it."""


class Effect(Struct, frozen=True, kw_only=True):
    """One thing that an incident changes.

    Attributes:
        targets: Addresses for publishing, `service/address` for consuming, broker systems for load.
        value: A share or a multiple, see `EffectKind`.
        error_type: What failing operations report.
        other: Where misrouted messages go.
        partitions: Restricts to these partitions.
    """

    kind: EffectKind
    targets: tuple[str, ...]
    value: float
    error_type: str = ""
    other: str = ""
    partitions: tuple[int, ...] = ()


class Incident(Struct, frozen=True, kw_only=True):
    """A failure with a beginning and an end, milliseconds since the epoch.

    Attributes:
        channel: Address that is hit first; the channel that a diagnosis should name.
        under_way: Whether it was made to be still going on at its anchor.
        deployed: Service and version that were deployed shortly before it began; None where nothing was.
    """

    mode: Mode
    title: str
    channel: str
    start_ms: int
    end_ms: int
    effects: tuple[Effect, ...]
    under_way: bool = False
    deployed: tuple[str, str] | None = None

    @property
    def deployed_ms(self) -> int:
        """When it was deployed."""
        return self.start_ms - DEPLOYED_MINUTES_BEFORE * 60_000


class _Plan(Struct, frozen=True, kw_only=True):
    mode: Mode
    title: str
    channel: str
    days_ago: float
    minutes: int
    effects: tuple[Effect, ...]
    deployed: tuple[str, str] | None = None


_RABBITMQ_GROUPS = (
    "shipping-service/shipping.label.requests",
    "notification-service/label.created",
    "notification-service/notify.email",
    "notification-service/notify.sms",
)
_RABBITMQ_ADDRESSES = ("shipping.label.requests", "label.created", "notify.email", "notify.sms")
MISNAMED_TOPIC = "orders.order-cancelled.v1"

_PAST: tuple[_Plan, ...] = (
    _Plan(
        mode="F2",
        title="a release of order-service publishes cancellations to a misspelt topic",
        channel="orders.order.cancelled.v1",
        days_ago=26.4,
        minutes=180,
        effects=(Effect(kind="misroute", targets=("orders.order.cancelled.v1",), value=1.0, other=MISNAMED_TOPIC),),
    ),
    _Plan(
        mode="F3",
        title="the RabbitMQ node reaches its memory watermark",
        channel="shipping.label.requests",
        days_ago=21.2,
        minutes=35,
        effects=(
            Effect(kind="broker_load", targets=("rabbitmq",), value=0.97),
            Effect(kind="publish_failure", targets=_RABBITMQ_ADDRESSES, value=0.2, error_type="ConnectionBlocked"),
            Effect(kind="slower", targets=_RABBITMQ_GROUPS, value=14.0),
            Effect(kind="capacity", targets=_RABBITMQ_GROUPS, value=0.6),
        ),
    ),
    _Plan(
        mode="F4",
        title="an expired grant: payment-gateway may no longer write refunds",
        channel="payments.refund.issued.v1",
        days_ago=17.3,
        minutes=110,
        effects=(
            Effect(
                kind="publish_failure",
                targets=("payments.refund.issued.v1",),
                value=1.0,
                error_type="TopicAuthorizationException",
            ),
        ),
    ),
    _Plan(
        mode="F5",
        title="mails are sent twice because acknowledgements time out",
        channel="notify.email",
        days_ago=13.6,
        minutes=240,
        effects=(Effect(kind="duplicates", targets=("notification-service/notify.email",), value=0.35),),
    ),
    _Plan(
        mode="F1",
        title="stock adjustments lose a required field",
        deployed=("warehouse", "1.9.3"),
        channel="inventory.stock.adjusted.v2",
        days_ago=10.8,
        minutes=90,
        effects=(
            Effect(
                kind="invalid",
                targets=("inventory-service/inventory.stock.adjusted.v2",),
                value=0.8,
                error_type="SchemaValidationError",
            ),
        ),
    ),
    _Plan(
        mode="F6",
        title="the schema registry answers 503",
        channel="payments.card.authorized.v1",
        days_ago=8.5,
        minutes=25,
        effects=(
            Effect(kind="registry_failure", targets=("registry",), value=0.75),
            Effect(kind="registry_slower", targets=("registry",), value=25.0),
            Effect(
                kind="process_failure",
                targets=(
                    "fraud-screening/payments.card.authorized.v1",
                    "payment-gateway/orders.order.placed.v1",
                    "order-service/payments.card.settled.v2",
                    "notification-service/orders.order.confirmed.v1",
                ),
                value=0.3,
                error_type="RestClientException",
            ),
        ),
    ),
    _Plan(
        mode="F8",
        title="the binding of shipping.events misses the routing key after a move to another queue",
        channel="label.created",
        days_ago=6.2,
        minutes=200,
        effects=(Effect(kind="unroutable", targets=("label.created",), value=0.6),),
    ),
    _Plan(
        mode="F7",
        title="warehouse-picking works at half speed",
        deployed=("warehouse", "1.10.0"),
        channel="orders.order.confirmed.v1",
        days_ago=3.1,
        minutes=50,
        effects=(
            Effect(kind="capacity", targets=("warehouse/orders.order.confirmed.v1",), value=0.5),
            Effect(kind="slower", targets=("warehouse/orders.order.confirmed.v1",), value=6.0),
        ),
    ),
)

_UNDER_WAY: tuple[_Plan, ...] = (
    _Plan(
        mode="F1",
        title="dispatch events carry a carrier code that notification-service does not know",
        deployed=("shipping-service", "2.31.0"),
        channel="shipping.parcel.dispatched.v1",
        days_ago=14.5 / 24,
        minutes=14 * 60 + 30,
        effects=(
            Effect(
                kind="invalid",
                targets=("notification-service/shipping.parcel.dispatched.v1",),
                value=0.026,
                error_type="SchemaValidationError",
            ),
        ),
    ),
    _Plan(
        mode="F7",
        title="settlement-writer is stalled on two partitions and slow on the others",
        deployed=("settlement-writer", "4.18.0"),
        channel="payments.card.settled.v2",
        days_ago=55 / 1440,
        minutes=55,
        effects=(
            Effect(
                kind="capacity", targets=("settlement-writer/payments.card.settled.v2",), value=0.0, partitions=(1, 3)
            ),
            Effect(kind="slower", targets=("settlement-writer/payments.card.settled.v2",), value=18.0),
        ),
    ),
)


class Session(Struct, frozen=True):
    """A time at which a history was made or continued: up to `anchor_ms`, from `from_ms` on."""

    anchor_ms: int
    from_ms: int


def schedule(sessions: Sequence[Session], days: float) -> tuple[Incident, ...]:
    """All incidents of a history and of one round after its last anchor, oldest first.

    Args:
        sessions: Oldest first; the first one fixes the rounds.
        days: Length of the history before the first anchor.
    """
    squeeze = min(1.0, days / HISTORY_DAYS)
    period_ms = round(HISTORY_DAYS * squeeze * 86_400_000)
    found: list[Incident] = []
    for plan in _PAST:
        start = sessions[0].anchor_ms - round(plan.days_ago * squeeze * 86_400_000)
        length = plan.minutes if squeeze == 1.0 else max(10, round(plan.minutes * max(squeeze, 0.25)))
        while start < sessions[-1].anchor_ms + period_ms:
            found.append(_incident(plan, start, start + length * 60_000))
            start += period_ms
    for session in sessions:
        for plan in _UNDER_WAY:
            # What an earlier session has already told stays as it was.
            start = max(session.anchor_ms - round(plan.days_ago * 86_400_000), session.from_ms)
            end = session.anchor_ms + round(UNDER_WAY_HOURS * 3_600_000)
            found.append(_incident(plan, start, end, under_way=True))
    return tuple(sorted(found, key=lambda incident: (incident.start_ms, incident.mode)))


def _incident(plan: _Plan, start_ms: int, end_ms: int, *, under_way: bool = False) -> Incident:
    minute = 60_000
    return Incident(
        mode=plan.mode,
        title=plan.title,
        channel=plan.channel,
        start_ms=start_ms - start_ms % minute,
        end_ms=end_ms - end_ms % minute,
        effects=plan.effects,
        under_way=under_way,
        deployed=plan.deployed,
    )
