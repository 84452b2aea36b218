-- Drift of partitions against the rows of a training, and F1 expected before outcomes are known. Both can be computed
-- again from the loans and the model; they are stored for those who read them without a model.

CREATE TABLE drift_checks (
    model_version text NOT NULL,
    partition_key text NOT NULL,
    pooled_from text NOT NULL,
    rows bigint NOT NULL,
    features jsonb NOT NULL,
    score jsonb,
    checked_at timestamptz NOT NULL DEFAULT now(),
    alerted_at timestamptz,
    PRIMARY KEY (model_version, partition_key)
);
COMMENT ON TABLE drift_checks IS 'Partitions compared with the rows that a model was trained on, one row per model and partition';
COMMENT ON COLUMN drift_checks.partition_key IS 'Newest partition of the compared rows';
COMMENT ON COLUMN drift_checks.pooled_from IS 'Oldest partition of them; earlier than the newest one where that has too few rows';
COMMENT ON COLUMN drift_checks.rows IS 'Compared rows';
COMMENT ON COLUMN drift_checks.features IS
    'PSI of every feature as a list of name, psi, limit and light; empty: too few rows';
COMMENT ON COLUMN drift_checks.score IS 'PSI of the PD, written by an evaluation; null: not compared yet, or too few rows';
COMMENT ON COLUMN drift_checks.checked_at IS 'Time of the last comparison';
COMMENT ON COLUMN drift_checks.alerted_at IS 'Time at which an alert of this partition was delivered; null: none was';

CREATE TABLE f1_estimates (
    model_version text NOT NULL,
    first_partition text NOT NULL,
    last_partition text NOT NULL,
    rows bigint NOT NULL,
    estimate double precision,
    low double precision,
    high double precision,
    outcomes bigint NOT NULL,
    measured double precision,
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_version, first_partition)
);
COMMENT ON TABLE f1_estimates IS
    'F1 expected from PDs and F1 measured, one row per model and block of consecutive partitions after its training';
COMMENT ON COLUMN f1_estimates.first_partition IS 'First partition of the block';
COMMENT ON COLUMN f1_estimates.last_partition IS 'Last partition of the block';
COMMENT ON COLUMN f1_estimates.rows IS 'Scored loans of the block';
COMMENT ON COLUMN f1_estimates.estimate IS 'Expected F1 of the default class; null: no default is predicted or expected';
COMMENT ON COLUMN f1_estimates.low IS 'Lower 95 % bound';
COMMENT ON COLUMN f1_estimates.high IS 'Upper 95 % bound';
COMMENT ON COLUMN f1_estimates.outcomes IS 'Loans of the block whose outcome counts by the data cutoff';
COMMENT ON COLUMN f1_estimates.measured IS 'F1 on these outcomes, once all of the block have matured; null before';
COMMENT ON COLUMN f1_estimates.computed_at IS 'Time of the last estimate';
