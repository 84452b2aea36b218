-- Records of answered requests that `predictions` refuses, such as one of a model version that is not registered. They
-- hold applicants' values, so they are kept in the database and not in a file beside the service.
CREATE TABLE refused_predictions (
    sha256 bytea PRIMARY KEY,
    record bytea NOT NULL,
    reason text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE refused_predictions IS 'Records of requests that the table predictions refuses, append-only';
COMMENT ON COLUMN refused_predictions.sha256 IS 'Of the record: one that is delivered again is kept once';
COMMENT ON COLUMN refused_predictions.record IS 'The record as the service wrote it: a line of JSON, unless it is damaged';
COMMENT ON COLUMN refused_predictions.reason IS 'Why it was refused, without its values';
COMMENT ON COLUMN refused_predictions.refused_at IS 'When it was refused';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refused_predictions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
