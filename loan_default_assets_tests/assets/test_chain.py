import asyncio
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from dagster._core.loader import LoadingContextForTest

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.run import fingerprint
from loan_default_assets.commands.session import definitions
from loan_default_assets.commands.status import status
from loan_default_assets.model.metrics import METRICS
from loan_default_assets.orchestration import jobs
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.checks.violations import Violation
from loan_default_assets.portfolio.column_account import column_account
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, OpenBank, copied


def test_the_chain_ends_with_a_champion_and_repeated_changes_nothing(good_bank: Bank) -> None:
    assert good_bank.first is not None
    assert good_bank.first.partitions == 40
    assert set(good_bank.first.changed) == {
        "raw_data",
        "processed_data",
        "model_metadata",
        "model_performance",
    }
    report = status(good_bank.session)
    assert report["tables"]["raw_data"] == report["tables"]["processed_data"] == 2400
    champion, evaluation = report["champion"], report["evaluation"]
    assert champion["version"] == evaluation["version"]
    assert evaluation["baseline"]["name"] in ("HistGradientBoosting", "LogisticRegression")
    for name in METRICS:
        assert 0 <= evaluation["metrics"][name] <= 1
        assert 0 <= evaluation["baseline"]["metrics"][name] <= 1
    assert evaluation["metrics"]["roc_auc"] > 0.8
    assert date.fromisoformat(champion["trained_to"]) < date.fromisoformat(evaluation["window_from"])

    before = fingerprint(good_bank.session)
    assert good_bank.run().changed == ()
    assert fingerprint(good_bank.session) == before


def test_immature_loans_are_counted_and_never_evaluated_or_trained_on(good_bank: Bank) -> None:
    [event] = good_bank.instance.fetch_materializations(
        dg.AssetKey(["small_bank", "classifier"]), limit=1
    ).records
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    last_matured = small_bank.START + timedelta(days=40 - small_bank.HORIZON)
    assert metadata["immature_rows_excluded"].value == 60 * (small_bank.HORIZON - 1)
    assert date.fromisoformat(status(good_bank.session)["evaluation"]["window_to"]) <= last_matured


@pytest.mark.parametrize("asset", ["evaluation", "champion"])
def test_every_column_is_accounted_for_beside_the_model(good_bank: Bank, asset: str) -> None:
    [event] = good_bank.instance.fetch_materializations(dg.AssetKey(["small_bank", asset]), limit=1).records
    assert event.asset_materialization is not None
    table = event.asset_materialization.metadata["columns"].value
    assert [record.data for record in table.records] == [  # type: ignore[union-attr]
        {"column": use.name, "used as": use.use, "kind": use.kind, "reason": use.reason}
        for use in column_account(good_bank.session.portfolio)
    ]


def _weights(model: ModelRecord) -> bytes:
    return (Path(model.artifact_uri) / "weights.safetensors").read_bytes()


def _fitted(encoder: ModelRecord) -> bytes:
    return (Path(encoder.artifact_uri) / "encoding.safetensors").read_bytes()


def test_the_same_snapshot_and_seed_give_the_same_version_in_another_database(
    good_bank: Bank, open_bank: OpenBank
) -> None:
    frame = small_bank.loans()
    two = open_bank(frame.sample(frac=1, random_state=0), name="small_bank_again")
    two.run()
    first, second = good_bank.session.registry.champion(), two.session.registry.champion()
    assert first is not None
    assert second is not None
    assert _weights(first) == _weights(second)


def test_later_rows_change_no_earlier_feature_and_nothing_fitted(
    good_bank: Bank, postgres: LocalPostgres, tmp_path: Path
) -> None:
    frame = small_bank.loans()
    with copied(good_bank, postgres, tmp_path) as open_copy:
        bank = open_copy(frame)
        encoders = [r for r in bank.session.registry.history() if r.kind == "encoder"]
        [split_start] = {r.window_from for r in encoders}
        assert split_start is not None
        validation_end = encoders[0].trained_to
        assert validation_end is not None

        altered = frame.copy()
        later = pd.to_datetime(altered["issued"]).dt.date >= split_start
        altered.loc[later, ["income", "amount"]] *= 7.0
        altered.loc[later, "purpose"] = "other"
        earlier_keys = [k for k in bank.session.loans.partitions() if date.fromisoformat(k) < split_start]
        before = bank.session.loans.read_processed(keys=earlier_keys).digest()
        other = open_copy(altered)
        other.run()
        assert other.session.loans.read_processed(keys=earlier_keys).digest() == before
        first, second = (_fitted(r) for r in other.session.registry.history() if r.kind == "encoder")
        assert first == second


