-- Alerts that the platform has raised and what became of them. An alert is one row, however often it is sent again, and
-- each outcome of sending it is recorded once, so that a receiver that is down for days adds one row per alert.

CREATE TABLE alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE CHECK (key <> ''),
    kind text NOT NULL CHECK (kind IN ('hold', 'run_failed', 'drift')),
    subject text NOT NULL CHECK (subject <> ''),
    title text NOT NULL CHECK (title <> ''),
    text text NOT NULL CHECK (text <> ''),
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX alerts_by_time ON alerts (raised_at);
COMMENT ON TABLE alerts IS 'Alerts, one row per occasion; append-only, without any value of an application';
COMMENT ON COLUMN alerts.key IS 'Identity of the occasion, which the receiver gets too';
COMMENT ON COLUMN alerts.kind IS 'Retraining on HOLD, a failed run, or drift of partitions';
COMMENT ON COLUMN alerts.subject IS 'Champion of the HOLD, job and partition of the run, or newest partition that drifts';
COMMENT ON COLUMN alerts.title IS 'One line';
COMMENT ON COLUMN alerts.text IS 'What happened and what comes next';
COMMENT ON COLUMN alerts.raised_at IS 'When it was raised';

CREATE TABLE alert_deliveries (
    alert bigint NOT NULL REFERENCES alerts ON DELETE CASCADE,
    outcome text NOT NULL CHECK (outcome IN ('delivered', 'unreachable', 'refused', 'not_started', 'failed')),
    channel text NOT NULL CHECK (channel IN ('log', 'webhook', 'command')),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (alert, outcome)
);
COMMENT ON TABLE alert_deliveries IS 'What became of sending an alert, the first time of each outcome; append-only';
COMMENT ON COLUMN alert_deliveries.alert IS 'The alert';
COMMENT ON COLUMN alert_deliveries.outcome IS
    'Delivered; webhook unreachable or refused (status); command not started (or out of time) or failed (exit code)';
COMMENT ON COLUMN alert_deliveries.channel IS 'Through what; the log alone where ALERT_TO is unset';
COMMENT ON COLUMN alert_deliveries.at IS 'When';

CREATE TABLE pruned_alerts (
    kind text NOT NULL,
    alerts bigint NOT NULL CHECK (alerts > 0),
    delivered bigint NOT NULL,
    failed bigint NOT NULL,
    first_raised_at timestamptz NOT NULL,
    last_raised_at timestamptz NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, deleted_at)
);
COMMENT ON TABLE pruned_alerts IS 'Tombstones of deleted alerts, one row per kind and deletion; append-only';
COMMENT ON COLUMN pruned_alerts.kind IS 'Kind of the alerts';
COMMENT ON COLUMN pruned_alerts.alerts IS 'Number of deleted alerts';
COMMENT ON COLUMN pruned_alerts.delivered IS 'How many of them were delivered';
COMMENT ON COLUMN pruned_alerts.failed IS 'How many of them could not be delivered at least once';
COMMENT ON COLUMN pruned_alerts.first_raised_at IS 'Time of the earliest one';
COMMENT ON COLUMN pruned_alerts.last_raised_at IS 'Time of the latest one';
COMMENT ON COLUMN pruned_alerts.deleted_at IS 'Start of the transaction that deleted the rows';

CREATE VIEW alert_states AS
SELECT a.id, a.key, a.kind, a.subject, a.title, a.text, a.raised_at,
    d.at AS delivered_at, d.channel AS delivered_through, f.outcome AS failure, f.channel AS failed_through
FROM alerts a
LEFT JOIN alert_deliveries d ON d.alert = a.id AND d.outcome = 'delivered'
LEFT JOIN LATERAL (SELECT outcome, channel FROM alert_deliveries
    WHERE alert = a.id AND outcome <> 'delivered' ORDER BY at DESC LIMIT 1) f ON true;
