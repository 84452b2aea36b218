-- The replicas of the service: what each worker serves, and the message that makes all of them read the champion again.

-- Unlogged: every worker writes its row again within a second, so nothing is lost with the rows.
CREATE UNLOGGED TABLE service_workers (
    worker text PRIMARY KEY,
    replica text NOT NULL,
    pid integer NOT NULL,
    desired_version text,
    loaded_version text,
    loaded_at timestamptz,
    error text,
    handled_reload bigint NOT NULL,
    lost_after_seconds double precision NOT NULL CHECK (lost_after_seconds > 0),
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE service_workers IS 'Worker processes of the service on all hosts; each one updates its own row';
COMMENT ON COLUMN service_workers.worker IS 'Name of the process, unique over all hosts';
COMMENT ON COLUMN service_workers.replica IS 'Host or pod and HTTP port of the service that the worker belongs to';
COMMENT ON COLUMN service_workers.pid IS 'Its process id on that host';
COMMENT ON COLUMN service_workers.desired_version IS 'Version that it last read as the champion';
COMMENT ON COLUMN service_workers.loaded_version IS 'Version that it serves; null before the first one';
COMMENT ON COLUMN service_workers.loaded_at IS 'Time at which it loaded that version, as its host has it';
COMMENT ON COLUMN service_workers.error IS 'Why it does not serve the champion, or could not after a restart';
COMMENT ON COLUMN service_workers.handled_reload IS
    'Newest number of service_reload_requests after which it has read the champion';
COMMENT ON COLUMN service_workers.lost_after_seconds IS 'Age of seen_at from which the worker counts as lost';
COMMENT ON COLUMN service_workers.seen_at IS 'Time at which it last wrote this row, as the database has it';

CREATE SEQUENCE service_reload_requests;
COMMENT ON SEQUENCE service_reload_requests IS 'Numbers the requests that all workers read the champion now';

-- The payload is the name of the portfolio's schema and nothing else. It is sent with the commit of the promotion.
CREATE FUNCTION notify_service() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('loan_default_service', TG_TABLE_SCHEMA);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_service() IS 'Trigger: tells the workers of the service that the champion changed';

CREATE TRIGGER service_notified AFTER UPDATE OF status ON model_metadata FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status = 'champion')
    EXECUTE FUNCTION notify_service();
