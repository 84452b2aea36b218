"""Conversion between gRPC messages and the types of the service."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from bento.generated import loan_default_pb2 as pb
from bento.inference.scored_applications import ScoredRequest

REASONS = {pb.REASONS_ADVERSE: "adverse", pb.REASONS_ALL: "all", pb.REASONS_NONE: "none"}


def values(message: pb.PredictRequest, *, dated: bool) -> dict[str, Any]:
    """The message as the values of a JSON body.

    Args:
        message: One loan.
        dated: Whether the portfolio has date columns, which may be required.
    """
    fields: dict[str, Any] = {
        "categorical_features": dict(message.categorical_features),
        "numerical_features": dict(message.numerical_features),
        "reasons": REASONS.get(message.reasons, "unknown"),
    }
    if dated or message.date_features:
        fields["date_features"] = dict(message.date_features)
    for name in ("as_of", "loan_id"):
        if message.HasField(name):
            fields[name] = getattr(message, name)
    return fields


def responses(scored: ScoredRequest) -> list[pb.PredictResponse]:
    """One message per loan."""
    return [
        pb.PredictResponse(
            prediction=loan.prediction,
            probability=loan.probability,
            threshold=scored.threshold,
            reasons=[
                pb.Reason(code=r.code, en=r.en, ko=r.ko, contribution=r.contribution) for r in loan.reasons
            ],
            model_version=scored.model_version,
            request_id=scored.request_id,
        )
        for loan in scored.loans
    ]


def model_info(content: Mapping[str, Any]) -> pb.ModelInfoResponse:
    """The content of /model-info: the most used parts as fields, all of it as JSON."""
    model, evaluation = content["model"] or {}, content["evaluation"] or {}
    metrics = {name: value for name, value in evaluation.get("metrics", {}).items() if value is not None}
    return pb.ModelInfoResponse(
        portfolio=content["portfolio"],
        model_version=model.get("version", ""),
        threshold=model.get("threshold") or 0.0,
        status=model.get("status", ""),
        since=model.get("since") or "",
        reason=model.get("reason") or "",
        metrics=metrics,
        f1_target=content["target"]["f1"],
        target_met=content["target"]["met"],
        workers=[_worker(state) for state in content["workers"]["states"]],
        json=to_json(content, inf_nan_mode="null").decode(),
    )


def reloaded(content: Mapping[str, Any]) -> pb.ReloadModelResponse:
    """The content of the response of /reload-model."""
    return pb.ReloadModelResponse(
        expected=content["expected"],
        desired_version=content["desired"] or "",
        workers=[_worker(state) for state in content["states"]],
        outdated=content["outdated"],
    )


def _worker(state: Mapping[str, Any]) -> pb.Worker:
    return pb.Worker(
        worker=state["worker"],
        desired_version=state["desired"] or "",
        loaded_version=state["loaded"] or "",
        error=state["error"] or "",
        replica=state.get("replica", ""),
    )
