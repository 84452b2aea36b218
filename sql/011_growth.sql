-- The tables that grow are divided by time, so that a query reads the periods it asks for and retention drops a table.
-- Rows of earlier releases are not moved: their table becomes the partition of everything up to the newest of them.
-- docs/decisions/partitioned-tables.md says why this is safe for predictions.

CREATE FUNCTION divide_table(name text, time_column text, key_columns text) RETURNS text LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
DECLARE
    former constant text := name || '_earlier';
    source constant regclass := format('%I', name);
    views text[];
    granted record;
BEGIN
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
    -- A view belongs to the table and not to its name. Replaced and not recreated, it keeps its grants and users.
    SELECT array_agg(DISTINCT format('CREATE OR REPLACE VIEW %s %s AS %s', v.oid::regclass,
        'WITH (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid))) INTO views
    FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = source
        AND v.relkind = 'v';
    EXECUTE format('ALTER TABLE %I RENAME TO %I', name, former);
    EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', former, name || '_pkey', former || '_pkey');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE '
        'INCLUDING COMMENTS, PRIMARY KEY (%s)) PARTITION BY RANGE (%I)', name, former, key_columns, time_column);
    EXECUTE format('COMMENT ON TABLE %I IS %L', name, obj_description(source));
    FOR granted IN
        SELECT format('GRANT %s ON %I TO %s %s', a.privilege_type, name,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
            CASE WHEN a.is_grantable THEN 'WITH GRANT OPTION' END) AS statement
        FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = source AND a.grantee <> c.relowner
        UNION ALL
        SELECT format('GRANT %s (%I) ON %I TO %s %s', a.privilege_type, t.attname, name,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
            CASE WHEN a.is_grantable THEN 'WITH GRANT OPTION' END)
        FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) a WHERE t.attrelid = source
    LOOP
        EXECUTE granted.statement;
    END LOOP;
    FOR i IN 1..coalesce(cardinality(views), 0) LOOP
        EXECUTE views[i];
    END LOOP;
    RETURN former;
END $$;

DO $$
DECLARE
    divided text;
    former text;
    newest text;
    has_undated boolean;
    next_year text;
BEGIN
    FOREACH divided IN ARRAY ARRAY['raw_data', 'processed_data'] LOOP
        former := divide_table(divided, 'partition_key', 'partition_key, loan_id');
        -- Keys with a date begin with a digit, which sorts before a colon.
        EXECUTE format('SELECT max(partition_key) FROM %I WHERE partition_key < '':''', former) INTO newest;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE partition_key >= '':'')', former) INTO has_undated;
        IF newest IS NULL AND has_undated THEN
            EXECUTE format('ALTER TABLE %I RENAME TO %I', former, divided || '_undated');
        ELSE
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', divided || '_undated', divided);
        END IF;
        -- Not the default partition, which a new partition would wait for and search for its rows.
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM ('':'') TO (MAXVALUE)',
            divided, divided || '_undated');
        EXECUTE format('COMMENT ON TABLE %I IS %L', divided || '_undated', 'Rows of a portfolio without dates');
        IF newest IS NOT NULL THEN
            -- The portfolio had no dates once.
            EXECUTE format('WITH moved AS (DELETE FROM %I WHERE partition_key >= '':'' RETURNING *) '
                'INSERT INTO %I SELECT * FROM moved', former, divided || '_undated');
            next_year := to_char(left(newest, 4)::integer + 1, 'FM0000');
            EXECUTE format('ALTER TABLE %I RENAME TO %I', former, divided || '_before_' || next_year);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                divided, divided || '_before_' || next_year, next_year);
        ELSIF NOT has_undated THEN
            EXECUTE format('DROP TABLE %I', former);
        END IF;
    END LOOP;
END $$;

-- One row per prediction, also where its key is destroyed: the primary key that makes request_id and position unique
-- over all partitions of predictions, which a constraint of a table divided by time cannot.
ALTER TABLE prediction_keys ALTER COLUMN key DROP NOT NULL;
COMMENT ON TABLE prediction_keys IS
    'One row per prediction, which makes its request and position unique, with the key of its features (AES-256-GCM)';
COMMENT ON COLUMN prediction_keys.key IS 'Key of this prediction alone; null once an erasure has destroyed it';

