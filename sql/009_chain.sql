-- Hash chains: what makes a change of the records visible that went around the triggers. Everything happens in
-- triggers, no table is renamed and none gains or loses a column, so that the release before this one runs on the
-- migrated database. docs/verification.md says what `loan-default verify` proves with these tables.

-- The same bytes as before, in two thirds of the time.
CREATE OR REPLACE FUNCTION prediction_digest(p predictions) RETURNS bytea LANGUAGE sql STABLE
    RETURN sha256(convert_to(
        ('["' || p.request_id || '", ' || p.position || ', ' || coalesce(to_json(p.loan_id)::text, 'null') || ', '
            || to_json(p.model_version)::text || ', ')
        || p.features::text
        || (', "' || encode(float8send(p.probability), 'hex') || '", ' || p.decision || ', "'
            || encode(float8send(p.threshold), 'hex') || '", ')
        || coalesce(p.reasons::text, 'null')
        || (', ' || to_json(p.channel)::text || ', '
            || coalesce('"' || encode(float8send(p.latency_ms), 'hex') || '"', 'null') || ', '
            || to_json(p.created_at AT TIME ZONE 'UTC')::text || ']'),
        'UTF8'));

CREATE TABLE prediction_links (
    link bigint NOT NULL CHECK (link >= 1),
    request_id uuid NOT NULL,
    position integer NOT NULL,
    chain smallint NOT NULL CHECK (chain BETWEEN 0 AND 15),
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, link)
);
-- Not unique: a file that is scored again after its predictions were pruned has the same request id.
CREATE INDEX links_of_a_prediction ON prediction_links (request_id, position);
COMMENT ON TABLE prediction_links IS
    'Hash chains over the rows of predictions, one row per prediction ever recorded, also a pruned one; append-only';
COMMENT ON COLUMN prediction_links.link IS 'Number of the link within its chain, from 1 without a gap';
COMMENT ON COLUMN prediction_links.request_id IS 'Request of the prediction';
COMMENT ON COLUMN prediction_links.position IS 'Index of the prediction within its request';
COMMENT ON COLUMN prediction_links.chain IS 'One of 16, so that writers do not wait for each other';
COMMENT ON COLUMN prediction_links.digest IS 'prediction_digest of the row';
COMMENT ON COLUMN prediction_links.hash IS
    'SHA-256 of the hash before it and of digest; before the first link: SHA-256 of ''predictions/<chain>''';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prediction_links
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION lock_prediction_chain() RETURNS smallint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    schema_key constant integer := hashtext(current_schema || '.prediction_links');
    first constant integer := pg_backend_pid() % 16;
BEGIN
    FOR step IN 0..15 LOOP
        IF pg_try_advisory_xact_lock(schema_key, (first + step) % 16) THEN
            RETURN (first + step) % 16;
        END IF;
    END LOOP;
    -- A transaction that holds a chain got it above, so none that waits here holds one.
    PERFORM pg_advisory_xact_lock(schema_key, first);
    RETURN first;
END $$;
COMMENT ON FUNCTION lock_prediction_chain IS
    'Locks a chain of prediction_links that no other transaction appends to, until the end of this transaction';

CREATE FUNCTION link_predictions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    free smallint;
    head bigint;
    head_hash bytea;
BEGIN
    IF NOT EXISTS (SELECT FROM appended) THEN
        RETURN NULL;
    END IF;
    free := lock_prediction_chain();
    SELECT l.link, l.hash INTO head, head_hash FROM prediction_links l
    WHERE l.chain = free ORDER BY l.link DESC LIMIT 1;
    IF NOT FOUND THEN
        head := 0;
        head_hash := sha256(convert_to('predictions/' || free, 'UTF8'));
    END IF;
    INSERT INTO prediction_links (link, request_id, position, chain, digest, hash)
    WITH RECURSIVE numbered AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY a.request_id, a.position) AS number, a.request_id, a.position,
            prediction_digest(ROW(a.*)::predictions) AS digest
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
    SELECT head + n.number, n.request_id, n.position, free, n.digest, h.hash
    FROM numbered n JOIN hashed h USING (number);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION link_predictions() IS
    'Trigger: appends the inserted predictions to a chain, in the order of request_id and position';

