-- The names and descriptions of the glossary. No table, column, index, trigger or function is renamed, so that the
-- release before this one runs on the migrated database.

-- Renamed and not recreated, so that grants and views of the database's users stay.
ALTER VIEW data_clock RENAME TO data_cutoff;
ALTER VIEW data_cutoff RENAME COLUMN clock TO cutoff;

-- Predictions against the outcomes known by the data cutoff, one row per model version. Of several predictions of a
-- loan by one model version the newest counts; of a loan delivered in several partitions, its newest label.
-- roc_auc is the rank sum of the defaults (Mann-Whitney), with ties counted half.
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

COMMENT ON TABLE raw_data IS
    'Loans as delivered by the source, one row per loan and partition; a partition is replaced as a whole';
COMMENT ON COLUMN raw_data.partition_key IS
    'First day of the period of the portfolio''s cadence, or snapshot for a portfolio without dates';
COMMENT ON COLUMN raw_data.loan_id IS 'Key of the loan at the source';
COMMENT ON COLUMN raw_data.as_of IS 'Date on which the row was known; null for a portfolio without dates';
COMMENT ON COLUMN raw_data.label IS '1: default, 0: no default, null: outcome not known';
COMMENT ON COLUMN raw_data.label_observed_at IS
    'Date from which the label counts; it is matured once the data cutoff reaches it; null: at once';

COMMENT ON TABLE processed_data IS 'Features of the loans in raw_data, unscaled, in the order of the portfolio';
COMMENT ON COLUMN processed_data.partition_key IS 'Partition of raw_data';
COMMENT ON COLUMN processed_data.loan_id IS 'Key of the loan at the source';
COMMENT ON COLUMN processed_data.as_of IS 'Date on which the row was known; null for a portfolio without dates';
COMMENT ON COLUMN processed_data.numbers IS 'Numerical features; NaN: missing';
COMMENT ON COLUMN processed_data.categories IS
    'Categorical features as codes; 0: missing, 1: unknown category, from 2: the portfolio''s values in order';
COMMENT ON COLUMN processed_data.label IS '1: default, 0: no default, null: outcome not known';
COMMENT ON COLUMN processed_data.label_observed_at IS
    'Date from which the label counts; it is matured once the data cutoff reaches it; null: at once';
COMMENT ON COLUMN processed_data.feature_hash IS
    'First 16 digits of the hash of the portfolio under which the features were computed';

COMMENT ON TABLE model_metadata IS
    'Every trained encoder and classifier; only status, promoted_at, verdict and reason ever change';
COMMENT ON COLUMN model_metadata.version IS 'Model version, derived from a hash of the content';
COMMENT ON COLUMN model_metadata.kind IS 'encoder (pretrained) or classifier (fine-tuned)';
COMMENT ON COLUMN model_metadata.status IS
    'candidate: no verdict carried out; champion: serves, at most one; retired: a former champion; rejected';
COMMENT ON COLUMN model_metadata.parent IS 'Version of the champion at the time of training';
COMMENT ON COLUMN model_metadata.portfolio_hash IS 'Hash of the portfolio; rows under another one are not scored';
COMMENT ON COLUMN model_metadata.snapshot_hash IS 'Hash of the training snapshot: the exact rows of the training';
COMMENT ON COLUMN model_metadata.attempt IS 'Number of the attempt on this snapshot under this champion, from 1';
COMMENT ON COLUMN model_metadata.hyper_parameters IS 'Settings of the training, with the seed';
COMMENT ON COLUMN model_metadata.threshold IS 'PD from which the decision is 1; null for an encoder';
COMMENT ON COLUMN model_metadata.metrics IS 'Figures of the training, by name';
COMMENT ON COLUMN model_metadata.trained_from IS 'First as_of of the training and validation rows';
COMMENT ON COLUMN model_metadata.trained_to IS 'Last as_of of the training and validation rows';
COMMENT ON COLUMN model_metadata.window_from IS 'First as_of of the evaluation window';
COMMENT ON COLUMN model_metadata.window_to IS 'Last as_of of the evaluation window';
COMMENT ON COLUMN model_metadata.artifact_uri IS 'Location of the artifact';
COMMENT ON COLUMN model_metadata.artifact_sha256 IS 'SHA-256 of the artifact, checked at every load';
COMMENT ON COLUMN model_metadata.created_at IS 'Time of registration';
COMMENT ON COLUMN model_metadata.promoted_at IS 'Time of the last promotion to champion';
COMMENT ON COLUMN model_metadata.verdict IS 'Promotion verdict under which the version became champion';
COMMENT ON COLUMN model_metadata.reason IS 'Reason of the last change of status';

