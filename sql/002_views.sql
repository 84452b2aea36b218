-- What is derived from the five tables and therefore kept nowhere.

-- The end of the newest day that has rows. Keys of partitions sort by time, so only the newest one is read.
CREATE VIEW data_clock AS
SELECT max(as_of) + 1 AS clock
FROM processed_data
WHERE partition_key = (SELECT max(partition_key) FROM processed_data);

-- Served predictions against the outcomes known by now, one row a model. A loan that a model scored more than
-- once counts with its last score; one that was delivered in several partitions, with its newest label.
-- roc_auc is the rank sum of the defaults (Mann-Whitney), ties at half.
CREATE VIEW live_performance AS
WITH scored AS (
    SELECT DISTINCT ON (model_version, loan_id) model_version, loan_id, probability, decision, created_at
    FROM predictions
    WHERE loan_id IS NOT NULL
    ORDER BY model_version, loan_id, created_at DESC, request_id, position
), outcome AS (
    SELECT DISTINCT ON (loan_id) loan_id, label
    FROM raw_data
    WHERE label IS NOT NULL
        AND (label_observed_at IS NULL OR label_observed_at <= (SELECT clock FROM data_clock))
    ORDER BY loan_id, partition_key DESC
), judged AS (
    SELECT model_version, probability, decision, created_at, label,
        rank() OVER (PARTITION BY model_version ORDER BY probability)
            + (count(*) OVER (PARTITION BY model_version, probability) - 1) / 2.0 AS rank
    FROM scored JOIN outcome USING (loan_id)
), counted AS (
    SELECT model_version,
        count(*) AS rows,
        sum(label) AS positives,
        count(*) FILTER (WHERE decision = 1 AND label = 1) AS caught,
        count(*) FILTER (WHERE decision = 1) AS flagged,
        count(*) FILTER (WHERE decision = label) AS right_decisions,
        avg((probability - label) ^ 2) AS brier,
        sum(rank) FILTER (WHERE label = 1) AS rank_sum,
        min(created_at) AS first_scored_at,
        max(created_at) AS last_scored_at
    FROM judged
    GROUP BY model_version
)
SELECT model_version, rows, positives,
    2.0 * caught / nullif(flagged + positives, 0) AS f1,
    1.0 * caught / nullif(flagged, 0) AS precision,
    1.0 * caught / nullif(positives, 0) AS recall,
    1.0 * right_decisions / rows AS accuracy,
    (rank_sum - positives * (positives + 1) / 2.0) / nullif(positives * (rows - positives), 0) AS roc_auc,
    brier, first_scored_at, last_scored_at
FROM counted;

-- The retraining rule's facts, beside the clock. An outcome counts from label_observed_at on; null: at once.
CREATE VIEW labels_by_day AS
SELECT feature_hash, label_observed_at, count(*) AS labels
FROM processed_data
WHERE label IS NOT NULL
GROUP BY feature_hash, label_observed_at;

-- Every classifier. labels: matured labels when it was trained; verdict: of its own evaluation.
CREATE VIEW retraining_models AS
SELECT m.version, m.parent, m.snapshot_hash AS snapshot, m.attempt,
    coalesce((m.metrics ->> 'matured_labels')::bigint, 0) AS labels,
    m.status, m.created_at, m.promoted_at, p.verdict, m.portfolio_hash
FROM model_metadata m
LEFT JOIN LATERAL (
    SELECT verdict FROM model_performance
    WHERE model_version = m.version AND role = 'candidate'
    ORDER BY evaluated_at DESC, id DESC LIMIT 1
) p ON true
WHERE m.kind = 'classifier';

-- Every evaluation, one row a model and snapshot, with the 95 % interval of F1.
CREATE VIEW retraining_evaluations AS
SELECT DISTINCT ON (model_version, snapshot_hash)
    model_version AS version, snapshot_hash AS snapshot, rows, positives,
    coalesce(f1, 'NaN') AS f1,
    coalesce((intervals -> 'f1' ->> 0)::double precision, 'NaN') AS f1_low,
    coalesce((intervals -> 'f1' ->> 1)::double precision, 'NaN') AS f1_high,
    evaluated_at, window_from, window_to
FROM model_performance
ORDER BY model_version, snapshot_hash, evaluated_at DESC, id DESC;
