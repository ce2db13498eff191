-- Stores what gateways say, each number once, and proves it complete. PostgreSQL 14 or later; nothing else is needed.
--
--   psql -f upstream.sql DATABASE            creates the schema gridsentinel
--   SELECT gridsentinel.store(TOPIC, PAYLOAD)  stores one message; repeat it as often as you like
--   SELECT * FROM gridsentinel.completeness    what is missing, of whom
--
-- `ledger` has one row per stream of a gateway, whose multiranges hold every number that came or is explained: two
-- numbers for a stream without holes, whatever its length. It makes `store` idempotent on (site, gateway, stream, seq),
-- and its row lock keeps several writers apart. A merged window counts for all numbers that it covers: it replaces
-- those of them that came before, unless all of them did.

CREATE SCHEMA gridsentinel;
SET search_path = gridsentinel;

CREATE TABLE ledger (
    site text, gateway text, stream text,
    came int8multirange NOT NULL DEFAULT '{}',      -- numbers that came
    lost int8multirange NOT NULL DEFAULT '{}',      -- numbers that gap messages list
    settled int8 NOT NULL DEFAULT 0,                -- last number of the last status with which the gateway held none back
    last_seq int8 NOT NULL DEFAULT 0,               -- last number that the gateway is known to have given out
    duplicates int8 NOT NULL DEFAULT 0,
    PRIMARY KEY (site, gateway, stream)
);

CREATE TABLE telemetry (
    site text, gateway text, seq int8, device text NOT NULL, point text, start timestamptz,
    length_s float8 NOT NULL, n int8 NOT NULL, min float8, max float8, mean float8, last float8, q int4 NOT NULL,
    clock text,                                     -- whether the gateway's clock followed a time source
    PRIMARY KEY (site, gateway, seq, point, start)  -- with start, so that it may become a hypertable
);
CREATE INDEX ON telemetry (site, device, point, start);

CREATE TABLE change (
    site text, gateway text, seq int8, device text NOT NULL, point text, time timestamptz,
    value float8, q int4 NOT NULL, own_time timestamptz,  -- the reading's own time, where the device gives one
    clock text,
    PRIMARY KEY (site, gateway, seq, point, time)
);
CREATE INDEX ON change (site, device, point, time);

CREATE TABLE alarm (
    site text, gateway text, seq int8, id text NOT NULL, state text NOT NULL, severity text NOT NULL,
    first timestamptz NOT NULL, last timestamptz NOT NULL, message jsonb NOT NULL,
    PRIMARY KEY (site, gateway, seq)
);
CREATE INDEX ON alarm (site, id, seq);

CREATE TABLE gap (                                  -- every gap message, each once
    site text, gateway text, stream text, from_seq int8, to_seq int8, reason text, lost int8,
    start timestamptz, "end" timestamptz,
    listed boolean NOT NULL,                        -- whether it says which numbers were lost, or only how many
    PRIMARY KEY (site, gateway, stream, from_seq, to_seq, reason, lost)
);

CREATE TABLE told (                                 -- the newest status and birth
    site text, gateway text, topic text, at timestamptz NOT NULL DEFAULT now(), message jsonb NOT NULL,
    PRIMARY KEY (site, gateway, topic)
);

CREATE TABLE rejected (                             -- what is no message; the newest thousand
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(), topic text, payload text, error text
);

-- [[first, last], [first, last, step]] as a set; at most a million of them one by one.
CREATE FUNCTION expanded(numbers jsonb) RETURNS int8multirange IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
    run jsonb;
    step int8;
    found int8multirange := '{}';
BEGIN
    FOR run IN SELECT jsonb_array_elements(numbers) LOOP
        step := coalesce((run->>2)::int8, 1);
        IF ((run->>0)::int8 BETWEEN 1 AND (run->>1)::int8 AND step BETWEEN 1 AND 1000000) IS NOT TRUE
            OR (step > 1 AND ((run->>1)::int8 - (run->>0)::int8) / step > 1000000) THEN
            RAISE data_exception USING MESSAGE = 'no numbers: ' || run;
        END IF;
        found := found + CASE step WHEN 1 THEN int8multirange(int8range((run->>0)::int8, (run->>1)::int8, '[]'))
            ELSE (SELECT range_agg(int8range(one, one, '[]'))
                FROM generate_series((run->>0)::int8, (run->>1)::int8, step) AS one) END;
    END LOOP;
    RETURN found;
