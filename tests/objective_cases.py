"""Objectives for tests, with everything unsaid filled in."""

from __future__ import annotations

from typing import Any

from observatory.objectives.objective import Objective
from observatory.windows import Window


def objective(sli: str = "availability", target: float = 0.99, window: str = "30d", **more: Any) -> Objective:
    fields: dict[str, Any] = {
        "id": f"svc/op/{sli}",
        "document": "svc",
        "operation": "op",
        "operation_key": "svc/op",
        "channel_id": "kafka:orders",
        "channel_key": "orders",
        "address": "orders",
        "protocol": "kafka",
        "role": "consumer",
        "service": "svc",
        "consumer_group": "g",
        "sli": sli,
        "name": sli,
        "target": target,
        "threshold": None,
        "window": Window.parse(window, more.pop("timezone", "UTC")),
        "policy": "google-30d",
    }
    return Objective(**(fields | more))
