-- A replay evaluates with what was known on an earlier day. It is no news of a model that was evaluated on what is known
-- now: the retraining rule, status, console and service go by the evaluations that count.

CREATE VIEW counted_evaluations AS
SELECT p.*
FROM model_performance p
WHERE NOT EXISTS (SELECT FROM evaluation_inputs i WHERE i.evaluation = p.id AND i.inputs ->> 'as_of' IS NOT NULL)
    -- Of a model that was only ever evaluated in a replay, this is all there is.
    OR NOT EXISTS (
        SELECT FROM model_performance o LEFT JOIN evaluation_inputs i ON i.evaluation = o.id
        WHERE o.model_version = p.model_version AND i.inputs ->> 'as_of' IS NULL);
COMMENT ON VIEW counted_evaluations IS
    'Evaluations among which the newest of a model is looked for: without the replays of an earlier data cutoff, unless '
    'the model has no other';

CREATE OR REPLACE VIEW retraining_evaluations AS
SELECT DISTINCT ON (model_version, snapshot_hash)
    model_version AS version, snapshot_hash AS snapshot, rows, positives,
    coalesce(f1, 'NaN') AS f1,
    coalesce((intervals -> 'f1' ->> 0)::double precision, 'NaN') AS f1_low,
    coalesce((intervals -> 'f1' ->> 1)::double precision, 'NaN') AS f1_high,
    evaluated_at, window_from, window_to,
    coalesce((intervals -> 'roc_auc' ->> 0)::double precision, 'NaN') AS roc_auc_low,
    coalesce((intervals -> 'roc_auc' ->> 1)::double precision, 'NaN') AS roc_auc_high
FROM counted_evaluations
ORDER BY model_version, snapshot_hash, evaluated_at DESC, id DESC;