def test_a_replay_uses_only_what_was_known(open_bank: OpenBank) -> None:
    frame = small_bank.loans()
    cutoff = small_bank.START + timedelta(days=30)
    whole = open_bank(frame)
    whole.run(cutoff=cutoff)
    part = open_bank(
        frame[pd.to_datetime(frame["issued"]).dt.date < cutoff],
        name="small_bank_then",
        end=cutoff.isoformat(),
    )
    part.run()
    replayed, then = whole.session.registry.champion(), part.session.registry.champion()
    assert replayed is not None
    assert then is not None
    assert replayed.snapshot_hash == then.snapshot_hash
    assert _weights(replayed) == _weights(then)


def _set(column: str, value: Any, rows: slice | int = slice(5, 8)) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.iloc[rows, frame.columns.get_loc(column)] = value
        return frame

    return change


BAD = {
    "header lacks a column": (lambda f: f.drop(columns="income"), "income"),
    "extra column": (lambda f: f.assign(nickname="x"), "nickname"),
    "wrong type": (_set("income", "a lot"), "income"),
    "required number missing": (_set("income", np.nan), "income"),
    "required number infinite": (_set("income", "inf"), "income"),
    "below its minimum": (_set("amount", -1.0), "amount"),
    "duplicate key": (_set("loan", "000-001"), "loan"),
    "forbidden category": (_set("purpose", "yacht"), "purpose"),
    "date in the future": (_set("issued", "2031-01-01"), "issued|as_of"),
    "date before the portfolio's start": (_set("issued", "2024-12-31"), "issued|as_of"),
    "label outside its values": (_set("defaulted", 2), "defaulted|label"),
    "one class only": (lambda f: f.assign(defaulted=0), "defaulted"),
    "no rows": (lambda f: f.iloc[:0], "no|empty"),
}


def test_bad_loans_change_nothing_and_name_the_column(good_bank: Bank, subtests: pytest.Subtests) -> None:
    before = fingerprint(good_bank.session)
    csv = good_bank.folder / "loans.csv"
    for case, (change, named) in BAD.items():
        with subtests.test(case):
            change(small_bank.loans()).to_csv(csv, index=False)
            with pytest.raises(CommandError, match=f"(?i){named}") as error:
                good_bank.run()
            assert "yacht" not in str(error.value)
            assert fingerprint(good_bank.session) == before
    small_bank.loans().to_csv(csv, index=False)


def test_a_failed_partition_stops_the_graph_and_leaves_a_red_check(good_bank: Bank) -> None:
    key = dg.AssetKey(["small_bank", "raw_loans"])
    runs = len(good_bank.instance.get_runs())
    _set("income", np.nan)(small_bank.loans()).to_csv(good_bank.folder / "loans.csv", index=False)
    with pytest.raises(CommandError):
        good_bank.run()
    small_bank.loans().to_csv(good_bank.folder / "loans.csv", index=False)
    assert len(good_bank.instance.get_runs()) == runs + 1
    [check] = good_bank.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(key, "matches_schema"), limit=1
    )
    assert check.event is not None
    evaluation = check.event.asset_check_evaluation
    assert evaluation is not None
    assert not evaluation.passed
    [row] = evaluation.metadata["failure_cases"].value.records
    assert row.data["column"] == "income"
    assert row.data["count"] == 3
    assert row.data["rows"] == "6, 7, 8"


@pytest.mark.parametrize("job_asset", ["raw_loans", "processed_features"])
def test_the_check_of_a_refused_partition_is_shown_after_another_one_was_loaded(
    open_bank: OpenBank, monkeypatch: pytest.MonkeyPatch, job_asset: str
) -> None:
    bank = open_bank()
    days = [small_bank.START + timedelta(days=day) for day in range(2)]
    graph = definitions(bank.session, partitions=[day.isoformat() for day in days])

    def load(day: date) -> None:
        materialize(bank.session, bank.instance, graph, jobs.INGEST, partitions=[day.isoformat()])

    for day in days:
        load(day)
    if job_asset == "raw_loans":
        _set("income", np.nan)(small_bank.loans()).to_csv(bank.folder / "loans.csv", index=False)
    else:
        violation = Violation("income", "is finite", 3, (6, 7, 8))
        monkeypatch.setattr(pandera_schema, "feature_violations", lambda *_: [violation])
    # The events of this storage are dated by the second.
    time.sleep(1.1)
    with pytest.raises(CommandError):
        load(days[0])
    key = dg.AssetCheckKey(dg.AssetKey(["small_bank", job_asset]), "matches_schema")
    [check] = bank.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert check.event is not None
    evaluation = check.event.asset_check_evaluation
    assert evaluation is not None
    assert not evaluation.passed
    assert evaluation.metadata["failure_cases"].value.records[0].data["rows"] == "6, 7, 8"
    # Dagster's page says "Not evaluated" otherwise.
    assert asyncio.run(check.targets_latest_materialization(LoadingContextForTest(bank.instance)))