CREATE FUNCTION refuse_change_but_destruction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.key IS NULL AND (NEW.request_id, NEW.position) = (OLD.request_id, OLD.position) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_change_but_destruction() IS
    'Trigger: refuses every change of prediction_keys but the destruction of a key';
DROP TRIGGER write_once ON prediction_keys;
CREATE TRIGGER write_once BEFORE TRUNCATE ON prediction_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER write_once_values BEFORE UPDATE ON prediction_keys
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_destruction();

CREATE FUNCTION complete_prediction_keys() RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO prediction_keys (request_id, position)
    SELECT request_id, position FROM predictions
    EXCEPT SELECT request_id, position FROM prediction_keys
$$;
COMMENT ON FUNCTION complete_prediction_keys() IS
    'Adds the missing rows of prediction_keys: of keys that earlier releases erased, or that a backup does not hold';
LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE;
SELECT complete_prediction_keys();

-- Statement triggers of a partitioned table are not fired by a statement that names one of its partitions.
CREATE FUNCTION refuse_direct_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is a partition of predictions, which is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_direct_change() IS 'Trigger: refuses statements that name a partition of predictions';

-- Names the table and not its partition.
CREATE OR REPLACE FUNCTION refuse_change_but_sealing() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF features_sealed(NEW.features) AND NOT features_sealed(OLD.features)
        AND to_jsonb(NEW) - 'features' = to_jsonb(OLD) - 'features' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'predictions is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION create_prediction_month(month date) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    name constant text := 'predictions_' || to_char(month, 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema || '.create_prediction_month', 0));
    IF EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'predictions'::regclass AND (c.relname = name
            OR c.relname LIKE 'predictions\_before\_%' AND right(c.relname, 7) > right(name, 7))
    ) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE predictions INCLUDING ALL)', name);
    EXECUTE format('COMMENT ON TABLE %I IS %L', name, 'Predictions of a calendar month in UTC');
    EXECUTE format('CREATE TRIGGER parent_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct_change()', name);
    -- Attached and not created as a partition, which would wait for all statements on predictions.
    EXECUTE format('ALTER TABLE predictions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
        month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
END $$;
COMMENT ON FUNCTION create_prediction_month IS 'Creates the partition of a calendar month (UTC) unless it exists';

DO $$
DECLARE
    former constant text := divide_table('predictions', 'created_at', 'request_id, position, created_at');
    months constant text := 'predictions_before_';
    newest timestamptz;
    ending date;
    each name;
BEGIN
    FOR each IN SELECT tgname FROM pg_trigger WHERE tgrelid = former::regclass AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', each, former);
    END LOOP;
    -- Empty since the migration to sealed features, and checked for every new row.
    DROP INDEX predictions_not_sealed;
    ALTER INDEX predictions_of_a_loan RENAME TO predictions_earlier_of_a_loan;
    CREATE INDEX predictions_of_a_loan ON predictions (loan_id) WHERE loan_id IS NOT NULL;
    ALTER TABLE predictions ADD CONSTRAINT predictions_model_version_fkey
        FOREIGN KEY (model_version) REFERENCES model_metadata;
    EXECUTE format('SELECT max(created_at) FROM %I', former) INTO newest;
    -- The function bears the type of the rows, which is that of the former table.
    DROP FUNCTION prediction_digest;
    IF newest IS NULL THEN
        EXECUTE format('DROP TABLE %I', former);
        RETURN;
    END IF;
    ending := prediction_month(newest) + interval '1 month';
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', former, former || '_pkey');
    EXECUTE format('CREATE TRIGGER parent_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct_change()', former);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', former, months || to_char(ending, 'YYYY_MM'));
    EXECUTE format('ALTER TABLE predictions ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
        months || to_char(ending, 'YYYY_MM'), ending::timestamp AT TIME ZONE 'UTC');
END $$;
DROP FUNCTION divide_table;

CREATE FUNCTION prediction_digest(p predictions) RETURNS bytea LANGUAGE sql STABLE
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
COMMENT ON FUNCTION prediction_digest IS 'SHA-256 of the JSON array of a prediction''s values, in the order of columns';

CREATE TRIGGER append_only BEFORE TRUNCATE ON predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_values BEFORE UPDATE ON predictions
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_sealing();
CREATE TRIGGER append_only_rows AFTER DELETE ON predictions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION refuse_unrecorded_deletion();
CREATE TRIGGER sealed_only AFTER INSERT ON predictions
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION refuse_unsealed();
CREATE TRIGGER destroy_keys AFTER DELETE ON predictions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION destroy_keys();
CREATE TRIGGER linked AFTER INSERT ON predictions
    REFERENCING NEW TABLE AS appended FOR EACH STATEMENT EXECUTE FUNCTION link_predictions();
CREATE TRIGGER pruned AFTER DELETE ON predictions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION record_pruned_links();

-- Of raw_data only the loans with a prediction are read: where they are few, by a skip scan of the primary key, which
-- PostgreSQL 18 makes, so that loan_id needs no index of its own.
CREATE OR REPLACE VIEW live_performance AS
WITH newest_prediction AS (
    SELECT DISTINCT ON (model_version, loan_id) model_version, loan_id, probability, decision, created_at
    FROM predictions
    WHERE loan_id IS NOT NULL
    ORDER BY model_version, loan_id, created_at DESC, request_id, position
), matured_label AS (
    SELECT DISTINCT ON (loan_id) loan_id, label
    FROM raw_data
    WHERE label IS NOT NULL
        AND (label_observed_at IS NULL OR label_observed_at <= (SELECT cutoff FROM data_cutoff))
        AND loan_id IN (SELECT loan_id FROM predictions WHERE loan_id IS NOT NULL)
    ORDER BY loan_id, partition_key DESC
), labelled_prediction AS (
    SELECT model_version, probability, decision, created_at, label,
        rank() OVER (PARTITION BY model_version ORDER BY probability)
            + (count(*) OVER (PARTITION BY model_version, probability) - 1) / 2.0 AS rank
    FROM newest_prediction JOIN matured_label USING (loan_id)
), total AS (
    SELECT model_version,
        count(*) AS rows,
        sum(label) AS positives,
        count(*) FILTER (WHERE decision = 1 AND label = 1) AS true_positives,
        count(*) FILTER (WHERE decision = 1) AS predicted_positives,
        count(*) FILTER (WHERE decision = label) AS correct_decisions,
        avg((probability - label) ^ 2) AS brier,
        sum(rank) FILTER (WHERE label = 1) AS positive_rank_sum,
        min(created_at) AS first_scored_at,
        max(created_at) AS last_scored_at
    FROM labelled_prediction
    GROUP BY model_version
)
SELECT model_version, rows, positives,
    2.0 * true_positives / nullif(predicted_positives + positives, 0) AS f1,
    1.0 * true_positives / nullif(predicted_positives, 0) AS precision,
    1.0 * true_positives / nullif(positives, 0) AS recall,
    1.0 * correct_decisions / rows AS accuracy,
    (positive_rank_sum - positives * (positives + 1) / 2.0) / nullif(positives * (rows - positives), 0) AS roc_auc,
    brier, first_scored_at, last_scored_at
FROM total;

-- What the triggers do for deleted rows, for all rows of a partition, which is dropped then.
CREATE FUNCTION drop_prediction_month(dropped date) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    pruned bigint;
BEGIN
    WITH gone AS MATERIALIZED (
        SELECT request_id, position, model_version, probability, created_at,
            prediction_digest(ROW(p.*)::predictions) AS digest
        FROM predictions p
        WHERE created_at >= dropped::timestamp AT TIME ZONE 'UTC'
            AND created_at < (dropped + interval '1 month') AT TIME ZONE 'UTC'
    ), tombstone AS (
        INSERT INTO pruned_predictions
            (month, model_version, rows, pd_sum, sha256, first_created_at, last_created_at)
        SELECT dropped, model_version, count(*), sum(probability::numeric),
            encode(sha256(string_agg(digest, '' ORDER BY request_id, position)), 'hex'),
            min(created_at), max(created_at)
        FROM gone
        GROUP BY model_version
        RETURNING rows
    ), links AS (
        INSERT INTO pruned_links (month, model_version, deleted_at, chain, links)
        SELECT dropped, gone.model_version, now(), l.chain, range_agg(int8range(l.link, l.link + 1))
        FROM gone CROSS JOIN LATERAL (
            -- A file that was pruned before and scored again has an earlier link too, of another time.
            SELECT chain, link FROM prediction_links
            WHERE request_id = gone.request_id AND position = gone.position AND digest = gone.digest
            LIMIT 1
        ) l
        GROUP BY 2, 4
    ), keys AS (
        DELETE FROM prediction_keys k USING gone
        WHERE (k.request_id, k.position) = (gone.request_id, gone.position)
    )
    SELECT coalesce(sum(rows), 0) INTO pruned FROM tombstone;
    EXECUTE format('DROP TABLE %I', 'predictions_' || to_char(dropped, 'YYYY_MM'));
    RETURN pruned;
END $$;
COMMENT ON FUNCTION drop_prediction_month IS
    'Drops the partition of a calendar month (UTC) and records its tombstones; the number of its rows';

CREATE OR REPLACE FUNCTION prune_predictions(pruned_month date, unmatured boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    starts constant timestamptz := pruned_month::timestamp AT TIME ZONE 'UTC';
    ends constant timestamptz := (pruned_month + interval '1 month') AT TIME ZONE 'UTC';
    cutoff constant date := (SELECT d.cutoff FROM data_cutoff d);
    pruned bigint;
    empty boolean;
    earlier name;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema || '.prune_predictions', 0));
    IF to_regclass('predictions_' || to_char(pruned_month, 'YYYY_MM')) IS NOT NULL THEN
        -- Writers wait here, before they have locked the partition that is dropped; readers go on.
        LOCK TABLE ONLY predictions IN SHARE ROW EXCLUSIVE MODE;
        IF unmatured OR NOT EXISTS (
            SELECT FROM predictions p
            WHERE p.created_at >= starts AND p.created_at < ends AND p.loan_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM raw_data r WHERE r.loan_id = p.loan_id AND r.label IS NOT NULL
                    AND (r.label_observed_at IS NULL OR r.label_observed_at <= cutoff))
        ) THEN
            RETURN drop_prediction_month(pruned_month);
        END IF;
    END IF;
    WITH chosen AS (
        SELECT request_id, position, created_at
        FROM predictions p
        WHERE created_at >= starts AND created_at < ends
            -- Nothing more will be learned of a prediction that names no loan.
            AND (unmatured OR loan_id IS NULL OR EXISTS (
                SELECT FROM raw_data r WHERE r.loan_id = p.loan_id AND r.label IS NOT NULL
                    AND (r.label_observed_at IS NULL OR r.label_observed_at <= cutoff)))
    ), deleted AS (
        DELETE FROM predictions p USING chosen
        WHERE (p.request_id, p.position, p.created_at) = (chosen.request_id, chosen.position, chosen.created_at)
            AND p.created_at >= starts AND p.created_at < ends
        RETURNING p AS prediction
    ), tombstone AS (
        INSERT INTO pruned_predictions
            (month, model_version, rows, pd_sum, sha256, first_created_at, last_created_at)
        SELECT pruned_month, (prediction).model_version, count(*), sum((prediction).probability::numeric),
            encode(sha256(string_agg(prediction_digest(prediction), ''
                ORDER BY (prediction).request_id, (prediction).position)), 'hex'),
            min((prediction).created_at), max((prediction).created_at)
        FROM deleted
        GROUP BY (prediction).model_version
        RETURNING rows
    )
    SELECT coalesce(sum(rows), 0) INTO pruned FROM tombstone;
    FOR earlier IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'predictions'::regclass AND c.relname LIKE 'predictions\_before\_%'
            AND right(c.relname, 7) <= to_char(pruned_month + interval '1 month', 'YYYY_MM')
    LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I)', earlier) INTO empty;
        IF empty THEN
            EXECUTE format('DROP TABLE %I', earlier);
        END IF;
    END LOOP;
    RETURN pruned;
END $$;
COMMENT ON FUNCTION prune_predictions IS
    'Deletes the predictions of a calendar month (UTC) and records their tombstones; the number of deleted rows. '
    'Predictions whose outcome has not matured stay, unless unmatured is true';
