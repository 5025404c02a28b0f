"""Tables of the embedded store, as the steps that lead from an empty file to the present version.

A step, once released, never changes; a new version appends one. Opening a file runs the steps that it lacks, in one
transaction, so that an interrupted upgrade leaves the file as it was.
"""

from __future__ import annotations

SAMPLES = """
CREATE TABLE series (
    series_id INTEGER NOT NULL,
    metric VARCHAR NOT NULL,
    labels VARCHAR NOT NULL          -- canonical JSON, keys sorted, __name__ included
);
CREATE TABLE sample_chunks (         -- sealed samples: sorted, chunks of one series never overlap
    series_id INTEGER NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    t_ms BIGINT[] NOT NULL,
    sample_values DOUBLE[] NOT NULL
);
CREATE TABLE sample_head (           -- live samples; late ones may lie among the chunks of their series
    series_id INTEGER NOT NULL,
    t_ms BIGINT NOT NULL,
    sample_value DOUBLE NOT NULL
);
CREATE TABLE metric_metadata (
    metric VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    help VARCHAR NOT NULL
);
"""

SPANS = """
CREATE TABLE spans (
    trace_hi UBIGINT NOT NULL,       -- the trace id is 128 bits wide: two halves join faster than text
    trace_lo UBIGINT NOT NULL,
    span_id UBIGINT NOT NULL,
    parent_span_id UBIGINT NOT NULL, -- 0: a root
    kind VARCHAR NOT NULL,           -- producer, consumer, client, server, internal
    role VARCHAR NOT NULL,           -- producer or consumer of messages, or empty
    operation VARCHAR NOT NULL,      -- create, send, receive, process, settle, or empty
    operation_name VARCHAR NOT NULL, -- the system's own word: poll, ack, ...
    name VARCHAR NOT NULL,
    service VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    destination VARCHAR NOT NULL,
    consumer_group VARCHAR NOT NULL,
    partition_id VARCHAR NOT NULL,
    message_offset VARCHAR NOT NULL,
    message_id VARCHAR NOT NULL,
    batch_count INTEGER NOT NULL,    -- messages of a batch; -1: the span does not say
    start_ns BIGINT NOT NULL,
    end_ns BIGINT NOT NULL,
    error BOOLEAN NOT NULL,
    error_type VARCHAR NOT NULL,
    weight DOUBLE NOT NULL,          -- spans that this one stands for
    attributes MAP(VARCHAR, VARCHAR) NOT NULL
);
CREATE TABLE span_links (
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span_id UBIGINT NOT NULL,
    start_ns BIGINT NOT NULL,        -- of the span that holds the link, so that a range of time finds both
    target_trace_hi UBIGINT NOT NULL,
    target_trace_lo UBIGINT NOT NULL,
    target_span_id UBIGINT NOT NULL
);
"""

WRITES = """
CREATE TABLE writes (                -- what was written when is told by `writes.py`
    hour BIGINT NOT NULL,
    token BIGINT NOT NULL
);
INSERT INTO writes VALUES (-1, (random() * 1099511627776)::BIGINT + 1);
"""

PRUNED = """
CREATE TABLE pruned (                -- what came before was removed, and is not taken in again
    samples_until_ms BIGINT NOT NULL,
    spans_until_ms BIGINT NOT NULL
);
INSERT INTO pruned VALUES (0, 0);
"""

STEPS: tuple[str, ...] = (SAMPLES + SPANS, WRITES, PRUNED)
"""Step n leads from version n to version n + 1."""

VERSION = len(STEPS)
