"""Planted faults of the recorded alerts and their delivery."""

from loan_default_assets_tests.mutants.mutant import ORCHESTRATION, WAREHOUSE, Mutant, mutant

_LOG = f"{WAREHOUSE}/alert_log.py"
_OUTBOX = f"{ORCHESTRATION}/alert_outbox.py"
_MIGRATION = "sql/017_alerts.sql"
_TABLES, _SENDING = "warehouse/test_alert_log.py", "orchestration/test_alert_outbox.py"

ALERT_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "an alert of a failed run is sent again until it is delivered",
        f"{ORCHESTRATION}/sensors.py",
        """    if action.alert_key is None or action.alert_key == delivered:
        outbox.send_due("hold", "run_failed")""",
        """    if action.alert_key is None or action.alert_key == delivered:
        outbox.send_due("hold")""",
        _SENDING,
    ),
    mutant(
        "an alert is sent without a database",
        _OUTBOX,
        "            self._attempt(alert)\n            return",
        "            return",
        _SENDING,
    ),
    mutant(
        "a repeated tick of the sensor of failed runs sends nothing again",
        _OUTBOX,
        "if not self._log.is_delivered(alert.key):",
        "if True:",
        _SENDING,
    ),
    mutant(
        "a delivered alert is not sent again",
        _MIGRATION,
        "WHERE delivered_at IS NULL AND raised_at",
        "WHERE raised_at",
        _SENDING,
    ),
    mutant(
        "the former HOLD does not come behind the present one",
        _MIGRATION,
        "AND (kind = 'run_failed' OR NOT EXISTS",
        "AND (true OR NOT EXISTS",
        _TABLES,
        _SENDING,
    ),
    mutant(
        "an alert that another process may be sending is left to it",
        _LOG,
        "OR failure IS NOT NULL OR raised_at <",
        "OR true OR raised_at <",
        _TABLES,
    ),
    mutant(
        "an alert is deleted with its tombstone only",
        _MIGRATION,
        "REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION refuse_unrecorded_alert_deletion();",
        "REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT WHEN (false) "
        "EXECUTE FUNCTION refuse_unrecorded_alert_deletion();",
        _TABLES,
    ),
    mutant(
        "the outcomes of a kept alert are not deleted",
        _MIGRATION,
        "IF EXISTS (SELECT FROM alerts WHERE id = OLD.alert) THEN",
        "IF false THEN",
        _TABLES,
    ),
    mutant(
        "deleted alerts are counted",
        _MIGRATION,
        "    SELECT kind, alerts, delivered, failed FROM pruned_alerts\n) counted",
        "    SELECT kind, alerts, delivered, failed FROM pruned_alerts WHERE false\n) counted",
        _TABLES,
    ),
    mutant(
        "a HOLD with an alert of its own is one line on the console",
        "bento/console/overview_page.py",
        "facts.retraining.hold_since and not _is_sent(facts.retraining.hold_since, facts):",
        "facts.retraining.hold_since:",
        "bento/console/test_overview_page.py",
    ),
)
