"""Messages, visits and hops in spans, as SQL: common table expressions that statements begin with.

A message is what one consumer group does with one published message. Rules, and why:

- A producer span inside a producer span of the same destination and service is the same publish (pika opens two).
- Create spans stand for the messages of a batch; the send span around or after them is no further message.
- A receive span that holds or links consumer spans of its own destination and group is their wrapping (a poll).
  Of messages that were both received and processed, the process span counts; and where a group has process spans,
  a receive span that links to no message counts none.
- A batch span counts its links, or its declared count where that is larger.

A hop is a message on its way from a producer span to a consumer group, joined by parent and by link, once where both
exist, and only when both ends name the channel: copied headers point past a retry topic at the first producer.
Processing the same message again within a day is a further message for availability, and not a further hop. Whether
an arrival is a hop follows from what lies near it, so that a step counts the same in every range that holds it.

The consumer's instant is the start of its span; a receive span that found its messages by link began waiting before
they existed, so its end stands in. Steps are left-open, right-closed.
"""

from __future__ import annotations

ASK = """
ask AS (
    SELECT unnest($number::INTEGER[]) AS number, unnest($system::VARCHAR[]) AS system,
        unnest($service::VARCHAR[]) AS service, unnest($consumer_group::VARCHAR[]) AS party,
        unnest($from_end::BOOLEAN[]) AS from_end, unnest($to_end::BOOLEAN[]) AS to_end,
        unnest($bound_ns::BIGINT[]) AS bound_ns, unnest($role::VARCHAR[]) AS role, unnest($failed::BOOLEAN[]) AS failed
),
spelling AS (
    SELECT unnest($spelling_number::INTEGER[]) AS number, unnest($spelling::VARCHAR[]) AS destination
),
wanted AS (SELECT DISTINCT destination FROM spelling)
"""
"""What is asked, as columns; `wanted` are the destinations of all asks."""

NAMED = "named AS NOT MATERIALIZED (FROM spans SEMI JOIN wanted USING (destination))"
EVERY_DESTINATION = "named AS NOT MATERIALIZED (FROM spans WHERE destination <> '')"
"""The spans that messages are counted from: those of the wanted destinations, or all that name one."""

