-- Hash chains over the last records that cannot be computed again: alerts with their deliveries, and which models lost
-- their files to retention. Triggers write all links, and no table gains or loses a column, so that the release before
-- this one runs on the migrated database. docs/verification.md says what `loan-default verify` proves with them.

CREATE OR REPLACE FUNCTION linked_columns(chain text) RETURNS text[] LANGUAGE sql IMMUTABLE RETURN CASE chain
    WHEN 'model_metadata' THEN ARRAY['version', 'kind', 'parent', 'portfolio_hash', 'snapshot_hash', 'attempt',
        'hyper_parameters', 'threshold', 'metrics', 'trained_from', 'trained_to', 'window_from', 'window_to',
        'artifact_uri', 'artifact_sha256', 'created_at']
    WHEN 'model_performance' THEN ARRAY['id', 'model_version', 'role', 'snapshot_hash', 'window_from', 'window_to',
        'rows', 'positives', 'metrics', 'intervals', 'baseline', 'verdict', 'reason', 'compared_with', 'evaluated_at']
    WHEN 'evaluation_inputs' THEN ARRAY['evaluation', 'inputs']
    WHEN 'pruned_predictions' THEN ARRAY['month', 'model_version', 'deleted_at', 'rows', 'pd_sum', 'sha256',
        'first_created_at', 'last_created_at']
    WHEN 'pruned_links' THEN ARRAY['month', 'model_version', 'deleted_at', 'chain', 'links']
    WHEN 'oversight_records' THEN ARRAY['id', 'action', 'actor', 'reason', 'recorded_at', 'after_decision', 'version',
        'proposal', 'request_id', 'position', 'decision', 'idempotency_key', 'details']
    WHEN 'evaluation_grades' THEN ARRAY['evaluation', 'bounds']
    WHEN 'erasures' THEN ARRAY['subject_sha256', 'erased_at', 'predictions', 'rows', 'refused_records']
    WHEN 'scored_partitions' THEN ARRAY['partition_key', 'model_version', 'features_sha256', 'sha256', 'feature_hash',
        'rows', 'pd_sum', 'scored_at']
    -- Without the record: sha256 stands for it, and erased_records where an erasure has changed it.
    WHEN 'refused_predictions' THEN ARRAY['sha256', 'reason', 'refused_at']
    WHEN 'erased_records' THEN ARRAY['sha256', 'erased_at', 'record_sha256']
    WHEN 'erased_scores' THEN ARRAY['partition_key', 'erased_at', 'model_version', 'rows', 'sha256']
    WHEN 'chain_starts' THEN ARRAY['chain', 'began_at', 'earlier_rows']
    -- Retention deletes alerts: with kind and time in the record of the link, a tombstone can be compared with it.
    WHEN 'alerts' THEN ARRAY['id', 'kind', 'raised_at', 'key', 'subject', 'title', 'text']
    WHEN 'alert_deliveries' THEN ARRAY['alert', 'outcome', 'channel', 'at']
    WHEN 'pruned_alerts' THEN ARRAY['kind', 'deleted_at', 'alerts', 'delivered', 'failed', 'first_raised_at',
        'last_raised_at']
    -- A version that is trained again loses its row, and may be pruned again: the time is part of the record.
    WHEN 'pruned_models' THEN ARRAY['version', 'pruned_at', 'bytes']
END;

CREATE OR REPLACE FUNCTION linked_key_length(chain text) RETURNS integer LANGUAGE sql IMMUTABLE RETURN CASE chain
    WHEN 'pruned_predictions' THEN 3 WHEN 'pruned_links' THEN 4 WHEN 'erasures' THEN 2 WHEN 'scored_partitions' THEN 4
    WHEN 'erased_records' THEN 2 WHEN 'erased_scores' THEN 2 WHEN 'alerts' THEN 3 WHEN 'alert_deliveries' THEN 2
    WHEN 'pruned_alerts' THEN 2 WHEN 'pruned_models' THEN 2 ELSE 1 END;

LOCK TABLE alerts, alert_deliveries, pruned_alerts, pruned_models IN SHARE ROW EXCLUSIVE MODE;

INSERT INTO chain_starts (chain, earlier_rows)
SELECT * FROM (
    SELECT 'alerts', count(*) FROM alerts
    UNION ALL SELECT 'alert_deliveries', count(*) FROM alert_deliveries
    UNION ALL SELECT 'pruned_alerts', count(*) FROM pruned_alerts
    UNION ALL SELECT 'pruned_models', count(*) FROM pruned_models
) counted (name, rows) WHERE rows > 0;
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT * FROM alerts ORDER BY id LOOP
        PERFORM append_record_link('alerts', each);
    END LOOP;
    FOR each IN SELECT * FROM alert_deliveries ORDER BY at, alert LOOP
        PERFORM append_record_link('alert_deliveries', each);
    END LOOP;
    FOR each IN SELECT * FROM pruned_alerts ORDER BY deleted_at, kind LOOP
        PERFORM append_record_link('pruned_alerts', each);
    END LOOP;
    FOR each IN SELECT * FROM pruned_models ORDER BY pruned_at, version LOOP
        PERFORM append_record_link('pruned_models', each);
    END LOOP;
END $$;

CREATE TRIGGER linked AFTER INSERT ON alerts FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON alert_deliveries FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON pruned_alerts FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON pruned_models FOR EACH ROW EXECUTE FUNCTION link_record();

-- A row is added when files are deleted, and deleted when the version is trained again; nothing else happens to it.
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON pruned_models
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