COMMENT ON TABLE model_performance IS
    'Every evaluation of a model on the evaluation window of a training snapshot, append-only';
COMMENT ON COLUMN model_performance.role IS 'Role of the model in the evaluation';
COMMENT ON COLUMN model_performance.snapshot_hash IS
    'Hash of the training snapshot that the evaluation window is part of';
COMMENT ON COLUMN model_performance.window_from IS 'First as_of of the evaluation window';
COMMENT ON COLUMN model_performance.window_to IS 'Last as_of of the evaluation window';
COMMENT ON COLUMN model_performance.rows IS 'Rows of the evaluation window';
COMMENT ON COLUMN model_performance.positives IS 'Defaults in the evaluation window';
COMMENT ON COLUMN model_performance.metrics IS 'Metrics by name; null: not defined on these rows';
COMMENT ON COLUMN model_performance.intervals IS 'Lower and upper 95 % bound by metric';
COMMENT ON COLUMN model_performance.baseline IS 'Name and metrics of the reference model on the same rows';
COMMENT ON COLUMN model_performance.verdict IS 'Promotion verdict of the evaluation';
COMMENT ON COLUMN model_performance.reason IS 'Sentences that justify the verdict';
COMMENT ON COLUMN model_performance.compared_with IS
    'For a candidate, version of the champion that was evaluated on the same rows';
COMMENT ON COLUMN model_performance.evaluated_at IS 'Time of the evaluation';
COMMENT ON COLUMN model_performance.f1 IS 'F1 of the default class at the threshold stored with the model';

COMMENT ON TABLE predictions IS 'The prediction log: every scored application, append-only';
COMMENT ON COLUMN predictions.request_id IS 'Identifier of the request';
COMMENT ON COLUMN predictions.position IS 'Index of the application within its request, from 0';
COMMENT ON COLUMN predictions.loan_id IS 'Key of the loan, where the request names it; live performance needs it';
COMMENT ON COLUMN predictions.model_version IS 'Version of the model that scored the application';
COMMENT ON COLUMN predictions.features IS 'Values that were scored, by column of the portfolio';
COMMENT ON COLUMN predictions.probability IS 'PD: calibrated probability of default';
COMMENT ON COLUMN predictions.decision IS '1: PD at or above the threshold, 0: below';
COMMENT ON COLUMN predictions.threshold IS 'Threshold stored with the model';
COMMENT ON COLUMN predictions.reasons IS 'Reason codes: the features that contributed most to the decision';
COMMENT ON COLUMN predictions.channel IS 'Origin of the request: http, grpc or file';
COMMENT ON COLUMN predictions.latency_ms IS 'Time from the request to its response in milliseconds; null for a file';
COMMENT ON COLUMN predictions.created_at IS 'Time of the prediction';

COMMENT ON VIEW data_cutoff IS
    'The data cutoff: the day after the newest as_of in processed_data; data count as known up to it';
COMMENT ON VIEW live_performance IS
    'Predictions against the outcomes known by the data cutoff, one row per model version';
COMMENT ON VIEW labels_by_day IS 'Labels per day from which they count, for the retraining policy';
COMMENT ON VIEW retraining_models IS
    'Every classifier with its matured labels at the time of training and the verdict of its own evaluation';
COMMENT ON VIEW retraining_evaluations IS
    'Newest evaluation per model version and training snapshot, with the 95 % intervals of F1 and ROC-AUC';

COMMENT ON FUNCTION refuse_change() IS 'Trigger: refuses every change of an append-only table';
COMMENT ON FUNCTION refuse_new_past() IS
    'Trigger: refuses to delete a model version, and to change anything but status, promoted_at, verdict and reason';
