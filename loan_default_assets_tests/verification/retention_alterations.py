"""Alterations of what retention records of alerts and models; a table as `alterations`."""

import random
import shutil

from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.pruned_models import changing_models, mark_pruned
from loan_default_assets_tests.verification.alterations import Alteration
from loan_default_assets_tests.verification.record_alterations import Do
from loan_default_assets_tests.verification.recorded_bank import RecordedBank

_CHAMPION = "SELECT version FROM model_metadata WHERE status = 'champion'"
_OTHER = (
    "SELECT version FROM model_metadata WHERE kind = 'classifier' AND status <> 'champion' ORDER BY 1 LIMIT 1"
)


def prune_alerts(bank: RecordedBank, count: int) -> None:
    """Delete the oldest alerts as retention does."""
    [(before,)] = bank.alter(f"SELECT raised_at FROM alerts ORDER BY id OFFSET {count} LIMIT 1")
    with bank.session() as session:
        assert AlertLog(session.database).prune(before) == count


def prune_model(bank: RecordedBank, version: str, *, files: bool = True) -> None:
    """Record that the files of a version are deleted, as retention does, and delete them."""
    with bank.session() as session, changing_models(session.database) as cursor:
        mark_pruned(cursor, version, 1)
    if files:
        shutil.rmtree(bank.models / version)


def _after_pruning_alerts(*statements: str, row: str) -> Do:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        prune_alerts(bank, 2)
        bank.alter(*statements)
        return row

    return do


def _after_pruning_a_model(*statements: str) -> Do:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        [(version,)] = bank.alter(_OTHER)
        prune_model(bank, version)
        bank.alter(*statements)
        return version

    return do


def _covering_a_deletion(bank: RecordedBank, rng: random.Random) -> str:
    """Append a tombstone with its link, for an alert that retention did not delete."""
    prune_alerts(bank, 2)
    with bank.session() as session, session.database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO pruned_alerts SELECT kind, 2, 2, 0, raised_at, raised_at, now() FROM alerts "
            "ORDER BY id LIMIT 1"
        )
    bank.alter("DELETE FROM alerts WHERE id = (SELECT min(id) FROM alerts)")
    return "run_failed, deleted 20"


def _hiding_altered_weights(bank: RecordedBank, rng: random.Random) -> str:
    """Record behind the triggers that files are gone which are there, and altered."""
    [(version,)] = bank.alter(_OTHER)
    prune_model(bank, version, files=False)
    (bank.models / version / "weights.safetensors").write_bytes(b"")
    return f"version {version}"


def _hiding_the_lost_champion(bank: RecordedBank, rng: random.Random) -> str:
    [(version,)] = bank.alter(_CHAMPION)
    prune_model(bank, version)
    return f"version {version}"


def _hiding_a_lost_model(bank: RecordedBank, rng: random.Random) -> str:
    [(version,)] = bank.alter(_OTHER)
    bank.alter("INSERT INTO pruned_models (version, bytes) VALUES (%(version)s, 1)", version=version)
    shutil.rmtree(bank.models / version)
    return f'row ["{version}"'


RETENTION_ALTERATIONS = {
    "pruned_alerts: a deleted tombstone": Alteration(
        "row",
        "pruned_alerts",
        "found it is missing",
        _after_pruning_alerts("DELETE FROM pruned_alerts", row='row ["run_failed"'),
    ),
    "pruned_alerts: another number": Alteration(
        "row",
        "pruned_alerts",
        "the row was altered",
        _after_pruning_alerts("UPDATE pruned_alerts SET failed = 9", row='row ["run_failed"'),
    ),
    "pruned_alerts: a number that the links do not say": Alteration(
        "tombstone",
        "pruned_alerts",
        "expected 2 alerts, as their links say; found 3",
        _after_pruning_alerts("UPDATE pruned_alerts SET alerts = 3", row="run_failed, deleted 20"),
    ),
    "pruned_alerts: a tombstone for another deletion": Alteration(
        "tombstone", "pruned_alerts", "expected 1 alerts, as their links say; found 2", _covering_a_deletion
    ),
    "alerts: one more deleted, of the time of a tombstone": Alteration(
        "row",
        "alerts",
        "or a tombstone of its deletion; found it is missing",
        _after_pruning_alerts("DELETE FROM alerts WHERE id = (SELECT min(id) FROM alerts)", row="row [3"),
    ),
    "pruned_models: files that are there and altered": Alteration(
        "files", "files", "as registered; found", _hiding_altered_weights
    ),
    "pruned_models: the champion": Alteration(
        "files",
        "pruned_models",
        "retention never deletes the files of the champion",
        _hiding_the_lost_champion,
    ),
    "pruned_models: an added row": Alteration(
        "row", "pruned_models", "none: it was added", _hiding_a_lost_model
    ),
    "pruned_models: another time": Alteration(
        "row",
        "pruned_models",
        "none: it was added",
        _after_pruning_a_model("UPDATE pruned_models SET pruned_at = pruned_at - interval '1 day'"),
    ),
    "pruned_models: another size": Alteration(
        "row",
        "pruned_models",
        "the row was altered",
        _after_pruning_a_model("UPDATE pruned_models SET bytes = 9"),
    ),
    "pruned_models: a deleted row": Alteration(
        "files", "files", "are missing", _after_pruning_a_model("DELETE FROM pruned_models")
    ),
}
