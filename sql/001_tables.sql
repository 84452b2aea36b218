-- The five tables of one portfolio. The file runs with the portfolio's schema as search path.
-- The portfolio's own columns are added to raw_data afterwards, from the portfolio file.

CREATE TABLE raw_data (
    partition_key text COLLATE "C" NOT NULL,
    loan_id text COLLATE "C" NOT NULL,
    as_of date,
    label smallint CHECK (label IN (0, 1)),
    label_observed_at date,
    PRIMARY KEY (partition_key, loan_id)
);
COMMENT ON TABLE raw_data IS 'Loans as they were delivered, one row a loan and partition; a partition is replaced whole';
COMMENT ON COLUMN raw_data.partition_key IS 'First day of the day, week or month, or snapshot';
COMMENT ON COLUMN raw_data.as_of IS 'The day on which the row was known; null in a snapshot';
COMMENT ON COLUMN raw_data.label IS '1: defaulted, 0: did not, null: not known yet';
COMMENT ON COLUMN raw_data.label_observed_at IS 'The day from which the label counts';

CREATE TABLE processed_data (
    partition_key text COLLATE "C" NOT NULL,
    loan_id text COLLATE "C" NOT NULL,
    as_of date,
    numbers real[] NOT NULL,
    categories smallint[] NOT NULL,
    label smallint CHECK (label IN (0, 1)),
    label_observed_at date,
    feature_hash text COLLATE "C" NOT NULL,
    PRIMARY KEY (partition_key, loan_id)
);
COMMENT ON TABLE processed_data IS 'The same loans as features, unscaled, in the order of the portfolio';
COMMENT ON COLUMN processed_data.numbers IS 'NaN: missing';
COMMENT ON COLUMN processed_data.categories IS '0: missing, 1: unseen, from 2 on: position among the portfolio''s values';
COMMENT ON COLUMN processed_data.feature_hash IS 'First 16 digits of the hash of the portfolio that made the features';

CREATE TABLE model_metadata (
    version text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('encoder', 'classifier')),
    status text NOT NULL DEFAULT 'candidate' CHECK (status IN ('candidate', 'champion', 'retired', 'rejected')),
    parent text REFERENCES model_metadata,
    portfolio_hash text NOT NULL,
    snapshot_hash text NOT NULL,
    attempt integer NOT NULL CHECK (attempt >= 1),
    hyper_parameters jsonb NOT NULL,
    threshold double precision CHECK (threshold BETWEEN 0 AND 1),
    metrics jsonb NOT NULL,
    trained_from date,
    trained_to date,
    window_from date,
    window_to date,
    artifact_uri text NOT NULL,
    artifact_sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    promoted_at timestamptz,
    verdict text,
    reason text,
    CHECK (kind = 'classifier' OR status IN ('candidate', 'rejected')),
    CHECK (kind = 'encoder' OR threshold IS NOT NULL),
    CHECK (status NOT IN ('champion', 'retired') OR (promoted_at IS NOT NULL AND verdict IS NOT NULL))
);
CREATE UNIQUE INDEX one_champion ON model_metadata (status) WHERE status = 'champion';
CREATE UNIQUE INDEX one_model_an_attempt ON model_metadata (coalesce(parent, ''), snapshot_hash, attempt)
    WHERE kind = 'classifier';
COMMENT ON TABLE model_metadata IS 'Every encoder and classifier ever trained; what was trained never changes, its status does';
COMMENT ON COLUMN model_metadata.parent IS 'The champion at the time of training';
COMMENT ON COLUMN model_metadata.promoted_at IS 'When it last became champion';
COMMENT ON COLUMN model_metadata.verdict IS 'The verdict under which it was promoted';

CREATE TABLE model_performance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_version text NOT NULL REFERENCES model_metadata,
    role text NOT NULL CHECK (role IN ('candidate', 'champion')),
    snapshot_hash text NOT NULL,
    window_from date,
    window_to date,
    rows integer NOT NULL CHECK (rows >= 0),
    positives integer NOT NULL CHECK (positives BETWEEN 0 AND rows),
    metrics jsonb NOT NULL,
    intervals jsonb NOT NULL,
    baseline jsonb,
    verdict text NOT NULL,
    reason text NOT NULL DEFAULT '',
    compared_with text REFERENCES model_metadata,
    evaluated_at timestamptz NOT NULL,
    f1 double precision GENERATED ALWAYS AS ((metrics ->> 'f1')::double precision) STORED CHECK (f1 BETWEEN 0 AND 1),
    UNIQUE (model_version, snapshot_hash, role)
);
COMMENT ON TABLE model_performance IS 'Every evaluation: a model on the untouched window of a snapshot';
COMMENT ON COLUMN model_performance.compared_with IS 'The champion that a candidate was judged against, on the same rows';

CREATE TABLE predictions (
    request_id uuid NOT NULL,
    position integer NOT NULL DEFAULT 0 CHECK (position >= 0),
    loan_id text COLLATE "C",
    model_version text NOT NULL REFERENCES model_metadata,
    features jsonb NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    decision smallint NOT NULL CHECK (decision IN (0, 1)),
    threshold double precision NOT NULL CHECK (threshold BETWEEN 0 AND 1),
    reasons jsonb,
    channel text NOT NULL CHECK (channel IN ('http', 'grpc', 'file')),
    latency_ms double precision CHECK (latency_ms >= 0),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (request_id, position)
);
CREATE INDEX predictions_of_a_loan ON predictions (loan_id) WHERE loan_id IS NOT NULL;
COMMENT ON TABLE predictions IS 'Every answered loan, append-only';
COMMENT ON COLUMN predictions.position IS 'Place of the loan within its request';

-- Triggers and not revoked rights, because the tables' owner, as whom the platform usually connects, ignores those.
-- A deletion that the law demands is made by the owner, with the trigger disabled in that transaction.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON model_performance
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_new_past() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decided constant text[] := ARRAY['status', 'promoted_at', 'verdict', 'reason'];
BEGIN
    IF TG_OP <> 'UPDATE' OR to_jsonb(NEW) - decided <> to_jsonb(OLD) - decided THEN
        RAISE EXCEPTION 'a model version never changes: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON model_metadata
    FOR EACH ROW EXECUTE FUNCTION refuse_new_past();
