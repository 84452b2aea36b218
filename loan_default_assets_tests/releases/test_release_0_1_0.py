"""Tables, models, predictions and Dagster's history of release 0.1.0, opened and continued by this one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from loan_default_assets.commands.migrate import migrate
from loan_default_assets.commands.run import run
from loan_default_assets.commands.score import score_file
from loan_default_assets.commands.session import Session, dagster_instance, open_session
from loan_default_assets.commands.status import status
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.policy.promotion import PROMOTING
from loan_default_assets_tests.bento.served_process import service, wait_until
from loan_default_assets_tests.releases.former_release import FILES, Restored, lay_out

UNDELIVERED = "undelivered-1"


@pytest.fixture
def restored(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restored:
    # The instance and its sensors read the same settings from the environment.
    for name in ("PORTFOLIO", "LOAN_SOURCE", "LOAN_DEFAULT_HOME", "DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    return lay_out(tmp_path, database_url)


@pytest.fixture
def opened(restored: Restored) -> Iterator[tuple[Session, dg.DagsterInstance]]:
    with open_session(restored.settings) as session, dagster_instance(session) as instance:
        yield session, instance


def test_migration_keeps_every_row_of_every_table(restored: Restored) -> None:
    before = restored.contents()
    with open_session(restored.settings) as session, dagster_instance(session) as instance:
        assert "is ready for portfolio small_bank" in migrate(session, instance)
        assert "is ready for portfolio small_bank" in migrate(session, instance)
    assert restored.contents() == before
    applied = restored.rows(
        "SELECT max(number) FROM loan_default.migrations WHERE portfolio_schema = 'small_bank'"
    )
    assert applied == [(len(list((Path(__file__).parents[2] / "sql").glob("*.sql"))),)]


def test_the_champion_scores_as_it_did(
    restored: Restored, opened: tuple[Session, dg.DagsterInstance]
) -> None:
    session, _ = opened
    output = restored.folder / "scored.csv"
    score_file(session, str(FILES / "applications.csv"), str(output))
    scored, expected = pd.read_csv(output), pd.read_csv(FILES / "scored.csv")
    assert scored["loan_id"].tolist() == expected["loan_id"].tolist()
    # The release scored this file with the champion before the present one; that version is in the prediction log.
    recorded = dict(
        restored.rows(
            "SELECT loan_id, probability FROM small_bank.predictions WHERE model_version = 'c8e51dc0dede0'"
        )
    )
    assert recorded == pytest.approx(
        dict(zip(expected["loan_id"], expected["probability"], strict=True)), abs=1e-9
    )
    found = status(session)["champion"]
    assert (found["version"], found["verdict"]) == ("ce59aee2d2b6c", "approved")
    assert set(scored["model_version"]) == {"ce59aee2d2b6c"}


def test_the_release_s_own_scores_are_reproduced(
    restored: Restored, opened: tuple[Session, dg.DagsterInstance]
) -> None:
    session, _ = opened
    session.registry.rollback("scores are compared")
    output = restored.folder / "scored.csv"
    score_file(session, str(FILES / "applications.csv"), str(output))
    pd.testing.assert_frame_equal(pd.read_csv(output), pd.read_csv(FILES / "scored.csv"), rtol=0, atol=1e-6)


def test_a_run_trains_one_challenger_of_the_present_shape_and_repeated_nothing(
    restored: Restored,
) -> None:
    # Few trees, in the block `training`, which ends the file.
    file = Path(restored.settings.portfolio)
    file.write_text(file.read_text() + "  boosting_rounds: 40\n  boosting_folds: 2\n")
    with open_session(restored.settings) as session, dagster_instance(session) as instance:
        before = {record.version: record for record in session.registry.history()}
        assert set(run(session, instance).changed) <= {"model_metadata", "model_performance"}
        after = session.registry.history()
        added = [record for record in after if record.version not in before]
        assert sorted(record.kind for record in added) == ["classifier", "encoder"]
        challenger = next(record for record in added if record.kind == "classifier")
        assert challenger.parent == "ce59aee2d2b6c"
        assert challenger.hyper_parameters["members"] == 3
        champion = session.registry.champion()
        assert champion is not None
        promoted = session.evaluations.latest(challenger.version).verdict in PROMOTING
        assert champion.version == (challenger.version if promoted else "ce59aee2d2b6c")
        assert run(session, instance).changed == ()
        assert [record.version for record in session.registry.history()] == [
            record.version for record in after
        ]


def test_dagster_s_history_is_read_and_its_sensors_keep_their_state(
    opened: tuple[Session, dg.DagsterInstance],
) -> None:
    _, instance = opened
    former = {run.job_name for run in instance.get_runs()}
    assert {"ingest", "train", "retrain"} <= former
    for asset in ("raw_loans", "evaluation", "champion"):
        assert instance.get_latest_materialization_event(dg.AssetKey(["small_bank", asset])) is not None
    states = {state.instigator_name: state for state in instance.all_instigator_state()}
    assert states["run_failure_alert"].status.value == "STOPPED"
    cursor = states["retrain_on_f1_below_target"].instigator_data.cursor
    assert cursor == '{"alerted": "hold:c000000000000:feed"}'
    assert states["default_automation_condition_sensor"].instigator_data.cursor
    assert run_tracking.trainings(instance, "small_bank").running == ()


def test_predictions_that_were_not_delivered_are_shipped(restored: Restored) -> None:
    folder = restored.settings.home / "service" / "small_bank" / "journal"
    folder.mkdir(parents=True)
    shutil.copy(FILES / "undelivered.jsonl", folder / "0123456789abcdef0123456789abcdef.jsonl")
    with service(
        restored.settings.home,
        portfolio=restored.settings.portfolio,
        loan_source=restored.settings.loan_source,
        database_url=restored.url,
    ) as served:
        wait_until(served, "/health")
    found = restored.rows(f"SELECT count(*) FROM small_bank.predictions WHERE loan_id = '{UNDELIVERED}'")
    assert found == [(1,)]
    assert not list(restored.settings.home.glob("service/small_bank/*/*.jsonl"))
