-- The shadow challenger: a model that scores the service's recorded predictions after they were answered, and decides
-- nothing. The numbers of links say which predictions it has done, so that each is done once whatever was interrupted.

CREATE TABLE shadow_models (
    model_version text PRIMARY KEY REFERENCES model_metadata,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    links bigint[] NOT NULL CHECK (cardinality(links) = 16),
    scored bigint NOT NULL DEFAULT 0,
    omitted bigint NOT NULL DEFAULT 0,
    scorer text,
    seen_at timestamptz,
    error text,
    comparison jsonb,
    compared_at timestamptz
);
COMMENT ON TABLE shadow_models IS 'Models that are or were the shadow of the service, with their progress';
COMMENT ON COLUMN shadow_models.started_at IS 'Time at which it became the shadow; predictions stored since are scored';
COMMENT ON COLUMN shadow_models.links IS 'Last link that is done of each chain of prediction_links, in their order';
COMMENT ON COLUMN shadow_models.scored IS 'Number of predictions that it has scored';
COMMENT ON COLUMN shadow_models.omitted IS
    'Number of predictions that it cannot or need not score: erased, pruned, of a file, of its own or of another portfolio';
COMMENT ON COLUMN shadow_models.scorer IS 'Process that scores with it; another one takes over when this one is lost';
COMMENT ON COLUMN shadow_models.seen_at IS 'Time at which that process last wrote this row';
COMMENT ON COLUMN shadow_models.error IS 'Why it does not score';
COMMENT ON COLUMN shadow_models.comparison IS 'The last comparison with the champion on matured outcomes';
COMMENT ON COLUMN shadow_models.compared_at IS 'Time of that comparison';

CREATE TABLE shadow_predictions (
    request_id uuid NOT NULL,
    position integer NOT NULL,
    model_version text NOT NULL REFERENCES shadow_models,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    decision smallint NOT NULL CHECK (decision IN (0, 1)),
    threshold double precision NOT NULL CHECK (threshold BETWEEN 0 AND 1),
    scored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (request_id, position, model_version)
);
COMMENT ON TABLE shadow_predictions IS
    'What the shadow scored of each prediction, never sent to anyone; it goes with the key of the prediction';
COMMENT ON COLUMN shadow_predictions.request_id IS 'Request of the prediction';
COMMENT ON COLUMN shadow_predictions.position IS 'Index of the prediction within its request';
COMMENT ON COLUMN shadow_predictions.model_version IS 'The shadow';
COMMENT ON COLUMN shadow_predictions.probability IS 'Its PD';
COMMENT ON COLUMN shadow_predictions.decision IS '1 where the PD is at least threshold';
COMMENT ON COLUMN shadow_predictions.threshold IS 'Threshold of the shadow';
COMMENT ON COLUMN shadow_predictions.scored_at IS 'Time of the scoring';
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON shadow_predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A shadow score is no record of a decision, so it is kept only as long as the features that it was made from.
CREATE FUNCTION refuse_kept_shadow() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM deleted JOIN prediction_keys USING (request_id, position) WHERE key IS NOT NULL) THEN
        RAISE EXCEPTION 'shadow_predictions is append-only: DELETE is refused while the prediction has its key'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_kept_shadow() IS 'Trigger: refuses to delete shadow scores of predictions that have a key';
CREATE TRIGGER append_only_rows AFTER DELETE ON shadow_predictions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION refuse_kept_shadow();

CREATE FUNCTION delete_shadow_scores() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM shadow_predictions s USING deleted d
    WHERE (s.request_id, s.position) = (d.request_id, d.position);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION delete_shadow_scores() IS 'Trigger: deletes the shadow scores of pruned predictions';
CREATE TRIGGER delete_shadow_scores AFTER DELETE ON prediction_keys
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION delete_shadow_scores();
