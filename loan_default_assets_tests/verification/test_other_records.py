"""Unaltered erasures, scores, refused records and alerts are verified, whatever was deleted lawfully."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from loan_default_assets.commands.erase import erase, subject_of
from loan_default_assets.commands.promote import promote
from loan_default_assets.warehouse import dump, erasures
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.pruned_models import changing_models, unmark_pruned
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.two_champions import TwoChampions
from loan_default_assets_tests.verification.chained_bank import (
    MAY,
    SCORED,
    refused_line,
    score_batches,
    score_shadow,
    verify_command,
)
from loan_default_assets_tests.verification.recorded_bank import RecordedBank
from loan_default_assets_tests.verification.retention_alterations import prune_alerts, prune_model

VERIFIED = "verified: every record is as it was written"


def report(bank: RecordedBank, *arguments: str) -> dict[str, str]:
    """The lines of a verification without deviations, by their first word."""
    code, lines = verify_command(bank, *arguments)
    assert (code, lines[-1]) == (0, VERIFIED), lines
    return {line.partition(" ")[0]: line for line in lines}


def scored_requests(bank: RecordedBank) -> list[str]:
    return [
        name for (name,) in bank.alter("SELECT DISTINCT request_id::text FROM shadow_predictions ORDER BY 1")
    ]


def test_all_records_are_verified(chained_bank: RecordedBank) -> None:
    lines = report(chained_bank)
    assert "17 rows, 20 links; 3 deleted with their predictions; 17 reproduced" in lines["shadow"]
    assert "177 loans, 2 of 3 partitions as scored; 1 as an erasure left them" in lines["batch"]
    assert "5 records, 1 of them as an erasure left it" in lines["refused"]
    assert "chained" not in lines


def test_a_request_is_verified_with_its_shadow_scores(chained_bank: RecordedBank) -> None:
    first, other, *_ = scored_requests(chained_bank)
    assert "reproduced" in report(chained_bank, first)["shadow"]
    chained_bank.alter(
        "UPDATE shadow_predictions SET decision = 1 - decision WHERE request_id = %(request)s", request=first
    )
    code, lines = verify_command(chained_bank, first)
    assert code == 1
    assert any("shadow_predictions" in line for line in lines)
    report(chained_bank, other)


def test_scores_of_pruned_predictions_leave_their_links(chained_bank: RecordedBank) -> None:
    with chained_bank.session() as session, session.database.transaction() as cursor:
        cursor.execute("SELECT prune_predictions(%s, true)", (MAY.date().replace(day=1),))
    assert chained_bank.alter("SELECT count(*) FROM shadow_predictions") == [(0,)]
    assert "0 rows, 20 links; 20 deleted with their predictions" in report(chained_bank)["shadow"]


def test_a_prediction_that_is_delivered_and_scored_again_has_two_links(chained_bank: RecordedBank) -> None:
    """As where the spool of a lost host comes back after retention."""
    [(version,)] = chained_bank.alter("SELECT model_version FROM shadow_models")
    chained_bank.alter(
        "CREATE TABLE kept AS SELECT p.*, k.key FROM predictions p JOIN prediction_keys k USING (request_id, position) "
        "JOIN shadow_predictions s USING (request_id, position)"
    )
    with chained_bank.session() as session:
        with session.database.transaction() as cursor:
            cursor.execute("SELECT prune_predictions(%s, true)", (MAY.date().replace(day=1),))
            cursor.execute("SELECT create_prediction_month(%s)", (MAY.date().replace(day=1),))
            cursor.execute("INSERT INTO prediction_keys SELECT request_id, position, key FROM kept")
            cursor.execute("ALTER TABLE kept DROP COLUMN key; INSERT INTO predictions SELECT * FROM kept")
        assert score_shadow(session, version) == 17
    # Those that were not scored before the pruning are counted as omitted, and have no link.
    assert "17 rows, 37 links; 20 deleted with their predictions" in report(chained_bank)["shadow"]
    chained_bank.alter("UPDATE shadow_predictions SET decision = 1 - decision")
    assert verify_command(chained_bank)[0] == 1


def test_scores_after_an_erasure_are_those_that_it_left_until_they_are_scored_again(
    chained_bank: RecordedBank,
) -> None:
    with chained_bank.session() as session:
        for loan in ("004-001", "004-002"):
            erase(session, subject_of(loan, None), [])
    assert "as an erasure left them" in report(chained_bank)["batch"]
    with chained_bank.session() as session:
        assert score_batches(session, *SCORED).changed == (True, True, False)
    assert "3 of 3 partitions as scored" in report(chained_bank)["batch"]


def test_a_year_whose_table_was_dropped_is_no_deviation(chained_bank: RecordedBank) -> None:
    chained_bank.alter("DROP TABLE scored_loans_2025")
    assert "0 loans, 0 of 3 partitions as scored; 3 of dropped years" in report(chained_bank)["batch"]


def test_a_record_that_several_erasures_change(chained_bank: RecordedBank) -> None:
    both = refused_line("001-001").replace(
        b'"loans": [', b'"loans": [{"loan_id": "001-002", "features": {"a": 1}}, '
    )
    with chained_bank.session() as session:
        assert PredictionLog(session.database).keep_refused(both, "no such model")
        for loan in ("001-001", "001-002"):
            erase(session, subject_of(loan, None), [])
    [(count,)] = chained_bank.alter(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM erased_records GROUP BY sha256) c"
    )
    assert count == 2
    assert "6 records, 2 of them as an erasure left it" in report(chained_bank)["refused"]


def test_a_backup_keeps_the_chains_and_a_restore_goes_on_with_them(
    chained_bank: RecordedBank, postgres: LocalPostgres, tmp_path: Path
) -> None:
    file, keys = tmp_path / "dump", tmp_path / "keys"
    contents = dump.dump(chained_bank.url, file, keys, embedded=False)
    with chained_bank.session() as session:
        for loan in ("000-001", "005-003"):
            erase(session, subject_of(loan, None), [])
        later = erasures.recorded(session.database)
    with fresh_database(postgres) as url:
        dump.restore(url, file, keys, contents, "a test", embedded=False)
        restored = RecordedBank(chained_bank.folder, url)
        assert "5 records, 1 of them" in report(restored)["refused"]
        with restored.session() as session:
            assert erasures.replay(session.database, later) == 2
        lines = report(restored)
        assert "5 records, 2 of them" in lines["refused"]
        assert "16 rows, 20 links; 4 deleted with their predictions" in lines["shadow"]


def test_what_was_recorded_before_the_chains_is_said(chained_bank: RecordedBank) -> None:
    with chained_bank.session() as session, session.database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO chain_starts VALUES ('erasures', %s, 3)", (datetime(2026, 1, 2, 3, 4, tzinfo=UTC),)
        )
    said = "chained from 2026-01-02 03:04 UTC: erasures; older rows, proven from then on only: 3"
    assert report(chained_bank)["chained"] == said


def test_shadows_whose_files_are_gone_are_not_reproduced(
    chained: TwoChampions, chained_bank: RecordedBank
) -> None:
    # It is champion again since a rollback; retention deletes no champion.
    with chained_bank.session() as session:
        promote(session, chained.champion, "to have the shadow retired")
    prune_model(chained_bank, chained.former)
    assert "17 not reproduced: retention deleted the files of their model" in report(chained_bank)["shadow"]


@pytest.mark.parametrize(
    "table", ["shadow_predictions", "scored_loans", "scored_partitions", "refused_predictions"]
)
def test_functions_of_the_database_are_not_trusted(chained_bank: RecordedBank, table: str) -> None:
    chained_bank.alter(
        "CREATE OR REPLACE FUNCTION shadow_digest(s shadow_predictions) RETURNS bytea LANGUAGE sql STABLE RETURN "
        "(SELECT digest FROM shadow_links l WHERE (l.request_id, l.position) = (s.request_id, s.position))",
        "CREATE OR REPLACE FUNCTION linked_columns(chain text) RETURNS text[] LANGUAGE sql IMMUTABLE "
        "RETURN '{}'::text[]",
        {
            "shadow_predictions": "UPDATE shadow_predictions SET scored_at = now()",
            "scored_loans": "UPDATE scored_loans SET probability = 0.5",
            "scored_partitions": "UPDATE scored_partitions SET pd_sum = 0.5",
            "refused_predictions": "UPDATE refused_predictions SET reason = 'x'",
        }[table],
    )
    code, lines = verify_command(chained_bank)
    assert code == 1
    assert any(f": {table}, " in line for line in lines)


def test_alerts_that_retention_deletes_twice_leave_their_links(chained_bank: RecordedBank) -> None:
    for _ in range(2):
        prune_alerts(chained_bank, 1)
    report(chained_bank)
    assert chained_bank.alter(
        "SELECT (SELECT count(*) FROM alerts), (SELECT count(*) FROM pruned_alerts)"
    ) == [(2, 2)]


def test_a_model_that_is_trained_again_after_its_files_were_deleted(
    chained_bank: RecordedBank, chained: TwoChampions
) -> None:
    """It loses its row, and the link of it stays; so it does where it is pruned once more."""
    version, kept = chained.champion, chained_bank.folder / "kept"
    (chained_bank.models / version).rename(kept)
    for _ in range(2):
        prune_model(chained_bank, version, files=False)
        assert "2 of 3 with files as registered, 1 pruned" in report(chained_bank)["models"]
        kept.rename(chained_bank.models / version)
        with chained_bank.session() as session, changing_models(session.database) as cursor:
            unmark_pruned(cursor, version)
        assert "3 of 3 with files as registered" in report(chained_bank)["models"]
        (chained_bank.models / version).rename(kept)


def test_files_that_a_killed_deletion_left_are_compared(
    chained_bank: RecordedBank, chained: TwoChampions
) -> None:
    prune_model(chained_bank, chained.champion, files=False)
    lines = report(chained_bank)
    assert "3 of 3 with files as registered" in lines["models"]
    assert "not reproduced" not in lines["scores"]
