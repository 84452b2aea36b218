-- Who decided what, when and why, besides the decisions on champions that champion_decisions holds: proposals of
-- promotions and their approvals, changes of the policy, overrides of decisions, and rescorings of corrected data.
-- Nothing is required unless a recorded policy asks for approvals, so the release before this one runs on the migrated
-- database. docs/approvals.md says what people see of it.

CREATE FUNCTION last_champion_decision() RETURNS bigint LANGUAGE sql STABLE SET search_path FROM CURRENT
    RETURN (SELECT coalesce(max(id), 0) FROM champion_decisions);
COMMENT ON FUNCTION last_champion_decision() IS 'Number of the last decision on a champion; 0 before the first';

CREATE TABLE oversight_records (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action text NOT NULL CHECK (action IN ('promotion proposed', 'promotion approved', 'promotion declined',
        'policy proposed', 'policy changed', 'decision overridden', 'application rescored')),
    actor text NOT NULL CHECK (actor <> ''),
    reason text NOT NULL CHECK (reason <> ''),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    after_decision bigint NOT NULL DEFAULT last_champion_decision(),
    version text REFERENCES model_metadata,
    proposal bigint REFERENCES oversight_records,
    request_id uuid,
    position integer CHECK (position >= 0),
    decision smallint CHECK (decision IN (0, 1)),
    idempotency_key uuid UNIQUE,
    details jsonb NOT NULL DEFAULT '{}',
    CHECK ((proposal IS NOT NULL) = (action IN ('promotion approved', 'promotion declined'))),
    CHECK ((version IS NULL) = (action IN ('policy proposed', 'policy changed'))),
    CHECK ((request_id IS NOT NULL AND position IS NOT NULL AND decision IS NOT NULL)
        = (action IN ('decision overridden', 'application rescored')))
);
-- One person approves a proposal once, whichever program asks.
CREATE UNIQUE INDEX one_approval_per_actor ON oversight_records (proposal, actor) WHERE action = 'promotion approved';
CREATE INDEX oversight_of_a_request ON oversight_records (request_id, position) WHERE request_id IS NOT NULL;
COMMENT ON TABLE oversight_records IS
    'Proposals and approvals of promotions, changes of the policy, overrides and rescorings; append-only, without any '
    'value of an application';
COMMENT ON COLUMN oversight_records.action IS 'What was done';
COMMENT ON COLUMN oversight_records.actor IS
    'Who did it: user of the operating system, key:<id> for a key of the service, or promotion policy for the chain';
COMMENT ON COLUMN oversight_records.reason IS 'Why; of an override, its reason code';
COMMENT ON COLUMN oversight_records.recorded_at IS 'When';
COMMENT ON COLUMN oversight_records.after_decision IS 'Last row of champion_decisions at that time; 0 before the first';
COMMENT ON COLUMN oversight_records.version IS 'Model to promote, or that made the decision';
COMMENT ON COLUMN oversight_records.proposal IS 'Row with the proposal that is approved or declined';
COMMENT ON COLUMN oversight_records.request_id IS 'Request of the prediction';
COMMENT ON COLUMN oversight_records.position IS 'Index of the prediction within its request';
COMMENT ON COLUMN oversight_records.decision IS 'Decision instead of that of the model, or on corrected data';
COMMENT ON COLUMN oversight_records.idempotency_key IS 'Key of the client, so that a repeated request counts once';
COMMENT ON COLUMN oversight_records.details IS
    'Of a policy its settings, of an override the decision before it, of a rescoring the names of the corrected columns';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON oversight_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A proposal ends with the next change of the champion, with the rejection of its version, or when it is declined.
CREATE VIEW open_proposals AS
SELECT p.id, p.version, p.actor, p.reason, p.recorded_at,
    ARRAY(SELECT a.actor FROM oversight_records a
        WHERE a.proposal = p.id AND a.action = 'promotion approved' ORDER BY a.id) AS approved_by
FROM oversight_records p
WHERE p.action = 'promotion proposed'
    AND NOT EXISTS (SELECT FROM champion_decisions d
        WHERE d.id > p.after_decision AND (d.action <> 'rejected' OR d.version = p.version))
    AND NOT EXISTS (SELECT FROM oversight_records r WHERE r.proposal = p.id AND r.action = 'promotion declined');
COMMENT ON VIEW open_proposals IS 'Promotions that wait for approvals, with who has approved';
COMMENT ON COLUMN open_proposals.version IS 'Model to promote';
COMMENT ON COLUMN open_proposals.actor IS 'Who proposed it';
COMMENT ON COLUMN open_proposals.reason IS 'Why';
COMMENT ON COLUMN open_proposals.recorded_at IS 'When';
COMMENT ON COLUMN open_proposals.approved_by IS 'Who has approved it, the first one first';

CREATE FUNCTION required_approvals() RETURNS integer LANGUAGE sql STABLE SET search_path FROM CURRENT RETURN coalesce((
    SELECT (details ->> 'APPROVALS')::integer FROM oversight_records
    WHERE action = 'policy changed' ORDER BY id DESC LIMIT 1), 1);
COMMENT ON FUNCTION required_approvals() IS 'People that a promotion needs under the policy recorded last';

CREATE FUNCTION refuse_unapproved_promotion() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    required constant integer := required_approvals();
    champion constant text := (
        SELECT d.version FROM champion_decisions d WHERE d.action <> 'rejected' ORDER BY d.id DESC LIMIT 1);
    approved integer;
BEGIN
    -- A rollback restores a champion that was approved before.
    IF required <= 1 OR OLD.status = 'retired' AND EXISTS (
        SELECT FROM model_metadata m WHERE m.version = champion AND m.status = 'rejected') THEN
        RETURN NEW;
    END IF;
    SELECT coalesce(max(cardinality(p.approved_by)), 0) INTO approved
    FROM open_proposals p WHERE p.version = NEW.version;
    IF approved < required THEN
        RAISE EXCEPTION 'version % has % of the % approvals that its promotion needs', NEW.version, approved, required
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_unapproved_promotion() IS
    'Trigger: refuses a promotion that fewer people have approved than the recorded policy requires';
CREATE TRIGGER approved_only BEFORE UPDATE OF status ON model_metadata FOR EACH ROW
    WHEN (NEW.status = 'champion' AND OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION refuse_unapproved_promotion();

CREATE TABLE evaluation_grades (
    evaluation bigint PRIMARY KEY,
    bounds double precision[] NOT NULL
);
COMMENT ON TABLE evaluation_grades IS
    'Rating grades of the model reports, so that the service can name the grade of a PD; append-only';
COMMENT ON COLUMN evaluation_grades.evaluation IS 'Row of model_performance';
COMMENT ON COLUMN evaluation_grades.bounds IS 'Lower PDs of the second grade and those above it, ascending';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evaluation_grades
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

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
END;
CREATE TRIGGER linked AFTER INSERT ON oversight_records FOR EACH ROW EXECUTE FUNCTION link_record();
CREATE TRIGGER linked AFTER INSERT ON evaluation_grades FOR EACH ROW EXECUTE FUNCTION link_record();
