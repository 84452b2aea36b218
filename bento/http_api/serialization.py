"""Answers as the JSON that `responses` describes."""

from pydantic_core import to_json

from bento.inference.scored_loans import Answered


def one(answered: Answered) -> bytes:
    """JSON of a PredictResponse."""
    return to_json(_answers(answered)[0])


def many(answered: Answered) -> bytes:
    """JSON of a PredictBatchResponse."""
    return to_json(
        {
            "predictions": _answers(answered),
            "model_version": answered.model_version,
            "request_id": answered.request_id,
        }
    )


def _answers(answered: Answered) -> list[dict[str, object]]:
    return [
        {
            "prediction": answer.prediction,
            "probability": answer.probability,
            "threshold": answered.threshold,
            "reasons": answer.reasons,
            "model_version": answered.model_version,
            "request_id": answered.request_id,
        }
        for answer in answered.answers
    ]
