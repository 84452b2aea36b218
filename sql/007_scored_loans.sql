-- Batch scores: the PD of every loan of a partition by the champion, replaced as a whole, and where they came from. The
-- table is divided by year, so that a year is deleted by dropping a table. The release before this one does not read it.

CREATE TABLE scored_loans (
    partition_key text COLLATE "C" NOT NULL,
    loan_id text COLLATE "C" NOT NULL,
    model_version text NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    decision smallint NOT NULL CHECK (decision IN (0, 1)),
    PRIMARY KEY (partition_key, loan_id)
) PARTITION BY RANGE (partition_key);
CREATE TABLE scored_loans_undated PARTITION OF scored_loans DEFAULT;
COMMENT ON TABLE scored_loans IS 'PDs of the loans in processed_data; a partition is replaced as a whole';
COMMENT ON COLUMN scored_loans.partition_key IS 'Partition of processed_data';
COMMENT ON COLUMN scored_loans.loan_id IS 'Key of the loan at the source';
COMMENT ON COLUMN scored_loans.model_version IS 'Version of the model that scored the loan';
COMMENT ON COLUMN scored_loans.probability IS 'PD: calibrated probability of default';
COMMENT ON COLUMN scored_loans.decision IS '1: PD at or above the threshold of the model, 0: below';

CREATE TABLE scored_partitions (
    partition_key text COLLATE "C" NOT NULL,
    model_version text NOT NULL REFERENCES model_metadata,
    feature_hash text NOT NULL,
    features_sha256 text NOT NULL,
    rows bigint NOT NULL CHECK (rows >= 0),
    pd_sum double precision NOT NULL,
    sha256 text NOT NULL,
    scored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (partition_key, model_version, features_sha256, sha256)
);
COMMENT ON TABLE scored_partitions IS
    'Provenance of batch scores, one row per partition, model version and content; append-only';
COMMENT ON COLUMN scored_partitions.partition_key IS 'Partition of scored_loans';
COMMENT ON COLUMN scored_partitions.model_version IS 'Version of the model that scored it';
COMMENT ON COLUMN scored_partitions.feature_hash IS
    'First 16 digits of the hash of the portfolio under which the features were computed';
COMMENT ON COLUMN scored_partitions.features_sha256 IS 'SHA-256 over the loan ids and features that were scored';
COMMENT ON COLUMN scored_partitions.rows IS 'Number of loans';
COMMENT ON COLUMN scored_partitions.pd_sum IS 'Sum of the PDs: the expected number of defaults';
COMMENT ON COLUMN scored_partitions.sha256 IS 'SHA-256 over loan id, PD and decision of every row, by loan id';
COMMENT ON COLUMN scored_partitions.scored_at IS 'Time of the first scoring with this result';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON scored_partitions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE scored_loans_undated IS 'The scores of a portfolio without dates';
COMMENT ON COLUMN scored_loans_undated.partition_key IS 'Partition of processed_data';
COMMENT ON COLUMN scored_loans_undated.loan_id IS 'Key of the loan at the source';
COMMENT ON COLUMN scored_loans_undated.model_version IS 'Version of the model that scored the loan';
COMMENT ON COLUMN scored_loans_undated.probability IS 'PD: calibrated probability of default';
COMMENT ON COLUMN scored_loans_undated.decision IS '1: PD at or above the threshold of the model, 0: below';