CREATE TABLE record_links (
    chain text NOT NULL,
    link bigint NOT NULL CHECK (link >= 1),
    record text NOT NULL,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, link),
    UNIQUE (chain, record)
);
COMMENT ON TABLE record_links IS
    'Hash chains over the rows of the tables that grow slowly, one chain per table; append-only';
COMMENT ON COLUMN record_links.chain IS 'The table';
COMMENT ON COLUMN record_links.link IS 'Number of the link within its chain, from 1 without a gap';
COMMENT ON COLUMN record_links.record IS 'The values of the row''s primary key, as a JSON array';
COMMENT ON COLUMN record_links.digest IS 'record_digest of the row';
COMMENT ON COLUMN record_links.hash IS
    'SHA-256 of the hash before it and of digest; before the first link: SHA-256 of the name of the table';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON record_links
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Without foreign keys to append-only tables: a TRUNCATE of these would be refused for another reason than theirs.
CREATE TABLE pruned_links (
    month date NOT NULL,
    model_version text NOT NULL,
    deleted_at timestamptz NOT NULL,
    chain smallint NOT NULL,
    links int8multirange NOT NULL,
    PRIMARY KEY (month, model_version, deleted_at, chain)
);
COMMENT ON TABLE pruned_links IS 'Links whose predictions a tombstone of pruned_predictions replaces; append-only';
COMMENT ON COLUMN pruned_links.month IS 'Month of the tombstone';
COMMENT ON COLUMN pruned_links.model_version IS 'Model version of the tombstone';
COMMENT ON COLUMN pruned_links.deleted_at IS 'Time of the tombstone';
COMMENT ON COLUMN pruned_links.chain IS 'Chain of prediction_links';
COMMENT ON COLUMN pruned_links.links IS 'Links of the deleted rows; empty for rows deleted before there were chains';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pruned_links
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION record_pruned_links() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO pruned_links (month, model_version, deleted_at, chain, links)
    SELECT prediction_month(d.created_at), d.model_version, now(), l.chain, range_agg(int8range(l.link, l.link + 1))
    FROM deleted d CROSS JOIN LATERAL (
        -- A file that was pruned before and scored again has an earlier link too, of another time.
        SELECT chain, link FROM prediction_links
        WHERE request_id = d.request_id AND position = d.position
            AND digest = prediction_digest(ROW(d.*)::predictions)
        LIMIT 1
    ) l
    GROUP BY 1, 2, 4;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION record_pruned_links() IS 'Trigger: records in pruned_links which links lose their predictions';

CREATE TABLE evaluation_inputs (
    evaluation bigint PRIMARY KEY,
    inputs jsonb NOT NULL
);
COMMENT ON TABLE evaluation_inputs IS
    'What the promotion policy decided on, so that its verdict can be computed again; append-only';
COMMENT ON COLUMN evaluation_inputs.evaluation IS 'Row of model_performance';
COMMENT ON COLUMN evaluation_inputs.inputs IS
    'Models, comparison and limits as passed to the policy, and the data cutoff of the training snapshot';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evaluation_inputs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The columns are named, so that a column that is added later does not change the digests of earlier rows. Those of
