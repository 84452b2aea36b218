-- Retention: what may be deleted, and what is recorded of it. No table is renamed and none loses a column, so that the
-- release before this one runs on the migrated database.

CREATE TABLE pruned_models (
    version text PRIMARY KEY REFERENCES model_metadata,
    bytes bigint NOT NULL CHECK (bytes >= 0),
    pruned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE pruned_models IS
    'Model versions whose files retention has deleted; a version that is trained again loses its row';
COMMENT ON COLUMN pruned_models.version IS 'Version of the model, whose row in model_metadata stays';
COMMENT ON COLUMN pruned_models.bytes IS 'Size of the deleted files';
COMMENT ON COLUMN pruned_models.pruned_at IS 'Time of the deletion';

CREATE TABLE pruned_predictions (
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    model_version text NOT NULL REFERENCES model_metadata,
    rows bigint NOT NULL CHECK (rows > 0),
    pd_sum numeric NOT NULL,
    sha256 text NOT NULL,
    first_created_at timestamptz NOT NULL,
    last_created_at timestamptz NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (month, model_version, deleted_at)
);
COMMENT ON TABLE pruned_predictions IS
    'Tombstones of deleted predictions, one row per month, model version and deletion; append-only';
COMMENT ON COLUMN pruned_predictions.month IS 'First day of the calendar month of the predictions, in UTC';
COMMENT ON COLUMN pruned_predictions.model_version IS 'Version of the model that made the predictions';
COMMENT ON COLUMN pruned_predictions.rows IS 'Number of deleted predictions';
COMMENT ON COLUMN pruned_predictions.first_created_at IS 'Time of the earliest deleted prediction';
COMMENT ON COLUMN pruned_predictions.last_created_at IS 'Time of the latest deleted prediction';
COMMENT ON COLUMN pruned_predictions.pd_sum IS 'Sum of the PDs, each with 15 significant digits';
COMMENT ON COLUMN pruned_predictions.sha256 IS
    'SHA-256 over the prediction_digest of every row, in the order of request_id and position';
COMMENT ON COLUMN pruned_predictions.deleted_at IS 'Start of the transaction that deleted the rows';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pruned_predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION prediction_month(created_at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
    RETURN date_trunc('month', created_at AT TIME ZONE 'UTC')::date;
COMMENT ON FUNCTION prediction_month IS 'First day of the calendar month in UTC';

-- The columns are named, so that a column that is added later does not change the digests of earlier rows. Floating
-- point enters as its eight bytes, because its text depends on settings of the session.
CREATE FUNCTION prediction_digest(p predictions) RETURNS bytea LANGUAGE sql STABLE
    RETURN sha256(convert_to(jsonb_build_array(
        p.request_id, p.position, p.loan_id, p.model_version, p.features, encode(float8send(p.probability), 'hex'),
        p.decision, encode(float8send(p.threshold), 'hex'), p.reasons, p.channel,
        encode(float8send(p.latency_ms), 'hex'), p.created_at AT TIME ZONE 'UTC')::text, 'UTF8'));
COMMENT ON FUNCTION prediction_digest IS 'SHA-256 of the JSON array of a prediction''s values, in the order of columns';

-- A view and not a function of a loan: raw_data has no index of loans, so it is joined as a whole.
CREATE VIEW matured_loans AS
SELECT DISTINCT loan_id
FROM raw_data
WHERE label IS NOT NULL
    AND (label_observed_at IS NULL OR label_observed_at <= (SELECT cutoff FROM data_cutoff));
COMMENT ON VIEW matured_loans IS 'Loans whose outcome is known by the data cutoff';

-- A deletion is refused unless the same transaction recorded exactly the deleted rows. No setting and no role can
-- replace that record.
DROP TRIGGER append_only ON predictions;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_unrecorded_deletion() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT prediction_month(d.created_at), d.model_version, count(*), sum(d.probability::numeric),
            encode(sha256(string_agg(prediction_digest(ROW(d.*)::predictions), '' ORDER BY d.request_id, d.position)),
                'hex')
        FROM deleted d
        GROUP BY 1, 2
        EXCEPT
        SELECT month, model_version, rows, pd_sum, sha256 FROM pruned_predictions WHERE deleted_at = now()
    ) THEN
        RAISE EXCEPTION 'predictions is append-only: DELETE is refused without its tombstone; use prune_predictions'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_unrecorded_deletion() IS
    'Trigger: refuses to delete predictions that pruned_predictions does not record in the same transaction';
CREATE TRIGGER append_only_rows AFTER DELETE ON predictions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION refuse_unrecorded_deletion();

CREATE FUNCTION prune_predictions(pruned_month date, unmatured boolean DEFAULT false) RETURNS bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
DECLARE
    pruned bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema || '.prune_predictions', 0));
    WITH chosen AS (
        SELECT request_id, position
        FROM predictions LEFT JOIN matured_loans USING (loan_id)
        WHERE created_at >= pruned_month::timestamp AT TIME ZONE 'UTC'
            AND created_at < (pruned_month + interval '1 month') AT TIME ZONE 'UTC'
            -- Nothing more will be learned of a prediction that names no loan.
            AND (unmatured OR predictions.loan_id IS NULL OR matured_loans.loan_id IS NOT NULL)
    ), deleted AS (
        DELETE FROM predictions p USING chosen
        WHERE (p.request_id, p.position) = (chosen.request_id, chosen.position)
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
    RETURN pruned;
END $$;
COMMENT ON FUNCTION prune_predictions IS
    'Deletes the predictions of a calendar month (UTC) and records their tombstones; the number of deleted rows. '
    'Predictions whose outcome has not matured stay, unless unmatured is true';
