-- Hash chains over the records that had none: erasures, the provenance of batch scores, refused records and the scores of
-- shadows. Triggers write all links, and no table gains or loses a column, so that the release before this one runs on
-- the migrated database. docs/verification.md says what `loan-default verify` proves with them.

-- An erasure changes a refused record, so that its hash no longer fits. What it left is a record of its own.
CREATE TABLE erased_records (
    sha256 bytea NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    record_sha256 bytea NOT NULL,
    PRIMARY KEY (sha256, erased_at)
);
COMMENT ON TABLE erased_records IS 'Every change of a refused record by an erasure; append-only';
COMMENT ON COLUMN erased_records.sha256 IS 'Row of refused_predictions';
COMMENT ON COLUMN erased_records.erased_at IS 'Time of the change';
COMMENT ON COLUMN erased_records.record_sha256 IS 'SHA-256 of what is left of the record';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erased_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION record_erased_record() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO erased_records (sha256, record_sha256) VALUES (NEW.sha256, sha256(NEW.record));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION record_erased_record() IS 'Trigger: records in erased_records what an erasure left of a record';

-- The same of batch scores: their hash cannot be computed without the scores of the erased loan.
CREATE TABLE erased_scores (
    partition_key text COLLATE "C" NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    model_version text NOT NULL,
    rows bigint NOT NULL CHECK (rows >= 0),
    sha256 text NOT NULL,
    PRIMARY KEY (partition_key, erased_at)
);
COMMENT ON TABLE erased_scores IS 'What every erasure left of the scores of a partition; append-only';
COMMENT ON COLUMN erased_scores.partition_key IS 'Partition of scored_loans';
COMMENT ON COLUMN erased_scores.erased_at IS
    'Time of the deletion; 1970 for scores that the migration found without the record of their scoring';
COMMENT ON COLUMN erased_scores.model_version IS 'Version of the model that scored it';
COMMENT ON COLUMN erased_scores.rows IS 'Number of loans that are left';
COMMENT ON COLUMN erased_scores.sha256 IS 'As in scored_partitions, over the rows that are left';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erased_scores
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE chain_starts (
    chain text PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    earlier_rows bigint NOT NULL
);
COMMENT ON TABLE chain_starts IS 'Tables that had rows before they had a chain; append-only';
COMMENT ON COLUMN chain_starts.chain IS 'The table';
COMMENT ON COLUMN chain_starts.began_at IS 'Time of the migration, which linked its rows as it found them';
COMMENT ON COLUMN chain_starts.earlier_rows IS 'Number of these rows';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chain_starts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE FUNCTION linked_columns(chain text) RETURNS text[] LANGUAGE sql IMMUTABLE RETURN CASE chain
    WHEN 'model_metadata' THEN ARRAY['version', 'kind', 'parent', 'portfolio_hash', 'snapshot_hash', 'attempt',
        'hyper_parameters', 'threshold', 'metrics', 'trained_from', 'trained_to', 'window_from', 'window_to',
        'artifact_uri', 'artifact_sha256', 'created_at']
    WHEN 'model_performance' THEN ARRAY['id', 'model_version', 'role', 'snapshot_hash', 'window_from', 'window_to',
        'rows', 'positives', 'metrics', 'intervals', 'baseline', 'verdict', 'reason', 'compared_with', 'evaluated_at']
    WHEN 'evaluation_inputs' THEN ARRAY['evaluation', 'inputs']
    WHEN 'pruned_predictions' THEN ARRAY['month', 'model_version', 'deleted_at', 'rows', 'pd_sum', 'sha256',
        'first_created_at', 'last_created_at']
    WHEN 'pruned_links' THEN ARRAY['month', 'model_version', 'deleted_at', 'chain', 'links']
    WHEN 'oversight_records' THEN ARRAY['id', 'action', 'actor', 'reason', 'recorded_at', 'after_decision', 'version',
        'proposal', 'request_id', 'position', 'decision', 'idempotency_key', 'details']
    WHEN 'evaluation_grades' THEN ARRAY['evaluation', 'bounds']
    WHEN 'erasures' THEN ARRAY['subject_sha256', 'erased_at', 'predictions', 'rows', 'refused_records']
    WHEN 'scored_partitions' THEN ARRAY['partition_key', 'model_version', 'features_sha256', 'sha256', 'feature_hash',
        'rows', 'pd_sum', 'scored_at']
    -- Without the record: sha256 stands for it, and erased_records where an erasure has changed it.
    WHEN 'refused_predictions' THEN ARRAY['sha256', 'reason', 'refused_at']
    WHEN 'erased_records' THEN ARRAY['sha256', 'erased_at', 'record_sha256']
    WHEN 'erased_scores' THEN ARRAY['partition_key', 'erased_at', 'model_version', 'rows', 'sha256']
    WHEN 'chain_starts' THEN ARRAY['chain', 'began_at', 'earlier_rows']