-- the primary key come first.
CREATE FUNCTION linked_columns(chain text) RETURNS text[] LANGUAGE sql IMMUTABLE RETURN CASE chain
    WHEN 'model_metadata' THEN ARRAY['version', 'kind', 'parent', 'portfolio_hash', 'snapshot_hash', 'attempt',
        'hyper_parameters', 'threshold', 'metrics', 'trained_from', 'trained_to', 'window_from', 'window_to',
        'artifact_uri', 'artifact_sha256', 'created_at']
    WHEN 'model_performance' THEN ARRAY['id', 'model_version', 'role', 'snapshot_hash', 'window_from', 'window_to',
        'rows', 'positives', 'metrics', 'intervals', 'baseline', 'verdict', 'reason', 'compared_with', 'evaluated_at']
    WHEN 'evaluation_inputs' THEN ARRAY['evaluation', 'inputs']
    WHEN 'pruned_predictions' THEN ARRAY['month', 'model_version', 'deleted_at', 'rows', 'pd_sum', 'sha256',
        'first_created_at', 'last_created_at']
    WHEN 'pruned_links' THEN ARRAY['month', 'model_version', 'deleted_at', 'chain', 'links']
END;
COMMENT ON FUNCTION linked_columns IS 'The columns of a table that its chain in record_links covers';

CREATE FUNCTION linked_key_length(chain text) RETURNS integer LANGUAGE sql IMMUTABLE RETURN CASE chain
    WHEN 'pruned_predictions' THEN 3 WHEN 'pruned_links' THEN 4 ELSE 1 END;
COMMENT ON FUNCTION linked_key_length IS 'How many columns the primary key of such a table has';

-- The settings keep the text of times and numbers from depending on the session.
CREATE FUNCTION append_record_link(table_name text, appended anyelement) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT SET timezone = 'UTC' SET extra_float_digits = 1 AS $$
DECLARE
    columns constant text[] := linked_columns(table_name);
    named constant jsonb := to_jsonb(appended);
    own_digest constant bytea := sha256(convert_to((
        SELECT jsonb_object_agg(key, value) FROM jsonb_each(named) WHERE key = ANY(columns))::text, 'UTF8'));
    head bigint;
    head_hash bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema || '.record_links', 0));
    SELECT l.link, l.hash INTO head, head_hash FROM record_links l
    WHERE l.chain = table_name ORDER BY l.link DESC LIMIT 1;
    IF NOT FOUND THEN
        head := 0;
        head_hash := sha256(convert_to(table_name, 'UTF8'));
    END IF;
    INSERT INTO record_links (chain, link, record, digest, hash)
    SELECT table_name, head + 1, jsonb_agg(named -> name ORDER BY number), own_digest,
        sha256(head_hash || own_digest)
    FROM unnest(columns[:linked_key_length(table_name)]) WITH ORDINALITY AS k (name, number);
END $$;
COMMENT ON FUNCTION append_record_link IS 'Appends a row to the chain of its table';

CREATE FUNCTION link_record() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM append_record_link(TG_TABLE_NAME, NEW);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION link_record() IS 'Trigger: appends the inserted row to the chain of its table';

CREATE TABLE champion_decisions (
    id bigint PRIMARY KEY CHECK (id >= 1),
    version text NOT NULL REFERENCES model_metadata,
    artifact_sha256 text NOT NULL,
    previous_champion text REFERENCES model_metadata,
    action text NOT NULL CHECK (action IN ('promoted', 'rejected', 'rolled back')),
    verdict text,
    reason text,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    anchors jsonb NOT NULL,
    requires_signature boolean NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    key_id text,
    signature bytea,
    CHECK ((key_id IS NULL) = (signature IS NULL))
);
COMMENT ON TABLE champion_decisions IS
    'Every decision on a champion; a hash chain of its own that anchors all the others; append-only';
COMMENT ON COLUMN champion_decisions.id IS 'Number of the decision, from 1 without a gap';
COMMENT ON COLUMN champion_decisions.version IS
    'The promoted or rejected version; for a rollback, the version that is champion again';
COMMENT ON COLUMN champion_decisions.artifact_sha256 IS 'SHA-256 of its artifact';
COMMENT ON COLUMN champion_decisions.previous_champion IS
    'The champion until then: retired by a promotion, rejected by a rollback, kept by a rejection';