COMMENT ON VIEW alert_states IS 'Alerts with their delivery and their newest kind of failure';
COMMENT ON COLUMN alert_states.key IS 'Identity of the occasion';
COMMENT ON COLUMN alert_states.kind IS 'Kind of the alert';
COMMENT ON COLUMN alert_states.subject IS 'What it is about';
COMMENT ON COLUMN alert_states.title IS 'One line';
COMMENT ON COLUMN alert_states.text IS 'What happened and what comes next';
COMMENT ON COLUMN alert_states.raised_at IS 'When it was raised';
COMMENT ON COLUMN alert_states.delivered_at IS 'When it was delivered; null: it was not';
COMMENT ON COLUMN alert_states.delivered_through IS 'Through what it was delivered';
COMMENT ON COLUMN alert_states.failure IS 'Newest kind of failure; null: no attempt has failed';
COMMENT ON COLUMN alert_states.failed_through IS 'Through what that attempt was made';

-- An alert of a week ago is no news; and of those on a state, HOLD or drift, the newest one says what there is to say.
CREATE VIEW undelivered_alerts AS
SELECT id FROM alert_states s
WHERE delivered_at IS NULL AND raised_at > now() - interval '7 days'
    AND (kind = 'run_failed' OR NOT EXISTS (SELECT FROM alerts n WHERE n.kind = s.kind AND n.id > s.id));
COMMENT ON VIEW undelivered_alerts IS 'Alerts that are still to be delivered';

CREATE VIEW alert_counts AS
SELECT kind, sum(alerts)::bigint AS alerts, sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed
FROM (
    SELECT kind, count(*) AS alerts, count(delivered_at) AS delivered, count(failure) AS failed
    FROM alert_states GROUP BY kind
    UNION ALL
    SELECT kind, alerts, delivered, failed FROM pruned_alerts
) counted
GROUP BY kind;
COMMENT ON COLUMN alert_counts.kind IS 'Kind of the alerts';
COMMENT ON COLUMN alert_counts.alerts IS 'Number of alerts';
COMMENT ON COLUMN alert_counts.delivered IS 'How many of them were delivered';
COMMENT ON COLUMN alert_counts.failed IS 'How many of them could not be delivered at least once';
COMMENT ON VIEW alert_counts IS 'Alerts of all time by kind, those included that retention has deleted';

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON alerts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON alert_deliveries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pruned_alerts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_unrecorded_alert_deletion() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT kind, count(*), min(raised_at), max(raised_at) FROM deleted GROUP BY kind
        EXCEPT
        SELECT kind, alerts, first_raised_at, last_raised_at FROM pruned_alerts WHERE deleted_at = now()
    ) THEN
        RAISE EXCEPTION 'alerts is append-only: DELETE is refused without its tombstone; use prune_alerts'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_unrecorded_alert_deletion() IS
    'Trigger: refuses to delete alerts that pruned_alerts does not record in the same transaction';
CREATE TRIGGER append_only_rows AFTER DELETE ON alerts
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION refuse_unrecorded_alert_deletion();

-- The outcomes of an alert go with it, when it is not there any more; on their own they stay.
CREATE FUNCTION refuse_deletion_before_the_alert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM alerts WHERE id = OLD.alert) THEN
        RAISE EXCEPTION 'alert_deliveries is append-only: DELETE is refused; use prune_alerts'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION refuse_deletion_before_the_alert() IS 'Trigger: refuses to delete the outcomes of an alert that is kept';
CREATE TRIGGER append_only_rows BEFORE DELETE ON alert_deliveries
    FOR EACH ROW EXECUTE FUNCTION refuse_deletion_before_the_alert();

CREATE FUNCTION prune_alerts(before timestamptz) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    pruned bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema || '.prune_alerts', 0));
    INSERT INTO pruned_alerts (kind, alerts, delivered, failed, first_raised_at, last_raised_at)
    SELECT kind, count(*), count(delivered_at), count(failure), min(raised_at), max(raised_at)
    FROM alert_states WHERE raised_at < before GROUP BY kind;
    DELETE FROM alerts WHERE raised_at < before;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$;
COMMENT ON FUNCTION prune_alerts IS 'Deletes the alerts raised before a time and records their tombstones; their number';
