"""What a user would write: FastAPI and uvicorn around the same network, a forward pass a request, no journal."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import load


class Loan(BaseModel):
    """One loan, as a user would type it."""

    categorical_features: dict[str, str | None]
    numerical_features: dict[str, float | None]
    reasons: str = "adverse"


def endpoint(artifact: Path) -> FastAPI:
    """The application."""
    torch.set_num_threads(1)
    portfolio, predictor, app = load("demo"), Predictor.from_artifact(artifact), FastAPI()
    names = (*portfolio.features.numerical, *portfolio.features.categorical)

    @app.post("/predict")
    async def predict(loan: Loan) -> dict[str, Any]:
        given = loan.numerical_features | loan.categorical_features
        features = transform(portfolio, {name: [given.get(name)] for name in portfolio.columns})
        scores = predictor.score(features.numerical, features.categorical)
        decision = int(scores.decision[0])
        reasons = []
        if decision and loan.reasons == "adverse":
            parts = predictor.contributions(features.numerical, features.categorical)[0]
            reasons = [{"code": names[n], "contribution": float(parts[n])} for n in np.argsort(-parts)[:4]]
        return {"prediction": decision, "probability": float(scores.probability[0]), "reasons": reasons}

    return app


if __name__ == "__main__":
    uvicorn.run(endpoint(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
