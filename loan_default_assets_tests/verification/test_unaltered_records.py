"""Records that were not altered are verified: all, those of one request, pruned and erased ones."""

import hashlib
import io
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.erase import erase, subject_of
from loan_default_assets.commands.score import score
from loan_default_assets.commands.verify import verify
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_records import verify_records
from loan_default_assets.signing.signed_models import record_check, signature_rules
from loan_default_assets.warehouse.registry import ModelRecord, Registry
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.two_champions import MARCH, serve
from loan_default_assets_tests.verification.recorded_bank import RecordedBank
from loan_default_assets_tests.verification.retention_alterations import prune_model

RETIRED = "SELECT version FROM model_metadata WHERE status = 'retired'"


def prune(bank: RecordedBank, month: str, *, unmatured: bool = True) -> None:
    with bank.session() as session, session.database.transaction() as cursor:
        cursor.execute("SELECT prune_predictions(%s, %s)", (month, unmatured))


def requests(bank: RecordedBank) -> list[str]:
    rows = bank.alter("SELECT DISTINCT request_id::text, created_at FROM predictions ORDER BY created_at")
    return [request for request, _ in rows]


def test_an_unaltered_database_is_verified(recorded_bank: RecordedBank) -> None:
    found = recorded_bank.verify()
    assert not found.deviations, recorded_bank.report()
    seen = found.predictions
    assert (seen.rows, seen.reproduced, seen.pruned, seen.erased) == (80, 80, 0, 0)
    assert (found.links, found.models, found.gates.recomputed, found.gates.not_recorded) == (80, 3, 3, 0)
    assert [state.reason for state in found.snapshots] == ["", ""]
    report = recorded_bank.report()
    assert "80 rows, 80 links in 16 chains" in report
    assert report.endswith("verified: every record is as it was written")


def test_one_request_is_verified_with_what_it_rests_on(recorded_bank: RecordedBank) -> None:
    first, *_, last = requests(recorded_bank)
    for request in (first, last.upper()):
        found = recorded_bank.verify(request)
        assert not found.deviations
        assert (found.predictions.rows, found.predictions.reproduced, found.models, found.chains) == (
            10,
            10,
            1,
            1,
        )
    row = "request_id = %(request)s AND position = 3"
    recorded_bank.alter(f"UPDATE predictions SET probability = 0.1 WHERE {row}", request=first)
    assert f"BROKEN row: predictions, request {first} position 3" in recorded_bank.report(first)
    assert not recorded_bank.verify(last).deviations


@pytest.mark.parametrize(
    ("request_id", "message"),
    [
        ("7", "'7' is no request id"),
        (str(uuid.UUID(int=7)), "no prediction of request 0{8}-.* was ever recorded"),
    ],
)
def test_a_request_that_was_never_recorded(
    recorded_bank: RecordedBank, request_id: str, message: str
) -> None:
    with recorded_bank.session() as session, pytest.raises(CommandError, match=message):
        verify(session, request_id)


def test_pruned_predictions_keep_their_links(recorded_bank: RecordedBank) -> None:
    first, *_ = requests(recorded_bank)
    prune(recorded_bank, "2025-03-01", unmatured=False)
    with recorded_bank.session() as session:
        serve(session, MARCH, 10, requests=1, loan_id="never delivered")
    prune(recorded_bank, "2025-03-01", unmatured=False)
    assert recorded_bank.verify().predictions.rows == 50
    prune(recorded_bank, "2025-03-01")
    found = recorded_bank.verify()
    assert not found.deviations, recorded_bank.report()
    assert (found.predictions.rows, found.predictions.pruned, found.links) == (40, 50, 90)
    assert "50 pruned with tombstone" in recorded_bank.report()
    of_one_request = recorded_bank.verify(first)
    assert not of_one_request.deviations
    assert (of_one_request.predictions.rows, of_one_request.predictions.pruned) == (0, 10)


def test_a_deletion_without_the_trigger_that_records_links_is_found(recorded_bank: RecordedBank) -> None:
    recorded_bank.alter("ALTER TABLE predictions DISABLE TRIGGER pruned")
    with recorded_bank.session() as session:
        serve(session, MARCH, 10, requests=1, loan_id="never delivered")
    # One of its predictions stays, so the others are deleted row by row.
    prune(recorded_bank, "2025-03-01", unmatured=False)
    deviation = recorded_bank.verify().deviations.first["tombstone"]
    assert "expected the links of the deleted predictions; found none" in str(deviation)


