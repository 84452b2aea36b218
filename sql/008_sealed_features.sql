-- The features of predictions are stored encrypted, each prediction's with a key of its own that can be destroyed. So
-- the append-only log keeps its rows and their hashes where the law demands that a loan's data are erased.

CREATE TABLE prediction_keys (
    request_id uuid NOT NULL,
    position integer NOT NULL,
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    PRIMARY KEY (request_id, position)
);
COMMENT ON TABLE prediction_keys IS
    'Keys of predictions.features (AES-256-GCM), one row per prediction; an erasure deletes them';
COMMENT ON COLUMN prediction_keys.request_id IS 'Identifier of the request';
COMMENT ON COLUMN prediction_keys.position IS 'Index of the application within its request, from 0';
COMMENT ON COLUMN prediction_keys.key IS 'Key of this prediction alone';
COMMENT ON COLUMN predictions.features IS
    'Values that were scored, encrypted, in base64 under the name sealed; its key is in prediction_keys until it is erased';

CREATE TABLE erasures (
    subject_sha256 bytea NOT NULL CHECK (octet_length(subject_sha256) = 32),
    erased_at timestamptz NOT NULL,
    predictions bigint NOT NULL,
    rows bigint NOT NULL,
    refused_records bigint NOT NULL,
    PRIMARY KEY (subject_sha256, erased_at)
);
COMMENT ON TABLE erasures IS 'Every erasure of a loan or a request, append-only; it outlives what it names';
COMMENT ON COLUMN erasures.subject_sha256 IS 'erasure_subject of the loan or request, so that no key of a loan is listed';
COMMENT ON COLUMN erasures.erased_at IS 'Time of the erasure; features of predictions that were made before have no key';
COMMENT ON COLUMN erasures.predictions IS 'Number of predictions whose key was destroyed';
COMMENT ON COLUMN erasures.rows IS 'Number of rows deleted from raw_data and processed_data';
COMMENT ON COLUMN erasures.refused_records IS 'Number of records in refused_predictions that lost the features';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION erasure_subject(kind text, name text) RETURNS bytea LANGUAGE sql STABLE
    RETURN sha256(convert_to(kind || ' ' || name, 'UTF8'));
COMMENT ON FUNCTION erasure_subject IS
    'SHA-256 that names a loan (kind loan), a request or one of its applications (kind request, REQUEST_ID or '
    'REQUEST_ID/POSITION) in erasures';

CREATE FUNCTION features_sealed(features jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN jsonb_typeof(features -> 'sealed') IS NOT DISTINCT FROM 'string' AND features - 'sealed' = '{}';
COMMENT ON FUNCTION features_sealed IS 'Whether the features of a prediction are encrypted';

-- Of the releases before; empty once the migration has sealed them.
CREATE INDEX predictions_not_sealed ON predictions (request_id, position) WHERE NOT features_sealed(features);

-- The only change that is permitted seals what the releases before stored, and leaves all other columns.
CREATE FUNCTION refuse_change_but_sealing() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF features_sealed(NEW.features) AND NOT features_sealed(OLD.features)
        AND to_jsonb(NEW) - 'features' = to_jsonb(OLD) - 'features' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_change_but_sealing() IS
    'Trigger: refuses every change of predictions but the first encryption of its features';
DROP TRIGGER append_only ON predictions;
CREATE TRIGGER append_only BEFORE TRUNCATE ON predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_values BEFORE UPDATE ON predictions
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_sealing();

-- A worker of the release before keeps such records in its spool after this error, and the present one seals them.
CREATE FUNCTION refuse_unsealed() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM inserted WHERE NOT features_sealed(features)) THEN
        RAISE EXCEPTION 'features of predictions must be sealed: restart the service with the present release'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_unsealed() IS 'Trigger: refuses predictions whose features are not encrypted';
CREATE TRIGGER sealed_only AFTER INSERT ON predictions
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION refuse_unsealed();

CREATE FUNCTION destroy_keys() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM prediction_keys k USING deleted d
    WHERE (k.request_id, k.position) = (d.request_id, d.position);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION destroy_keys() IS 'Trigger: deletes the keys of deleted predictions';
CREATE TRIGGER destroy_keys AFTER DELETE ON predictions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION destroy_keys();
CREATE TRIGGER write_once BEFORE UPDATE OR TRUNCATE ON prediction_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A refused record keeps its row and its hash, so that it is not stored again; its values go in the transaction of an
-- erasure only.
CREATE FUNCTION refuse_change_but_erasure() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF to_jsonb(NEW) - 'record' = to_jsonb(OLD) - 'record'
        AND EXISTS (SELECT FROM erasures WHERE xmin = pg_current_xact_id()::xid) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_change_but_erasure() IS
    'Trigger: refuses every change of refused_predictions but that of a record by an erasure';
DROP TRIGGER append_only ON refused_predictions;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON refused_predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_values BEFORE UPDATE ON refused_predictions
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
COMMENT ON COLUMN refused_predictions.sha256 IS
    'Of the record as it was written: one that is delivered again is kept once, also after an erasure';
