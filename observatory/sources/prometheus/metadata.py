"""TYPE, UNIT and HELP of metrics, where a server offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.errors import Problem, SourceFailed
from observatory.sources.prometheus import failures
from observatory.sources.prometheus.connection import Connection
from observatory.telemetry.inventory import MetricMetadata

_SUFFIXES = ("_bucket", "_count", "_sum", "_total")


def read_metadata(
    connection: Connection, names: Sequence[str], entries: Sequence[Mapping[str, str]] | None = None
) -> tuple[dict[str, MetricMetadata], list[Problem]]:
    """TYPE, UNIT and HELP of the named series, under their full and their base names; a hint, so never a failure.

    Args:
        entries: What the server said when it was last asked; it is asked only without.
    """
    wanted = set(names) | {name.removesuffix(suffix) for name in names for suffix in _SUFFIXES}
    try:
        entries = connection.metadata() if entries is None else entries
    except SourceFailed as error:
        if error.problems[0].code == "source-not-found":
            return {}, []
        return {}, [
            Problem(
                code="inventory-unread",
                severity="warning",
                message=f"the types of metrics could not be read: {error.problems[0].message}",
                url=failures.without_credentials(connection.url),
            )
        ]
    found: dict[str, MetricMetadata] = {}
    for entry in entries:
        name = entry["metric_name"]
        if name in wanted and name not in found:
            found[name] = MetricMetadata(entry["type"], entry["unit"], entry["help"])
    return found, []