def test_a_file_that_was_pruned_and_scored_again(recorded_bank: RecordedBank, tmp_path: Path) -> None:
    file = tmp_path / "applications.csv"
    small_bank.loans(days=1).drop(columns=["defaulted", "collected"]).to_csv(file, index=False)
    for pruned in (0, 60, 120):
        with recorded_bank.session() as session:
            score(session, str(file), io.StringIO())
        found = recorded_bank.verify()
        assert not found.deviations, recorded_bank.report()
        assert (found.predictions.rows, found.predictions.reproduced, found.predictions.pruned) == (
            140,
            140,
            pruned,
        )
        recorded_bank.alter(
            "CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM predictions WHERE channel = 'file'"
        )
        [(month,)] = recorded_bank.alter("SELECT prediction_month(max(created_at))::text FROM predictions")
        prune(recorded_bank, month)
    recorded_bank.alter(
        "SELECT create_prediction_month(prediction_month(created_at)) FROM kept LIMIT 1",
        "INSERT INTO predictions SELECT * FROM kept LIMIT 1",
    )
    deviation = recorded_bank.verify().deviations.first["row"]
    assert "expected no row: a tombstone records its deletion" in str(deviation)


def test_a_second_link_of_a_row_is_found(recorded_bank: RecordedBank) -> None:
    """Appended as the trigger does, so that the chain is unbroken."""
    recorded_bank.alter(
        "INSERT INTO prediction_links SELECT l.link + 1, f.request_id, f.position, l.chain, f.digest, "
        "sha256(l.hash || f.digest) FROM (SELECT * FROM prediction_links ORDER BY chain, link DESC LIMIT 1) l, "
        "(SELECT * FROM prediction_links ORDER BY link LIMIT 1) f"
    )
    found = recorded_bank.verify()
    assert set(found.deviations.counts) == {"row"}
    assert "expected one link of the row; found link" in str(found.deviations.first["row"])
    assert found.predictions.rows == 80


@pytest.mark.parametrize("of", ["loan", "request", "application", "all requests but one"])
def test_erasures_are_no_deviation(recorded_bank: RecordedBank, of: str) -> None:
    first, *others = requests(recorded_bank)
    subjects, erased = {
        "loan": ([subject_of("000-000", None)], 1),
        "request": ([subject_of(None, first)], 10),
        "application": ([subject_of(None, f"{first}/3")], 1),
        "all requests but one": ([subject_of(None, each) for each in others], 70),
    }[of]
    with recorded_bank.session() as session:
        for subject in subjects:
            erase(session, subject, [])
    found = recorded_bank.verify()
    assert not found.deviations, recorded_bank.report()
    seen = found.predictions
    assert (seen.rows, seen.erased, seen.reproduced) == (80, erased, 80 - erased)
    assert f"; {erased} erased" in recorded_bank.report()


def test_features_are_opened_where_no_model_can_score_them(recorded_bank: RecordedBank) -> None:
    [(retired,)] = recorded_bank.alter(RETIRED)
    prune_model(recorded_bank, retired)
    recorded_bank.alter(
        "UPDATE prediction_keys SET key = sha256(key) WHERE (request_id, position) IN "
        "(SELECT request_id, position FROM predictions WHERE model_version = %(retired)s)",
        retired=retired,
    )
    found = recorded_bank.verify()
    assert found.deviations.counts == {"features": 40}
    assert found.predictions.not_reproduced == {}


def test_what_cannot_be_proven_any_more_is_said(recorded_bank: RecordedBank) -> None:
    """The files of a retired model were pruned, and a partition was delivered again."""
    [(retired,)] = recorded_bank.alter(RETIRED)
    prune_model(recorded_bank, retired)
    recorded_bank.alter("UPDATE processed_data SET numbers[1] = 1 WHERE partition_key = '2025-01-05'")
    found = recorded_bank.verify()
    assert not found.deviations, recorded_bank.report()
    assert found.predictions.not_reproduced == {"retention deleted the files of their model": 40}
    report = recorded_bank.report()
    assert "40 not reproduced: retention deleted the files of their model" in report
    assert f"{retired} cannot be: the rows up to its data cutoff 2025-02-10 have changed since" in report


