-- The retraining rule also asks whether a champion still tells defaults apart: the 95 % interval of its ROC-AUC.
CREATE OR REPLACE VIEW retraining_evaluations AS
SELECT DISTINCT ON (model_version, snapshot_hash)
    model_version AS version, snapshot_hash AS snapshot, rows, positives,
    coalesce(f1, 'NaN') AS f1,
    coalesce((intervals -> 'f1' ->> 0)::double precision, 'NaN') AS f1_low,
    coalesce((intervals -> 'f1' ->> 1)::double precision, 'NaN') AS f1_high,
    evaluated_at, window_from, window_to,
    coalesce((intervals -> 'roc_auc' ->> 0)::double precision, 'NaN') AS roc_auc_low,
    coalesce((intervals -> 'roc_auc' ->> 1)::double precision, 'NaN') AS roc_auc_high
FROM model_performance
ORDER BY model_version, snapshot_hash, evaluated_at DESC, id DESC;