END;

CREATE OR REPLACE FUNCTION linked_key_length(chain text) RETURNS integer LANGUAGE sql IMMUTABLE RETURN CASE chain
    WHEN 'pruned_predictions' THEN 3 WHEN 'pruned_links' THEN 4 WHEN 'erasures' THEN 2 WHEN 'scored_partitions' THEN 4
    WHEN 'erased_records' THEN 2 WHEN 'erased_scores' THEN 2 ELSE 1 END;

CREATE FUNCTION lock_free_chain(name text) RETURNS smallint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own_key constant integer := hashtext(current_schema || '.' || name);
    first constant integer := pg_backend_pid() % 16;
BEGIN
    FOR step IN 0..15 LOOP
        IF pg_try_advisory_xact_lock(own_key, (first + step) % 16) THEN
            RETURN (first + step) % 16;
        END IF;
    END LOOP;
    -- A transaction that holds a chain got it above, so none that waits here holds one.
    PERFORM pg_advisory_xact_lock(own_key, first);
    RETURN first;
END $$;
COMMENT ON FUNCTION lock_free_chain IS
    'Locks one of 16 chains that no other transaction appends to, until the end of this transaction';
CREATE OR REPLACE FUNCTION lock_prediction_chain() RETURNS smallint LANGUAGE sql SET search_path FROM CURRENT
    RETURN lock_free_chain('prediction_links');

CREATE FUNCTION lock_record_chain(table_name text) RETURNS text LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- Of those that link_refused_record appends to.
    IF table_name = 'refused_predictions' THEN
        RETURN table_name || '/' || lock_free_chain(table_name);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema || '.record_links', 0));
    RETURN table_name;
END $$;
COMMENT ON FUNCTION lock_record_chain IS 'Locks a chain of record_links for a row of a table; its name';

CREATE OR REPLACE FUNCTION append_record_link(table_name text, appended anyelement) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT SET timezone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
DECLARE
    columns constant text[] := linked_columns(table_name);
    named constant jsonb := to_jsonb(appended);
    own_digest constant bytea := sha256(convert_to((
        SELECT jsonb_object_agg(key, value) FROM jsonb_each(named) WHERE key = ANY(columns))::text, 'UTF8'));
    own_chain constant text := lock_record_chain(table_name);
    head bigint;
    head_hash bytea;
BEGIN
    SELECT l.link, l.hash INTO head, head_hash FROM record_links l
    WHERE l.chain = own_chain ORDER BY l.link DESC LIMIT 1;
    IF NOT FOUND THEN
        head := 0;
        head_hash := sha256(convert_to(own_chain, 'UTF8'));
    END IF;
    INSERT INTO record_links (chain, link, record, digest, hash)
    SELECT own_chain, head + 1, jsonb_agg(named -> name ORDER BY number), own_digest,
        sha256(head_hash || own_digest)
    FROM unnest(columns[:linked_key_length(table_name)]) WITH ORDINALITY AS k (name, number);
END $$;
COMMENT ON COLUMN record_links.chain IS 'The table; of refused_predictions, with one of the numbers 0 to 15 after a slash';
COMMENT ON COLUMN record_links.hash IS
    'SHA-256 of the hash before it and of digest; before the first link: SHA-256 of the name of the chain';

