"""Stores as earlier versions wrote them, by the SQL of their time: what the present one makes of them is tested.

A version that is released gets an entry here, and none is changed again.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

VERSION_1 = """
CREATE TABLE store_version (version INTEGER NOT NULL);
INSERT INTO store_version VALUES (1);
CREATE TABLE series (series_id INTEGER NOT NULL, metric VARCHAR NOT NULL, labels VARCHAR NOT NULL);
CREATE TABLE sample_chunks (
    series_id INTEGER NOT NULL, first_ms BIGINT NOT NULL, last_ms BIGINT NOT NULL,
    t_ms BIGINT[] NOT NULL, sample_values DOUBLE[] NOT NULL
);
CREATE TABLE sample_head (series_id INTEGER NOT NULL, t_ms BIGINT NOT NULL, sample_value DOUBLE NOT NULL);
CREATE TABLE metric_metadata (
    metric VARCHAR NOT NULL, type VARCHAR NOT NULL, unit VARCHAR NOT NULL, help VARCHAR NOT NULL
);
CREATE TABLE spans (
    trace_hi UBIGINT NOT NULL, trace_lo UBIGINT NOT NULL, span_id UBIGINT NOT NULL, parent_span_id UBIGINT NOT NULL,
    kind VARCHAR NOT NULL, role VARCHAR NOT NULL, operation VARCHAR NOT NULL, operation_name VARCHAR NOT NULL,
    name VARCHAR NOT NULL, service VARCHAR NOT NULL, system VARCHAR NOT NULL, destination VARCHAR NOT NULL,
    consumer_group VARCHAR NOT NULL, partition_id VARCHAR NOT NULL, message_offset VARCHAR NOT NULL,
    message_id VARCHAR NOT NULL, batch_count INTEGER NOT NULL, start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL,
    error BOOLEAN NOT NULL, error_type VARCHAR NOT NULL, weight DOUBLE NOT NULL,
    attributes MAP(VARCHAR, VARCHAR) NOT NULL
);
CREATE TABLE span_links (
    trace_hi UBIGINT NOT NULL, trace_lo UBIGINT NOT NULL, span_id UBIGINT NOT NULL, start_ns BIGINT NOT NULL,
    target_trace_hi UBIGINT NOT NULL, target_trace_lo UBIGINT NOT NULL, target_span_id UBIGINT NOT NULL
);
INSERT INTO series VALUES (0, 'm', '{"__name__":"m"}'), (1, 'm', '{"__name__":"m","i":"1"}');
INSERT INTO sample_chunks VALUES (0, 1000, 2000, [1000, 2000], [3.0, 4.0]);
INSERT INTO sample_head VALUES (0, 3000, 5.0), (1, 3000, 6.0);
INSERT INTO metric_metadata VALUES ('m', 'counter', 'messages', 'All of them.');
INSERT INTO spans VALUES
    (0, 1, 1, 0, 'producer', 'producer', 'send', 'publish', 'orders publish', 'shop', 'kafka', 'orders', '', '3', '17',
     '', -1, 1000000000, 1000000000, false, '', 1.0, MAP {'k': 'v'}),
    (0, 2, 2, 0, 'consumer', 'consumer', 'process', 'process', 'orders process', 'billing', 'kafka', 'orders', 'g', '3',
     '17', '', -1, 2500000000, 2600000000, true, 'Timeout', 1.0, MAP {});
INSERT INTO span_links VALUES (0, 2, 2, 2500000000, 0, 1, 1);
"""

VERSION_2 = (
    VERSION_1
    + """
CREATE TABLE writes (hour BIGINT NOT NULL, token BIGINT NOT NULL);
INSERT INTO writes VALUES (-1, 77), (0, 5), (0, 6);
INSERT INTO store_version VALUES (2);
"""
)

VERSION_3 = (
    VERSION_2
    + """
CREATE TABLE pruned (samples_until_ms BIGINT NOT NULL, spans_until_ms BIGINT NOT NULL);
INSERT INTO pruned VALUES (0, 0);
INSERT INTO store_version VALUES (3);
"""
)

VERSIONS = {1: VERSION_1, 2: VERSION_2, 3: VERSION_3}


def write(path: Path, version: int) -> None:
    """Make the file that this version would have made of three samples, two spans and a link."""
    with duckdb.connect(str(path)) as file:
        file.execute(VERSIONS[version])