MESSAGES = """
sent AS (
    SELECT * FROM named
    WHERE role = 'producer' AND start_ns > $from_ns - $near_ns AND start_ns <= $until_ns + $near_ns
),
-- Few spans lie inside others of their side: one number tells that of most before everything is compared.
inner_sent AS (FROM sent WHERE parent_span_id IN (SELECT span_id FROM sent)),
nested_sent AS (   -- the inner span of one publish
    SELECT c.trace_hi, c.trace_lo, c.span_id
    FROM inner_sent c JOIN (FROM sent WHERE span_id IN (SELECT parent_span_id FROM inner_sent)) p
        ON c.parent_span_id = p.span_id AND c.trace_lo = p.trace_lo AND c.trace_hi = p.trace_hi
    WHERE c.destination = p.destination AND c.service = p.service
        AND NOT (c.operation = 'create' AND p.operation = 'send')
),
created_sent AS (  -- a send span whose messages have create spans, as its children or by link
    SELECT s.trace_hi, s.trace_lo, s.span_id FROM inner_sent c JOIN sent s
        ON c.parent_span_id = s.span_id AND c.trace_lo = s.trace_lo AND c.trace_hi = s.trace_hi
    WHERE c.operation = 'create' AND s.operation = 'send' AND c.destination = s.destination
    UNION
    SELECT s.trace_hi, s.trace_lo, s.span_id FROM sent s
        JOIN span_links l ON l.span_id = s.span_id AND l.trace_lo = s.trace_lo AND l.trace_hi = s.trace_hi
        JOIN sent c ON c.span_id = l.target_span_id AND c.trace_lo = l.target_trace_lo
            AND c.trace_hi = l.target_trace_hi
    WHERE c.operation = 'create' AND s.operation = 'send' AND c.destination = s.destination
),
taken AS (
    SELECT *, coalesce(nullif(consumer_group, ''), service) AS party FROM named
    WHERE role = 'consumer' AND start_ns > $from_ns - $near_ns AND start_ns <= $until_ns + $near_ns
),
inner_taken AS (FROM taken WHERE parent_span_id IN (SELECT span_id FROM taken)),
link AS (
    SELECT DISTINCT t.trace_hi, t.trace_lo, t.span_id, t.operation, t.party, t.destination,
        l.target_trace_hi, l.target_trace_lo, l.target_span_id
    FROM taken t JOIN span_links l ON l.span_id = t.span_id AND l.trace_lo = t.trace_lo AND l.trace_hi = t.trace_hi
),
linked AS (SELECT trace_hi, trace_lo, span_id, count(*) AS links FROM link GROUP BY ALL),
receiving AS (SELECT DISTINCT party, destination FROM taken WHERE operation = 'receive'),
processing AS (SELECT DISTINCT party, destination FROM taken WHERE operation = 'process'),
origin AS (        -- where the messages of a span came from: its links, else its parent; where somebody receives
    SELECT trace_hi, trace_lo, span_id, operation, party, destination,
        target_trace_hi, target_trace_lo, target_span_id FROM link SEMI JOIN receiving USING (party, destination)
    UNION ALL
    SELECT trace_hi, trace_lo, span_id, operation, party, destination, trace_hi, trace_lo, parent_span_id
    FROM taken SEMI JOIN receiving USING (party, destination) ANTI JOIN linked USING (span_id, trace_lo, trace_hi)
    WHERE parent_span_id <> 0
),
covered AS (       -- of a receive span: how many of its messages a process span counts
    SELECT trace_hi, trace_lo, span_id, count(*) AS messages FROM origin
        SEMI JOIN (SELECT * FROM origin WHERE operation = 'process') AS processed
            USING (party, destination, target_span_id, target_trace_lo, target_trace_hi)
    WHERE operation = 'receive' GROUP BY ALL
),
wrapping AS (      -- a receive span around or linked to the consumer spans of its messages
    SELECT w.trace_hi, w.trace_lo, w.span_id FROM inner_taken c JOIN taken w
        ON c.parent_span_id = w.span_id AND c.trace_lo = w.trace_lo AND c.trace_hi = w.trace_hi
    WHERE w.operation = 'receive' AND c.destination = w.destination AND c.party = w.party
    UNION
    SELECT l.trace_hi, l.trace_lo, l.span_id FROM link l JOIN taken c
        ON l.target_span_id = c.span_id AND l.target_trace_lo = c.trace_lo AND l.target_trace_hi = c.trace_hi
    WHERE l.operation = 'receive' AND c.destination = l.destination AND c.party = l.party
),
nested_taken AS (  -- a process span inside one of the same group, without messages of its own
    SELECT c.trace_hi, c.trace_lo, c.span_id
    FROM inner_taken c JOIN (FROM taken WHERE span_id IN (SELECT parent_span_id FROM inner_taken)) p
        ON c.parent_span_id = p.span_id AND c.trace_lo = p.trace_lo AND c.trace_hi = p.trace_hi
        ANTI JOIN linked ON linked.span_id = c.span_id AND linked.trace_lo = c.trace_lo AND linked.trace_hi = c.trace_hi
    WHERE p.operation = 'process' AND c.operation = 'process' AND c.destination = p.destination AND c.party = p.party
),
consumed AS NOT MATERIALIZED (
    SELECT *, coalesce(nullif(consumer_group, ''), service) AS party FROM named
    WHERE role = 'consumer'
),
message AS (
    SELECT 'producer' AS role, system, destination, service, '' AS party, '' AS consumer_group, start_ns, error,
        weight * CASE WHEN operation = 'send' AND batch_count >= 0 THEN batch_count ELSE 1 END AS messages
    FROM named ANTI JOIN nested_sent USING (span_id, trace_lo, trace_hi)
        ANTI JOIN created_sent USING (span_id, trace_lo, trace_hi)
    WHERE role = 'producer' AND start_ns > $from_ns AND start_ns <= $until_ns
    UNION ALL
    SELECT 'consumer', system, destination, service, party, consumer_group, start_ns, error,
        weight * CASE
            WHEN batch_count >= 0 THEN greatest(batch_count, coalesce(links, 0))
            WHEN links > 0 THEN links
            ELSE 1
        END
    FROM consumed ANTI JOIN nested_taken USING (span_id, trace_lo, trace_hi)
        LEFT JOIN linked USING (span_id, trace_lo, trace_hi)
    WHERE operation <> 'receive' AND start_ns > $from_ns AND start_ns <= $until_ns
    UNION ALL
    SELECT 'consumer', system, destination, service, party, consumer_group, start_ns, error,
        weight * CASE
            WHEN links IS NULL AND processing.party IS NOT NULL THEN 0
            WHEN coalesce(covered.messages, 0) >= greatest(coalesce(links, 0), 1) THEN 0
            ELSE CASE
                WHEN batch_count >= 0 THEN greatest(batch_count, coalesce(links, 0))
                WHEN links > 0 THEN links
                -- A poll may come back with empty hands; a record in the hand shows by its place or its id.
                WHEN kind = 'client' AND message_offset = '' AND message_id = '' THEN 0
                ELSE 1
            END - coalesce(covered.messages, 0)
        END
    FROM consumed ANTI JOIN wrapping USING (span_id, trace_lo, trace_hi)
        LEFT JOIN linked USING (span_id, trace_lo, trace_hi)
        LEFT JOIN covered USING (span_id, trace_lo, trace_hi)
        LEFT JOIN processing USING (party, destination)
    WHERE operation = 'receive' AND start_ns > $from_ns AND start_ns <= $until_ns
)
"""
"""`message`: one row per span that counts messages, by the side of the channel; needs `named`."""

