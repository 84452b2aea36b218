"""A plain service for comparison: FastAPI and uvicorn, one forward pass per request, no prediction log."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from loan_default_assets.model.predictor import Predictor, ReasonMode
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import load


class PlainLoan(BaseModel):
    """One loan with unchecked columns."""

    categorical_features: dict[str, str | None]
    numerical_features: dict[str, float | None]
    reasons: ReasonMode = "adverse"


def endpoint(artifact: Path) -> FastAPI:
    """The application."""
    torch.set_num_threads(1)
    portfolio, app = load("demo"), FastAPI()
    predictor = Predictor.from_artifact(artifact, reason_texts=portfolio.reason_texts())

    @app.post("/predict")
    async def predict(loan: PlainLoan) -> dict[str, Any]:
        values = loan.numerical_features | loan.categorical_features
        features = transform(portfolio, {name: [values.get(name)] for name in portfolio.columns})
        scored = predictor.predict(features.numerical, features.categorical, reasons=loan.reasons)
        return {
            "prediction": int(scored.decision[0]),
            "probability": float(scored.pd[0]),
            "reasons": [asdict(reason) for reason in scored.reasons[0]],
        }

    return app


if __name__ == "__main__":
    uvicorn.run(endpoint(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