END $$;

CREATE FUNCTION store_numbered(site_ text, gateway_ text, stream_ text, message jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seq_ int8 := message->>'seq';
    numbers int8multirange := expanded(coalesce(message->'numbers', jsonb_build_array(
        coalesce(message->'covers', jsonb_build_array(seq_, seq_)))));
    known int8multirange;
BEGIN
    IF (upper(numbers) - 1 = seq_ AND (stream_ = 'alarm' OR jsonb_typeof(message->'points') = 'object')) IS NOT TRUE THEN
        RAISE data_exception USING MESSAGE = 'no message of ' || stream_;
    END IF;
    INSERT INTO ledger (site, gateway, stream) VALUES (site_, gateway_, stream_) ON CONFLICT DO NOTHING;
    SELECT came INTO known FROM ledger WHERE (site, gateway, stream) = (site_, gateway_, stream_) FOR UPDATE;
    IF numbers <@ known THEN
        UPDATE ledger SET duplicates = duplicates + 1 WHERE (site, gateway, stream) = (site_, gateway_, stream_);
        RETURN 'duplicate';
    END IF;
    IF numbers && known THEN
        DELETE FROM telemetry WHERE site = site_ AND gateway = gateway_ AND numbers @> seq
            AND seq BETWEEN lower(numbers) AND upper(numbers);
    END IF;
    CASE stream_
    WHEN 'telemetry' THEN
        INSERT INTO telemetry SELECT site_, gateway_, seq_, message->>'device', p.key, (message->>'start')::timestamptz,
            (message->>'length_s')::float8, p.n, p.min, p.max, p.mean, p.last, p.q, message->>'clock'
        FROM (SELECT key, (value->>'n')::int8 AS n, (value->>'min')::float8 AS min, (value->>'max')::float8 AS max,
            (value->>'mean')::float8 AS mean, (value->>'last')::float8 AS last, (value->>'q')::int4 AS q
            FROM jsonb_each(message->'points')) AS p;
    WHEN 'change' THEN
        INSERT INTO change SELECT site_, gateway_, seq_, message->>'device', key, (message->>'time')::timestamptz,
            (value->>'value')::float8, (value->>'q')::int4, (value->>'time')::timestamptz, message->>'clock'
        FROM jsonb_each(message->'points');
    WHEN 'alarm' THEN
        INSERT INTO alarm VALUES (site_, gateway_, seq_, message->>'id', message->>'state', message->>'severity',
            (message->>'first')::timestamptz, (message->>'last')::timestamptz, message);
    END CASE;
    UPDATE ledger SET came = came + numbers, last_seq = greatest(last_seq, seq_)
        WHERE (site, gateway, stream) = (site_, gateway_, stream_);
    RETURN CASE WHEN numbers && known THEN 'merged' ELSE 'new' END;
END $$;

CREATE FUNCTION store_gap(site_ text, gateway_ text, message jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    bounds int8multirange := expanded(jsonb_build_array(jsonb_build_array(message->'from_seq', message->'to_seq')));
    all_of_it boolean := upper(bounds) - lower(bounds) = (message->>'lost')::int8;
    exact int8multirange := CASE WHEN message ? 'numbers' THEN expanded(message->'numbers')
                                 WHEN all_of_it THEN bounds ELSE '{}' END;
BEGIN
    IF (message->>'stream' IN ('telemetry', 'change', 'alarm')) IS NOT TRUE THEN
        RAISE data_exception USING MESSAGE = 'no stream: ' || coalesce(message->>'stream', '');
    END IF;
    INSERT INTO gap VALUES (site_, gateway_, message->>'stream', lower(bounds), upper(bounds) - 1, message->>'reason',
        (message->>'lost')::int8, (message->>'start')::timestamptz, (message->>'end')::timestamptz, exact <> '{}')
        ON CONFLICT DO NOTHING;
    INSERT INTO ledger (site, gateway, stream, lost) VALUES (site_, gateway_, message->>'stream', exact)
        ON CONFLICT (site, gateway, stream) DO UPDATE SET lost = ledger.lost + excluded.lost;
    RETURN 'gap';
END $$;

CREATE FUNCTION store_told(site_ text, gateway_ text, topic_ text, message_ jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO told (site, gateway, topic, message) VALUES (site_, gateway_, topic_, message_)
        ON CONFLICT (site, gateway, topic) DO UPDATE SET message = excluded.message, at = now();
    IF message_ ? 'store' THEN
        INSERT INTO ledger (site, gateway, stream, last_seq, settled)
            SELECT site_, gateway_, key, value::int8,
                CASE WHEN (message_->'store'->'waiting'->>key)::int8 = 0 THEN value::int8 ELSE 0 END
            FROM jsonb_each_text(message_->'store'->'last_seq')
            ON CONFLICT (site, gateway, stream) DO UPDATE SET last_seq = greatest(ledger.last_seq, excluded.last_seq),
                settled = greatest(ledger.settled, excluded.settled);
    END IF;
    RETURN topic_;
END $$;

-- Returns new, duplicate, merged, gap, status, birth, ignored or rejected; never fails because of what a message says.
CREATE FUNCTION store(topic text, payload text) RETURNS text LANGUAGE plpgsql
    SET search_path = gridsentinel, pg_temp AS $$
DECLARE
    level text[] := string_to_array(topic, '/');
BEGIN
    CASE
    WHEN level[1] <> 'gridsentinel' THEN RETURN 'ignored';
    WHEN level[4] IN ('telemetry', 'change', 'alarm') THEN RETURN store_numbered(level[2], level[3], level[4], payload::jsonb);
    WHEN level[4] = 'gap' THEN RETURN store_gap(level[2], level[3], payload::jsonb);
    WHEN level[4] IN ('status', 'birth') THEN RETURN store_told(level[2], level[3], level[4], payload::jsonb);
    ELSE RETURN 'ignored';
    END CASE;
EXCEPTION WHEN data_exception OR integrity_constraint_violation OR case_not_found OR program_limit_exceeded THEN
    INSERT INTO rejected (topic, payload, error) VALUES (topic, payload, sqlerrm);
    DELETE FROM rejected WHERE id <= (SELECT max(id) FROM rejected) - 1000;
    RETURN 'rejected';
END $$;

-- missing: numbers that never come any more; outstanding: given out, and the gateway may still hold them; hidden: more
-- numbers than a gap that tells only how many admits to.
CREATE VIEW completeness AS
WITH accounted AS (
    SELECT ledger.*, came + lost AS exact,
        came + lost + coalesce((SELECT range_agg(int8range(from_seq, to_seq, '[]')) FROM gap
            WHERE (gap.site, gap.gateway, gap.stream) = (ledger.site, ledger.gateway, ledger.stream) AND NOT listed), '{}') AS all_of_it,
        (SELECT coalesce(sum(gap.lost), 0) FROM gap
            WHERE (gap.site, gap.gateway, gap.stream) = (ledger.site, ledger.gateway, ledger.stream) AND NOT listed) AS admitted
    FROM ledger
), counted AS (
    SELECT *, (SELECT coalesce(sum(upper(run) - lower(run)), 0) FROM unnest(all_of_it - exact) AS run) AS vague FROM accounted
)
SELECT site, gateway, stream, last_seq, duplicates,
    int8multirange(int8range(1, settled + 1)) - all_of_it AS missing,
    int8multirange(int8range(settled + 1, last_seq + 1)) - all_of_it AS outstanding,
    greatest(0, vague - admitted) AS hidden,
    isempty(int8multirange(int8range(1, settled + 1)) - all_of_it) AND vague <= admitted AS complete
FROM counted;

RESET search_path;
