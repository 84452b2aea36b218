"""Planted faults of the chains of alerts and pruned models, and of their checks."""

from loan_default_assets_tests.mutants.mutant import PIPELINE, Mutant, mutant

_ALTERATIONS = "verification/test_other_alterations.py"
_UNALTERED = "verification/test_other_records.py"
_CHAINS = "warehouse/test_record_chains.py"
_SQL = "sql/019_chained_alerts.sql"

KEPT_RECORD_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "every alert is linked",
        _SQL,
        "CREATE TRIGGER linked AFTER INSERT ON alerts FOR EACH ROW EXECUTE FUNCTION link_record();",
        "",
        _CHAINS,
    ),
    mutant(
        "alerts of before the migration are linked",
        _SQL,
        "PERFORM append_record_link('alerts', each);",
        "NULL;",
        _CHAINS,
    ),
    mutant(
        "every model whose files retention deletes is linked",
        _SQL,
        "CREATE TRIGGER linked AFTER INSERT ON pruned_models FOR EACH ROW EXECUTE FUNCTION link_record();",
        "",
        _UNALTERED,
    ),
    mutant(
        "an alert that is gone has a tombstone of its time",
        f"{PIPELINE}/verify_alerts.py",
        "each.first <= raised_at <= each.last",
        "True",
        _ALTERATIONS,
    ),
    mutant(
        "a tombstone counts the alerts whose links have no row",
        f"{PIPELINE}/verify_alerts.py",
        "if each.is_linked and counted[each] != each.alerts:",
        "if False:",
        _ALTERATIONS,
    ),
    mutant(
        "a delivery goes with its alert only",
        f"{PIPELINE}/verify_alerts.py",
        "if json.loads(key)[0] not in deleted:",
        "if False:",
        _ALTERATIONS,
    ),
    mutant(
        "tombstones of before the chains have no links",
        f"{PIPELINE}/verify_alerts.py",
        "if each.is_linked and counted",
        "if counted",
        _CHAINS,
    ),
    mutant(
        "files that are there are compared, whatever retention recorded",
        f"{PIPELINE}/verify_models.py",
        'if model.version in pruned and found.state in ("missing", "refused"):',
        "if model.version in pruned:",
        _ALTERATIONS,
    ),
    mutant(
        "no row says that the files of a champion were deleted",
        f"{PIPELINE}/verify_models.py",
        "if version in (*before[-1:], *(champion for _, champion in champions[-1:])):",
        "if False:",
        _ALTERATIONS,
    ),
)
