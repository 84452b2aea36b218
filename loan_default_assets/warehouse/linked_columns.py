"""Which columns of which tables the chains of `record_links` cover; no function of the database is asked."""

# Columns of the chains of record_links, as in sql/019_chained_alerts.sql; those of the primary key come first.
RECORD_COLUMNS = {
    "model_metadata": "version, kind, parent, portfolio_hash, snapshot_hash, attempt, hyper_parameters, threshold, "
    "metrics, trained_from, trained_to, window_from, window_to, artifact_uri, artifact_sha256, created_at",
    "model_performance": "id, model_version, role, snapshot_hash, window_from, window_to, rows, positives, metrics, "
    "intervals, baseline, verdict, reason, compared_with, evaluated_at",
    "evaluation_inputs": "evaluation, inputs",
    "pruned_predictions": "month, model_version, deleted_at, rows, pd_sum, sha256, first_created_at, last_created_at",
    "pruned_links": "month, model_version, deleted_at, chain, links",
    "oversight_records": "id, action, actor, reason, recorded_at, after_decision, version, proposal, request_id, "
    "position, decision, idempotency_key, details",
    "evaluation_grades": "evaluation, bounds",
    "erasures": "subject_sha256, erased_at, predictions, rows, refused_records",
    "scored_partitions": "partition_key, model_version, features_sha256, sha256, feature_hash, rows, pd_sum, scored_at",
    "refused_predictions": "sha256, reason, refused_at",
    "erased_records": "sha256, erased_at, record_sha256",
    "erased_scores": "partition_key, erased_at, model_version, rows, sha256",
    "chain_starts": "chain, began_at, earlier_rows",
    "alerts": "id, kind, raised_at, key, subject, title, text",
    "alert_deliveries": "alert, outcome, channel, at",
    "pruned_alerts": "kind, deleted_at, alerts, delivered, failed, first_raised_at, last_raised_at",
    "pruned_models": "version, pruned_at, bytes",
}
# The tables among them whose rows are lawfully deleted, so that a link may be without its row.
DELETED_RECORDS = ("alerts", "alert_deliveries", "pruned_models")
# The tables among them that have 16 chains, named TABLE/0 to TABLE/15.
DIVIDED_RECORDS = ("refused_predictions",)
KEY_LENGTHS = {
    "pruned_predictions": 3,
    "pruned_links": 4,
    "erasures": 2,
    "scored_partitions": 4,
    "erased_records": 2,
    "erased_scores": 2,
    "alerts": 3,
    "alert_deliveries": 2,
    "pruned_alerts": 2,
    "pruned_models": 2,
}