COMMENT ON COLUMN champion_decisions.action IS 'promoted, rejected or rolled back';
COMMENT ON COLUMN champion_decisions.verdict IS 'Promotion verdict recorded with the decision';
COMMENT ON COLUMN champion_decisions.reason IS 'Reason recorded with the decision';
COMMENT ON COLUMN champion_decisions.decided_by IS
    'Who decided: user of the operating system, or of the database where the program did not say';
COMMENT ON COLUMN champion_decisions.decided_at IS 'Time of the decision';
COMMENT ON COLUMN champion_decisions.anchors IS
    'Last link and its hash by chain: predictions/0 to predictions/15, and the tables of record_links';
COMMENT ON COLUMN champion_decisions.requires_signature IS 'Whether the program announced a signature';
COMMENT ON COLUMN champion_decisions.previous_hash IS
    'hash of the decision before; before the first: SHA-256 of ''champion_decisions''';
COMMENT ON COLUMN champion_decisions.hash IS
    'SHA-256 of previous_hash and of the SHA-256 of the JSON array of the columns from id to requires_signature';
COMMENT ON COLUMN champion_decisions.key_id IS 'Key of the signature';
COMMENT ON COLUMN champion_decisions.signature IS 'Signature of hash; null where none was required';

CREATE FUNCTION refuse_changed_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added constant text[] := ARRAY['key_id', 'signature'];
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.signature IS NOT NULL OR to_jsonb(NEW) - added <> to_jsonb(OLD) - added THEN
        RAISE EXCEPTION 'champion_decisions is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_changed_decision() IS 'Trigger: refuses every change of a decision but its signature';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON champion_decisions
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_decision();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON champion_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION chain_heads() RETURNS jsonb LANGUAGE sql STABLE SET search_path FROM CURRENT RETURN (
    SELECT coalesce(jsonb_object_agg(name, jsonb_build_array(link, encode(hash, 'hex'))), '{}') FROM (
        SELECT 'predictions/' || number AS name, head.link, head.hash
        FROM generate_series(0, 15) AS number CROSS JOIN LATERAL (
            SELECT link, hash FROM prediction_links WHERE chain = number ORDER BY link DESC LIMIT 1) head
        UNION ALL
        (SELECT DISTINCT ON (chain) chain, link, hash FROM record_links ORDER BY chain, link DESC)
    ) heads);
COMMENT ON FUNCTION chain_heads() IS 'The last link of every chain and its hash';

CREATE FUNCTION append_decision(decided model_metadata, new_action text, champion text, who text, at timestamptz)
    RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    added champion_decisions;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema || '.record_links', 0));
    SELECT d.id, d.hash INTO added.id, added.previous_hash FROM champion_decisions d ORDER BY d.id DESC LIMIT 1;
    added.id := coalesce(added.id, 0) + 1;
    added.previous_hash := coalesce(added.previous_hash, sha256('champion_decisions'));
    added.version := decided.version;
    added.artifact_sha256 := decided.artifact_sha256;
    added.previous_champion := champion;
    added.action := new_action;
    added.verdict := decided.verdict;
    added.reason := decided.reason;
    added.decided_by := who;
    added.decided_at := at;
    added.anchors := chain_heads();
    added.requires_signature := coalesce(current_setting('loan_default.decision_is_signed', true), '') = 'true';
    added.hash := sha256(added.previous_hash || sha256(convert_to(jsonb_build_array(
        added.id, added.version, added.artifact_sha256, added.previous_champion, added.action, added.verdict,
        added.reason, added.decided_by, added.decided_at AT TIME ZONE 'UTC', added.anchors,
        added.requires_signature)::text, 'UTF8')));
    INSERT INTO champion_decisions SELECT added.*;
END $$;
COMMENT ON FUNCTION append_decision IS 'Appends a decision on a version, with the heads of all chains';