-- As append_record_link, in a fifth of its time, and in 16 chains: every worker of a service that lost its model may have
-- many of them to refuse. The text is that of the linked columns there, whatever the session.
CREATE FUNCTION link_refused_record() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own_digest constant bytea := sha256(convert_to('{"reason": ' || to_json(NEW.reason)::text || ', "sha256": "\\x'
        || encode(NEW.sha256, 'hex') || '", "refused_at": "'
        || (to_json(NEW.refused_at AT TIME ZONE 'UTC') #>> '{}') || '+00:00"}', 'UTF8'));
    own_chain constant text := 'refused_predictions/' || lock_free_chain('refused_predictions');
    head bigint;
    head_hash bytea;
BEGIN
    SELECT l.link, l.hash INTO head, head_hash FROM record_links l
    WHERE l.chain = own_chain ORDER BY l.link DESC LIMIT 1;
    INSERT INTO record_links (chain, link, record, digest, hash)
    VALUES (own_chain, coalesce(head, 0) + 1, '["\\x' || encode(NEW.sha256, 'hex') || '"]', own_digest,
        sha256(coalesce(head_hash, sha256(convert_to(own_chain, 'UTF8'))) || own_digest));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION link_refused_record() IS 'Trigger: appends the inserted record to one of 16 chains';

CREATE TABLE shadow_links (
    link bigint NOT NULL CHECK (link >= 1),
    request_id uuid NOT NULL,
    position integer NOT NULL,
    chain smallint NOT NULL CHECK (chain BETWEEN 0 AND 15),
    model_version text NOT NULL,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, link)
);
-- Not unique: a prediction that is delivered again after it was pruned is scored again.
CREATE INDEX links_of_a_shadow_score ON shadow_links (request_id, position);
COMMENT ON TABLE shadow_links IS
    'Hash chains over the rows of shadow_predictions, one row per score ever stored, also a deleted one; append-only';
COMMENT ON COLUMN shadow_links.link IS 'Number of the link within its chain, from 1 without a gap';
COMMENT ON COLUMN shadow_links.request_id IS 'Request of the prediction';
COMMENT ON COLUMN shadow_links.position IS 'Index of the prediction within its request';
COMMENT ON COLUMN shadow_links.chain IS 'One of 16, so that writers do not wait for each other';
COMMENT ON COLUMN shadow_links.model_version IS 'The shadow';
COMMENT ON COLUMN shadow_links.digest IS 'shadow_digest of the row';
COMMENT ON COLUMN shadow_links.hash IS
    'SHA-256 of the hash before it and of digest; before the first link: SHA-256 of ''shadow_predictions/<chain>''';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON shadow_links
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION shadow_digest(s shadow_predictions) RETURNS bytea LANGUAGE sql STABLE
    RETURN sha256(convert_to(
        '["' || s.request_id || '", ' || s.position || ', ' || to_json(s.model_version)::text || ', "'
            || encode(float8send(s.probability), 'hex') || '", ' || s.decision || ', "'
            || encode(float8send(s.threshold), 'hex') || '", ' || to_json(s.scored_at AT TIME ZONE 'UTC')::text || ']',
        'UTF8'));
COMMENT ON FUNCTION shadow_digest IS 'SHA-256 of the JSON array of a score''s values, in the order of columns';

CREATE FUNCTION link_shadow_predictions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    free smallint;
    head bigint;
    head_hash bytea;
BEGIN
    IF NOT EXISTS (SELECT FROM appended) THEN
        RETURN NULL;
    END IF;
    free := lock_free_chain('shadow_links');
    SELECT l.link, l.hash INTO head, head_hash FROM shadow_links l
    WHERE l.chain = free ORDER BY l.link DESC LIMIT 1;
    IF NOT FOUND THEN
        head := 0;
        head_hash := sha256(convert_to('shadow_predictions/' || free, 'UTF8'));
    END IF;
    INSERT INTO shadow_links (link, request_id, position, chain, model_version, digest, hash)
    WITH RECURSIVE numbered AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY a.request_id, a.position, a.model_version) AS number, a.request_id,
            a.position, a.model_version, shadow_digest(ROW(a.*)::shadow_predictions) AS digest
        FROM appended a
    ), digests AS MATERIALIZED (
        -- One value and not an array: a part of it is read in constant time.
        SELECT count(*) AS rows, string_agg(digest, '' ORDER BY number) AS bytes FROM numbered
    ), hashed AS (
        SELECT 0::bigint AS number, head_hash AS hash
        UNION ALL
        SELECT h.number + 1,
            sha256(h.hash || substring((SELECT bytes FROM digests) FROM (h.number * 32 + 1)::integer FOR 32))
        FROM hashed h WHERE h.number < (SELECT rows FROM digests)
    )
    SELECT head + n.number, n.request_id, n.position, free, n.model_version, n.digest, h.hash
    FROM numbered n JOIN hashed h USING (number);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION link_shadow_predictions() IS
    'Trigger: appends the inserted scores to a chain, in the order of request_id, position and model_version';

-- The names of the chains are read one by one from the primary key: record_links may be long.
CREATE OR REPLACE FUNCTION chain_heads() RETURNS jsonb LANGUAGE sql STABLE SET search_path FROM CURRENT RETURN (
    WITH RECURSIVE names AS (
        (SELECT chain FROM record_links ORDER BY chain LIMIT 1)
        UNION ALL
        SELECT next.chain FROM names n CROSS JOIN LATERAL (
            SELECT r.chain FROM record_links r WHERE r.chain > n.chain ORDER BY r.chain LIMIT 1) next
    )
    SELECT coalesce(jsonb_object_agg(name, jsonb_build_array(link, encode(hash, 'hex'))), '{}') FROM (
        SELECT 'predictions/' || number AS name, head.link, head.hash
        FROM generate_series(0, 15) AS number CROSS JOIN LATERAL (
            SELECT link, hash FROM prediction_links WHERE chain = number ORDER BY link DESC LIMIT 1) head
        UNION ALL
        SELECT 'shadow_predictions/' || number, head.link, head.hash
        FROM generate_series(0, 15) AS number CROSS JOIN LATERAL (
            SELECT link, hash FROM shadow_links WHERE chain = number ORDER BY link DESC LIMIT 1) head
        UNION ALL
        SELECT n.chain, head.link, head.hash
        FROM names n CROSS JOIN LATERAL (
            SELECT link, hash FROM record_links WHERE chain = n.chain ORDER BY link DESC LIMIT 1) head
    ) heads);
