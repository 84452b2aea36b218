"""Predictions of every channel hold what `loan-default verify` needs to score them again."""

import io
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pandas as pd

from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets.commands.score import score
from loan_default_assets.commands.session import Session
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.verify_records import verify_records
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets_tests.bento.random_requests import columns_of, message, random_bodies
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.opened_predictions import opened

_COPIED = "loan_id, model_version, probability, decision, threshold, reasons, channel, latency_ms, created_at"


def without_dates(bank: ServedBank) -> list[Prediction]:
    """The predictions of files once more, as an earlier release recorded them."""
    features = opened(bank.database, "channel = 'file'")
    rows = bank.rows(f"SELECT request_id::text, position, {_COPIED} FROM predictions WHERE channel = 'file'")
    return [
        Prediction(
            request_id=str(uuid.uuid4()),
            features={
                name: value
                for name, value in (features[request_id, position] or {}).items()
                if name != "as_of"
            },
            **dict(zip(_COPIED.split(", "), values, strict=True)),
        )
        for request_id, position, *values in rows
    ]


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
        until = time.monotonic() + 60
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

    PredictionLog(bank.database).append(without_dates(bank))
    found = verify_records(bank.database, bank.portfolio, session.artifacts, split_limits(settings))
    reason = "an earlier release did not record the date of the application"
    assert found.predictions.not_reproduced == {reason: 40}