CREATE FUNCTION record_decision() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    champion constant text := (
        SELECT d.version FROM champion_decisions d WHERE d.action <> 'rejected' ORDER BY d.id DESC LIMIT 1);
    now_rejected constant boolean := EXISTS (
        SELECT FROM model_metadata m WHERE m.version = champion AND m.status = 'rejected');
BEGIN
    -- A rollback rejects the champion and restores the one before: one decision, recorded with the latter.
    IF NEW.status = 'rejected' AND OLD.status = 'champion' THEN
        RETURN NULL;
    END IF;
    PERFORM append_decision(NEW,
        CASE WHEN NEW.status = 'rejected' THEN 'rejected' WHEN now_rejected THEN 'rolled back' ELSE 'promoted' END,
        champion,
        coalesce(nullif(current_setting('loan_default.decided_by', true), ''), session_user),
        clock_timestamp());
    RETURN NULL;
END $$;
COMMENT ON FUNCTION record_decision() IS 'Trigger: records a promotion, rejection or rollback in champion_decisions';

LOCK TABLE predictions, model_metadata, model_performance, pruned_predictions IN SHARE ROW EXCLUSIVE MODE;

-- Of what was recorded before, the predictions pass the trigger one month at a time, which limits its memory.
CREATE TEMPORARY TABLE earlier_predictions (LIKE predictions) ON COMMIT DROP;
CREATE TRIGGER linked AFTER INSERT ON earlier_predictions
    REFERENCING NEW TABLE AS appended FOR EACH STATEMENT EXECUTE FUNCTION link_predictions();
DO $$
DECLARE
    each date;
BEGIN
    FOR each IN SELECT DISTINCT prediction_month(created_at) FROM predictions ORDER BY 1 LOOP
        INSERT INTO earlier_predictions SELECT * FROM predictions WHERE prediction_month(created_at) = each;
        TRUNCATE earlier_predictions;
    END LOOP;
END $$;
DROP TABLE earlier_predictions;

INSERT INTO pruned_links (month, model_version, deleted_at, chain, links)
SELECT month, model_version, deleted_at, 0, '{}' FROM pruned_predictions;
DO $$
DECLARE
    each record;
    model model_metadata;
    champion text;
BEGIN
    FOR each IN SELECT * FROM model_metadata ORDER BY created_at, version LOOP
        PERFORM append_record_link('model_metadata', each);
    END LOOP;
    FOR each IN SELECT * FROM model_performance ORDER BY id LOOP
        PERFORM append_record_link('model_performance', each);
    END LOOP;
    FOR each IN SELECT * FROM pruned_predictions ORDER BY deleted_at, month, model_version LOOP
        PERFORM append_record_link('pruned_predictions', each);
    END LOOP;
    FOR each IN SELECT * FROM pruned_links ORDER BY deleted_at, month, model_version LOOP
        PERFORM append_record_link('pruned_links', each);
    END LOOP;
    FOR model IN SELECT * FROM model_metadata WHERE status = 'rejected' ORDER BY created_at, version LOOP
        PERFORM append_decision(model, 'rejected', NULL, 'the migration to hash chains', clock_timestamp());
    END LOOP;
    FOR model IN SELECT * FROM model_metadata WHERE status IN ('retired', 'champion')
        ORDER BY status = 'champion', promoted_at LOOP
        PERFORM append_decision(model, 'promoted', champion, 'the migration to hash chains', model.promoted_at);
        champion := model.version;
    END LOOP;
END $$;

CREATE TRIGGER linked AFTER INSERT ON predictions
    REFERENCING NEW TABLE AS appended FOR EACH STATEMENT EXECUTE FUNCTION link_predictions();
CREATE TRIGGER pruned AFTER DELETE ON predictions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION record_pruned_links();
CREATE TRIGGER linked AFTER INSERT ON model_metadata FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON model_performance FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON evaluation_inputs FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON pruned_predictions FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON pruned_links FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER decided AFTER UPDATE OF status ON model_metadata FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('champion', 'rejected'))
    EXECUTE FUNCTION record_decision();