VISITS = """
near AS (
    SELECT *, coalesce(nullif(consumer_group, ''), service) AS party FROM spans SEMI JOIN wanted USING (destination)
    WHERE role <> '' AND start_ns > $from_ns AND start_ns <= $until_ns
),
handled AS (SELECT DISTINCT party, destination FROM near WHERE role = 'consumer' AND operation = 'process'),
visit AS (
    SELECT * FROM near WHERE operation <> 'receive'
    UNION ALL
    SELECT * FROM near ANTI JOIN handled USING (party, destination) WHERE operation = 'receive'
)
"""
"""`visit`: spans that show a trace on one side of a channel; receive spans only of groups that process nothing."""

HOPS = """
taken AS (
    SELECT *, coalesce(nullif(consumer_group, ''), service) AS party FROM spans SEMI JOIN wanted USING (destination)
    WHERE role = 'consumer' AND end_ns > $from_ns - 2 * $repeat_ns AND start_ns <= $until_ns + $near_ns
),
edge AS (
    SELECT t.*, trace_hi AS target_trace_hi, trace_lo AS target_trace_lo, parent_span_id AS target_span_id,
        false AS by_link
    FROM taken t WHERE parent_span_id <> 0
    UNION ALL
    SELECT t.*, l.target_trace_hi, l.target_trace_lo, l.target_span_id, true
    FROM taken t JOIN span_links l ON l.span_id = t.span_id AND l.trace_lo = t.trace_lo AND l.trace_hi = t.trace_hi
),
near AS MATERIALIZED (   -- what began before the range matters where it took the same message as something in it
    FROM edge WHERE target_span_id IN (
        SELECT target_span_id FROM edge WHERE greatest(start_ns, end_ns) > $from_ns
    )
),
arrival AS (
    SELECT e.system, e.destination, e.service, e.party, e.trace_hi, e.trace_lo, e.span_id, e.start_ns, e.by_link,
        p.destination AS sent_to, p.start_ns AS sent_start_ns, p.end_ns AS sent_end_ns, e.end_ns AS taken_end_ns,
        e.operation = 'receive' AS received,
        CASE WHEN e.operation = 'receive' AND e.by_link THEN e.end_ns ELSE e.start_ns END AS taken_ns,
        -- One trace is one sampling decision, two traces are two.
        CASE WHEN e.trace_lo = p.trace_lo AND e.trace_hi = p.trace_hi
            THEN greatest(e.weight, p.weight) ELSE e.weight * p.weight END AS weight,
        p.trace_hi AS sent_trace_hi, p.trace_lo AS sent_trace_lo, p.span_id AS sent_span_id,
        -- One producer span for a whole batch: its messages are told apart by place, id, or the consumer's span.
        CASE WHEN p.batch_count <= 1 THEN ''
            WHEN e.message_offset <> '' THEN concat_ws('/', 'offset', e.partition_id, e.message_offset)
            WHEN e.message_id <> '' THEN concat_ws('/', 'id', e.message_id)
            ELSE concat_ws('/', 'span', e.trace_hi, e.trace_lo, e.span_id) END AS message
    FROM near e JOIN spans p
        ON p.span_id = e.target_span_id AND p.trace_lo = e.target_trace_lo AND p.trace_hi = e.target_trace_hi
    -- Clocks differ, but not by an hour: what was sent later than that was not what arrived.
    WHERE p.role = 'producer' AND p.start_ns <= e.start_ns + $near_ns
),
pair AS (          -- once for each message; what decides lies near the arrival, whatever range is asked for:
                   -- an earlier arrival, processing soon after it was received, receiving long before it was processed
    FROM arrival a ANTI JOIN arrival b ON a.sent_span_id = b.sent_span_id AND a.sent_trace_lo = b.sent_trace_lo
        AND a.sent_trace_hi = b.sent_trace_hi AND a.party = b.party AND a.destination = b.destination
        AND a.message = b.message AND b.start_ns >= a.start_ns - $repeat_ns
        AND CASE WHEN a.received = b.received
            THEN (b.start_ns, b.by_link, b.span_id, b.trace_lo) < (a.start_ns, a.by_link, a.span_id, a.trace_lo)
            WHEN a.received THEN b.start_ns <= a.start_ns + $near_ns
            ELSE b.start_ns < a.start_ns - $near_ns END
),
hop AS (
    SELECT ask.number, ask.bound_ns, pair.weight, pair.trace_hi, pair.trace_lo, pair.start_ns, pair.taken_end_ns,
        CASE WHEN to_end THEN taken_end_ns ELSE taken_ns END AS at_ns,
        CASE WHEN to_end THEN taken_end_ns ELSE taken_ns END
            - CASE WHEN from_end THEN sent_end_ns ELSE sent_start_ns END AS latency_ns
    FROM pair JOIN spelling ON spelling.destination = pair.destination
        JOIN ask ON ask.number = spelling.number
        SEMI JOIN spelling AS sender ON sender.number = ask.number AND sender.destination = pair.sent_to
    WHERE (ask.system IS NULL OR ask.system = pair.system) AND (ask.service IS NULL OR ask.service = pair.service)
        AND (ask.party IS NULL OR ask.party = pair.party)
)
"""
"""`hop`: one row per message on its way to a group, by the number of the ask."""
