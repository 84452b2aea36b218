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

-- All that a decision to retrain needs, as of a day of data time; exactly one row. `features` limits the labels
-- to one portfolio hash (its first 16 digits). Null for `known_by`: every label counts, as in a snapshot.
-- new_labels: matured labels that the newest classifier trained under this champion, or the champion, did not
-- see, told by as_of after the end of that model's window. evaluations: of the champion, on its last two
-- snapshots, newest first. reference: its evaluation as a candidate. attempts: all classifiers trained under it,
-- oldest first, with the F1 and verdict each had.
CREATE FUNCTION retraining_inputs_at(known_by date, features text DEFAULT NULL) RETURNS TABLE (
    champion text, threshold double precision, verdict text, promoted_at timestamptz,
    trained_to date, seen_to date, new_labels bigint, new_positives bigint,
    evaluations jsonb, reference jsonb, attempts jsonb
) LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH champion AS (
        SELECT version, threshold, verdict, promoted_at, trained_to, window_to
        FROM model_metadata WHERE status = 'champion'
    ), tried AS (
        SELECT m.version, m.attempt, m.snapshot_hash, m.status, m.created_at, m.window_to, p.f1, p.verdict
        FROM model_metadata m
        LEFT JOIN model_performance p
            ON p.model_version = m.version AND p.snapshot_hash = m.snapshot_hash AND p.role = 'candidate'
        WHERE m.kind = 'classifier' AND m.parent IS NOT DISTINCT FROM (SELECT version FROM champion)
    ), seen AS (
        SELECT greatest((SELECT window_to FROM champion), (SELECT max(window_to) FROM tried)) AS seen_to
    ), fresh AS (
        SELECT count(*) AS labels, coalesce(sum(d.label), 0) AS positives
        FROM processed_data d, seen
        WHERE d.label IS NOT NULL
            AND (known_by IS NULL OR d.label_observed_at IS NULL OR d.label_observed_at <= known_by)
            AND (features IS NULL OR d.feature_hash = features)
            -- A partition is a month at most: the second line lets the primary key skip the older ones.
            AND (seen.seen_to IS NULL OR (d.as_of > seen.seen_to
                AND d.partition_key >= to_char(seen.seen_to - 31, 'YYYY-MM-DD')))
    ), judged AS (
        SELECT p.* FROM model_performance p JOIN champion c ON c.version = p.model_version
    ), windows AS (
        SELECT DISTINCT ON (snapshot_hash) id, role, snapshot_hash, window_from, window_to, rows, positives, f1,
            intervals -> 'f1' AS f1_interval, verdict, evaluated_at
        FROM judged ORDER BY snapshot_hash, evaluated_at DESC, id DESC
    )
    SELECT c.version, c.threshold, c.verdict, c.promoted_at, c.trained_to, seen.seen_to,
        fresh.labels, fresh.positives,
        (SELECT coalesce(jsonb_agg(to_jsonb(newest) - 'id' ORDER BY evaluated_at DESC, id DESC), '[]')
            FROM (SELECT * FROM windows ORDER BY evaluated_at DESC, id DESC LIMIT 2) newest),
        (SELECT jsonb_build_object('f1', f1, 'f1_interval', intervals -> 'f1', 'rows', rows, 'positives', positives,
                'snapshot_hash', snapshot_hash)
            FROM judged WHERE role = 'candidate' ORDER BY evaluated_at DESC, id DESC LIMIT 1),
        (SELECT coalesce(jsonb_agg(to_jsonb(tried) - 'window_to' ORDER BY created_at, attempt), '[]') FROM tried)
    FROM seen CROSS JOIN fresh LEFT JOIN champion c ON true;
END;

CREATE VIEW retraining_inputs AS
SELECT i.* FROM retraining_inputs_at((SELECT clock FROM data_clock)) i;
