"""The recorded bank with erasures, batch scores, refused records, shadow scores and alerts around a decision."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.erase import erase, subject_of
from loan_default_assets.commands.session import Session
from loan_default_assets.decisions.model_scorers import load_scorer
from loan_default_assets.pipeline.batch_scoring import ScoredPartitions, score_partitions
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.batch_scores import BatchScores
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.shadow_models import ShadowLog
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import LOG
from loan_default_assets_tests.two_champions import TwoChampions, serve
from loan_default_assets_tests.verification.recorded_bank import RecordedBank, copied

MAY = datetime(2025, 5, 5, tzinfo=UTC)
# Of the second one, loan 000-004 is erased.
SCORED = ("2025-01-05", "2025-01-01", "2025-01-06")


def refused_line(loan: str) -> bytes:
    """A record of a model version that is not registered."""
    row = {"loan_id": loan, "features": {"income": 1.5}, "probability": 0.25, "decision": 0}
    return json.dumps({"request_id": str(uuid.uuid4()), "model_version": "unknown", "loans": [row]}).encode()


def score_batches(session: Session, *keys: str) -> ScoredPartitions:
    """Score partitions by the champion."""
    return score_partitions(
        session.portfolio,
        session.loans,
        session.registry,
        session.artifacts,
        BatchScores(session.database),
        keys,
        log=LOG,
    )


def raise_alert(session: Session, key: str) -> None:
    """Record an alert of a failed run that is delivered."""
    log = AlertLog(session.database)
    log.record(key, "run_failed", "a run", "title", "text")
    log.record_delivery(key, "log")


def score_shadow(session: Session, version: str) -> int:
    """Score what is due by a shadow, in batches of 4 that one chain links; the number of scores."""
    record, scored = session.registry.get(version), 0
    scorer = load_scorer(session.artifacts.folder(record), record.artifact_sha256)
    # One connection writes to one chain.
    with session.database.connected() as connected:
        log = ShadowLog(connected)
        while (batch := log.due(record, 4)).after != batch.before:
            pds = scorer.score([each.features for each in batch.applications]).tolist()
            scores = list(zip(batch.applications, pds, strict=True))
            assert log.store(version, scorer.threshold, batch, scores)
            scored += len(scores)
    return scored


@pytest.fixture(scope="session")
def chained(
    two_champions: TwoChampions, postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoChampions]:
    """As `two_champions`; no test alters it."""
    with copied(two_champions, postgres, tmp_path_factory.mktemp("chained") / "bank") as bank:
        with bank.session() as session:
            shadow = two_champions.former
            ShadowLog(session.database).begin(shadow)
            serve(session, MAY, 20)
            assert score_shadow(session, shadow) == 20
            score_batches(session, *SCORED[:2])
            # In one transaction each, and in one chain.
            with session.database.connected() as connected:
                for loan in ("000-001", "000-002", "000-003", "000-004"):
                    assert PredictionLog(connected).keep_refused(refused_line(loan), "no such model")
            # Not the first loan of a request: the first link of the chain may name it, and alterations need its score.
            for loan in ("000-004", "000-019"):
                erase(session, subject_of(loan, None), [])
            for number in range(3):
                raise_alert(session, f"run:{number}")
            session.registry.rollback("to have another decision")
            serve(session, MAY, 10, first=60)
            raise_alert(session, "run:3")
            score_batches(session, SCORED[2])
            with session.database.connected() as connected:
                assert PredictionLog(connected).keep_refused(refused_line("000-005"), "no such model")
            erase(session, subject_of("000-018", None), [])
        yield TwoChampions(bank.url, bank.folder, two_champions.former, two_champions.champion)


@pytest.fixture
def chained_bank(chained: TwoChampions, postgres: LocalPostgres, tmp_path: Path) -> Iterator[RecordedBank]:
    """A copy of it for this test alone."""
    with copied(chained, postgres, tmp_path / "bank") as bank:
        yield bank


def verify_command(bank: RecordedBank, *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of `loan-default verify`, of all records unless arguments say otherwise."""
    environment = small_bank.environment(bank.folder, bank.url)
    result = CliRunner().invoke(loan_default, ["verify", *(arguments or ("--all",))], env=environment)
    return result.exit_code, result.output.splitlines()
