"""Predictions of every channel hold what `loan-default verify` needs to score them again."""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import httpx
import pandas as pd

from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets.commands.score import score
from loan_default_assets.commands.session import Session
from loan_default_assets.decisions.opened_features import OpenedFeatures, opened_features
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.verify_records import verify_records
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.chain_links import StoredPrediction
from loan_default_assets_tests.bento.random_requests import columns_of, message, random_bodies
from loan_default_assets_tests.bento.tiny_models import ServedBank


def test_predictions_of_every_channel_are_reproduced(
    make_bank: Callable[[], ServedBank], serve: Callable[..., Any], tmp_path: Path
) -> None:
    bank = make_bank()
    bank.promote(bank.register(0))
    bodies = random_bodies(bank.portfolio, 40, 3, as_of="2024-06-30")
    with serve(bank, ready="/health") as served:
        assert (
            httpx.post(f"{served.http}/predict-batch", json={"loans": bodies}, timeout=30).status_code == 200
        )
        with grpc.insecure_channel(served.grpc) as channel:
            for body in bodies[:10]:
                pb_grpc.LoanDefaultStub(channel).Predict(message(body))
        until = time.monotonic() + 15
        while bank.rows("SELECT count(*) FROM predictions") != [(50,)] and time.monotonic() < until:
            time.sleep(0.1)

    settings = Settings(
        portfolio=str(bank.portfolio_file),
        loan_source="loans.csv",
        loan_default_home=tmp_path / "another_home",
        artifact_root=str(bank.root),
        database_url=bank.url,
    )
    session = Session(settings, bank.portfolio, bank.url, bank.database)
    applications = pd.DataFrame(columns_of(bank.portfolio, bodies))
    applications["number"] = [f"n{index}" for index in range(len(applications))]
    applications["decided"] = ["2024-06-30", *[None] * 39]
    applications.to_csv(tmp_path / "applications.csv", index=False)
    score(session, str(tmp_path / "applications.csv"), io.StringIO())

    found = verify_records(bank.database, bank.portfolio, session.artifacts, split_limits(settings))
    # The test promoted the model without an evaluation.
    assert set(found.deviations.counts) == {"decision"}
    assert found.predictions.rows == found.predictions.reproduced == 90
    assert not found.predictions.not_reproduced

    def without_date(rows: Sequence[StoredPrediction]) -> list[OpenedFeatures]:
        opened = opened_features(rows)
        return [
            {
                name: value
                for name, value in (features or {}).items()
                if name != "as_of" or row.channel != "file"
            }
            for row, features in zip(rows, opened, strict=True)
        ]

    found = verify_records(
        bank.database, bank.portfolio, session.artifacts, split_limits(settings), open_features=without_date
    )
    reason = "an earlier release did not record the date of the application"
    assert found.predictions.not_reproduced == {reason: 40}
