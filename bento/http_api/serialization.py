"""Predictions as the JSON that `schemas/responses.py` describes."""

from pydantic_core import to_json

from bento.inference.scored_applications import ScoredRequest


def one(scored: ScoredRequest) -> bytes:
    """JSON of a PredictResponse."""
    return to_json(_predictions(scored)[0])


def many(scored: ScoredRequest) -> bytes:
    """JSON of a PredictBatchResponse."""
    return to_json(
        {
            "predictions": _predictions(scored),
            "model_version": scored.model_version,
            "request_id": scored.request_id,
        }
    )


def _predictions(scored: ScoredRequest) -> list[dict[str, object]]:
    return [
        {
            "prediction": loan.prediction,
            "probability": loan.probability,
            "threshold": scored.threshold,
            "reasons": loan.reasons,
            "model_version": scored.model_version,
            "request_id": scored.request_id,
        }
        for loan in scored.loans
    ]
