"""Between gRPC messages and what the service works with."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from bento.generated import loan_default_pb2 as pb
from bento.inference.scored_loans import Answered

REASONS = {pb.REASONS_ADVERSE: "adverse", pb.REASONS_ALL: "all", pb.REASONS_NONE: "none"}


def values(message: pb.PredictRequest, *, dated: bool) -> dict[str, Any]:
    """The message as the values of a JSON body. `dated`: the portfolio has dates, which may be needed."""
    found: dict[str, Any] = {
        "categorical_features": dict(message.categorical_features),
        "numerical_features": dict(message.numerical_features),
        "reasons": REASONS.get(message.reasons, "unknown"),
    }
    if dated or message.date_features:
        found["date_features"] = dict(message.date_features)
    for name in ("as_of", "loan_id"):
        if message.HasField(name):
            found[name] = getattr(message, name)
    return found


def responses(answered: Answered) -> list[pb.PredictResponse]:
    """A message for every loan."""
    return [
        pb.PredictResponse(
            prediction=answer.prediction,
            probability=answer.probability,
            threshold=answered.threshold,
            reasons=[
                pb.Reason(code=r.code, en=r.en, ko=r.ko, contribution=r.contribution) for r in answer.reasons
            ],
            model_version=answered.model_version,
            request_id=answered.request_id,
        )
        for answer in answered.answers
    ]


def model_info(facts: Mapping[str, Any]) -> pb.ModelInfoResponse:
    """The facts of `info`, the most asked for as fields, all of them as JSON."""
    model, evaluation = facts["model"] or {}, facts["evaluation"] or {}
    metrics = {name: value for name, value in evaluation.get("metrics", {}).items() if value is not None}
    return pb.ModelInfoResponse(
        portfolio=facts["portfolio"],
        model_version=model.get("version", ""),
        threshold=model.get("threshold") or 0.0,
        status=model.get("status", ""),
        since=model.get("since") or "",
        reason=model.get("reason") or "",
        metrics=metrics,
        f1_target=facts["target"]["f1"],
        target_met=facts["target"]["met"],
        workers=[
            pb.Worker(
                worker=state["worker"],
                desired_version=state["desired"] or "",
                loaded_version=state["loaded"] or "",
                error=state["error"] or "",
            )
            for state in facts["workers"]["states"]
        ],
        json=to_json(facts, inf_nan_mode="null").decode(),
    )
