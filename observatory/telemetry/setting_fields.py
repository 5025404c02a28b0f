"""The settings of a profile: labels, or values, that write what bindings declare as well.

declared_values:
  - {metric: kminion_kafka_topic_info, by: topic, labels: {cleanup_policy: kafka.topicConfiguration.cleanup.policy}}
  - {metric: log_retention_period, by: topic, value: kafka.topicConfiguration.retention.ms, scale: 1000}

`says_nothing` lists labels' values that stand for an unknown one; `switch` says what makes the series appear.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from observatory.telemetry.profile_fields import Fields, Path
from observatory.telemetry.recipe import DeclaredValues, Identity

_KEYS = ("metric", "by", "labels", "value", "scale", "says_nothing", "switch")


def declared_values_of(
    fields: Fields,
    given: object,
    identities: Mapping[str, Identity],
    metrics: Callable[[str, Path], Collection[str]],
) -> Iterator[DeclaredValues]:
    """Each setting once per name that its metric has.

    Args:
        identities: By name; the first one is meant where none is named.
        metrics: The names of a metric in all naming variants.
    """
    for index, item in enumerate(fields.items(given, ("declared_values",))):
        path: Path = ("declared_values", str(index))
        body = fields.mapping(item, path, _KEYS)
        name = fields.text(body.get("by"), (*path, "by")) or next(iter(identities))
        if name not in identities:
            fields.unknown_identity(name, identities, (*path, "by"))
            continue
        labels = {
            label: fields.text(key, (*path, "labels", label))
            for label, key in fields.mapping(body.get("labels"), (*path, "labels")).items()
        }
        value = fields.text(body.get("value"), (*path, "value")) or None
        if not labels and value is None:
            fields.fault("profile-value-invalid", "says neither which labels nor which value write a setting", path)
            continue
        scale = fields.number(body.get("scale"), (*path, "scale"))
        for metric in metrics(fields.text(body.get("metric"), (*path, "metric")), (*path, "metric")):
            yield DeclaredValues(
                metric=metric,
                identity=identities[name],
                labels=labels,
                value=value,
                scale=1.0 if scale is None else scale,
                says_nothing=fields.texts(body.get("says_nothing"), (*path, "says_nothing")),
                switch=fields.text(body.get("switch"), (*path, "switch")),
            )