COMMENT ON COLUMN champion_decisions.anchors IS
    'Last link and its hash by chain: predictions/0 to /15, shadow_predictions/0 to /15, and those of record_links';

LOCK TABLE erasures, scored_loans, scored_partitions, refused_predictions, shadow_predictions IN SHARE ROW EXCLUSIVE MODE;

-- The scores pass the trigger one month at a time, which limits its memory.
CREATE TEMPORARY TABLE earlier_scores (LIKE shadow_predictions) ON COMMIT DROP;
CREATE TRIGGER linked AFTER INSERT ON earlier_scores
    REFERENCING NEW TABLE AS appended FOR EACH STATEMENT EXECUTE FUNCTION link_shadow_predictions();
DO $$
DECLARE
    each date;
BEGIN
    FOR each IN SELECT DISTINCT prediction_month(scored_at) FROM shadow_predictions ORDER BY 1 LOOP
        INSERT INTO earlier_scores SELECT * FROM shadow_predictions WHERE prediction_month(scored_at) = each;
        TRUNCATE earlier_scores;
    END LOOP;
END $$;
DROP TABLE earlier_scores;

-- Records that an erasure has changed already.
INSERT INTO erased_records (sha256, record_sha256)
SELECT r.sha256, sha256(r.record) FROM refused_predictions r WHERE sha256(r.record) <> r.sha256;
-- Partitions that have lost erased loans, and those whose scoring was killed before it was recorded. The hash covers the
-- PDs with their least significant byte first.
INSERT INTO erased_scores (partition_key, erased_at, model_version, rows, sha256)
SELECT partition_key, 'epoch', min(model_version), count(*), encode(sha256(
    sha256(string_agg(convert_to(loan_id, 'UTF8') || '\x00'::bytea, '' ORDER BY loan_id))
    || sha256(string_agg((
        SELECT string_agg(substring(float8send(probability) FROM byte FOR 1), '' ORDER BY byte DESC)
        FROM generate_series(1, 8) AS byte) || set_byte('\x00', 0, decision), '' ORDER BY loan_id))), 'hex')
FROM scored_loans
WHERE partition_key IN (
    SELECT partition_key FROM scored_loans GROUP BY 1
    HAVING count(*) <> ALL(ARRAY(
        SELECT p.rows FROM scored_partitions p WHERE p.partition_key = scored_loans.partition_key)))
GROUP BY 1;
INSERT INTO chain_starts (chain, earlier_rows)
SELECT * FROM (
    SELECT 'erasures', count(*) FROM erasures
    UNION ALL SELECT 'scored_partitions', count(*) FROM scored_partitions
    UNION ALL SELECT 'refused_predictions', count(*) FROM refused_predictions
    UNION ALL SELECT 'shadow_predictions', count(*) FROM shadow_predictions
) counted (name, rows) WHERE rows > 0;
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT * FROM erasures ORDER BY erased_at, subject_sha256 LOOP
        PERFORM append_record_link('erasures', each);
    END LOOP;
    FOR each IN SELECT * FROM scored_partitions ORDER BY scored_at, partition_key LOOP
        PERFORM append_record_link('scored_partitions', each);
    END LOOP;
    FOR each IN SELECT sha256, reason, refused_at FROM refused_predictions ORDER BY refused_at, sha256 LOOP
        PERFORM append_record_link('refused_predictions', each);
    END LOOP;
    FOR each IN SELECT * FROM erased_records ORDER BY erased_at, sha256 LOOP
        PERFORM append_record_link('erased_records', each);
    END LOOP;
    FOR each IN SELECT * FROM erased_scores ORDER BY partition_key LOOP
        PERFORM append_record_link('erased_scores', each);
    END LOOP;
    FOR each IN SELECT * FROM chain_starts ORDER BY chain LOOP
        PERFORM append_record_link('chain_starts', each);
    END LOOP;
END $$;

CREATE TRIGGER linked AFTER INSERT ON erasures FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON scored_partitions FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON erased_records FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON erased_scores FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON chain_starts FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON refused_predictions FOR EACH ROW EXECUTE FUNCTION link_refused_record();
CREATE TRIGGER erased AFTER UPDATE OF record ON refused_predictions
    FOR EACH ROW EXECUTE FUNCTION record_erased_record();
CREATE TRIGGER linked AFTER INSERT ON shadow_predictions
    REFERENCING NEW TABLE AS appended FOR EACH STATEMENT EXECUTE FUNCTION link_shadow_predictions();