def test_functions_of_the_database_are_not_trusted(recorded_bank: RecordedBank) -> None:
    recorded_bank.alter(
        "CREATE OR REPLACE FUNCTION prediction_digest(p predictions) RETURNS bytea LANGUAGE sql STABLE RETURN "
        "(SELECT digest FROM prediction_links l WHERE (l.request_id, l.position) = (p.request_id, p.position))",
        "UPDATE predictions SET probability = 0.5",
    )
    assert recorded_bank.verify().deviations.counts["row"] == 80


def test_the_function_that_names_erasures_is_not_trusted(recorded_bank: RecordedBank) -> None:
    with recorded_bank.session() as session:
        erase(session, subject_of("000-000", None), [])
    recorded_bank.alter(
        "DO $$ BEGIN EXECUTE format('CREATE OR REPLACE FUNCTION erasure_subject(kind text, name text) RETURNS bytea "
        "LANGUAGE sql STABLE RETURN %L::bytea', (SELECT subject_sha256 FROM erasures)); END $$",
        "DELETE FROM prediction_keys",
    )
    assert recorded_bank.verify().deviations.counts == {"features": 79}


def test_signatures_are_checked(recorded_bank: RecordedBank) -> None:
    key = b"a key"

    def sign(decided: bytes) -> tuple[str, bytes]:
        return "key 1", hashlib.sha256(key + decided).digest()

    def check(key_id: str, decided: bytes, signature: bytes) -> str | None:
        if key_id == "key 1":
            return None if (key_id, signature) == sign(decided) else f"a signature that {key_id} did not make"
        return None if signed_before(key_id, decided, signature) else "no signature of this installation"

    def check_manifest(model: ModelRecord, folder: Path, announced: bool) -> str | None:
        assert announced == (model.kind == "classifier")
        return None if (folder / "manifest.json").exists() and model.kind == "classifier" else "no signature"

    with recorded_bank.session() as session:
        signed_before = record_check(signature_rules(session.settings))
        Registry(session.database, signer=sign, decided_by="ada").rollback("a test")

        def verified() -> Deviations:
            return verify_records(
                session.database,
                session.portfolio,
                session.artifacts,
                split_limits(session.settings),
                check_manifest=check_manifest,
                check_signature=check,
            ).deviations

        # The encoder.
        assert verified().counts == {"signature": 1}
        newest = "(SELECT max(id) FROM champion_decisions)"
        rows = recorded_bank.alter(
            f"SELECT action, decided_by, key_id FROM champion_decisions WHERE id = {newest}"
        )
        assert rows == [("rolled back", "ada", "key 1")]
        recorded_bank.alter(f"UPDATE champion_decisions SET signature = 'forged' WHERE id = {newest}")
        assert verified().counts == {"signature": 2}
        recorded_bank.alter(
            f"UPDATE champion_decisions SET signature = NULL, key_id = NULL WHERE id = {newest}"
        )
        assert verified().counts == {"signature": 2}


def test_a_signer_that_fails_undoes_the_decision(recorded_bank: RecordedBank) -> None:
    def fail(decided: bytes) -> tuple[str, bytes]:
        raise ValueError("the key cannot be read")

    with recorded_bank.session() as session:
        before = session.registry.champion()
        with pytest.raises(ValueError, match="the key cannot be read"):
            Registry(session.database, signer=fail).rollback("a test")
        assert session.registry.champion() == before
    assert not recorded_bank.verify().deviations


def test_the_command_and_its_exit_codes(recorded_bank: RecordedBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", recorded_bank.url)
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(recorded_bank.folder / "home"))
    options = [
        "--portfolio",
        str(recorded_bank.folder / "small_bank.yaml"),
        "--source",
        str(recorded_bank.folder / "loans.csv"),
    ]
    monkeypatch.setenv("PORTFOLIO", "")
    monkeypatch.setenv("LOAN_SOURCE", "")

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(loan_default, ["verify", *arguments, *options])
        return result.exit_code, result.output

    request = requests(recorded_bank)[-1]
    for arguments in ([request], ["--all"]):
        code, output = run(*arguments)
        assert (code, output.splitlines()[-1]) == (0, "verified: every record is as it was written")
    assert run()[0] == run(request, "--all")[0] == 2
    recorded_bank.alter("UPDATE predictions SET decision = 1 - decision")
    code, output = run("--all")
    assert code == 1
    assert "BROKEN row: predictions, request" in output
    assert "deviations by check: row 80, score 80" in output
