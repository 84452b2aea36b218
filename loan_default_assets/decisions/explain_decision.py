"""One recorded decision explained: its features are opened, and the model that made it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from loan_default_assets.decisions.explained_columns import (
    actionable_columns,
    column_text,
    column_unit,
    data_categories,
    scored_values,
)
from loan_default_assets.decisions.model_scorers import TOLERANCE, ModelScorer, load_scorer
from loan_default_assets.decisions.opened_features import opened_features
from loan_default_assets.model.decision_explanation import (
    CorrectedDecision,
    DecisionExplanation,
    DecisionGrade,
    ManualDecision,
    ModelVerdict,
    ModelWarning,
    Value,
    ValueChange,
    category_shares,
    decision_grade,
)
from loan_default_assets.model.nearest_changes import nearest_changes
from loan_default_assets.model.omitted import Omitted
from loan_default_assets.model.reason_codes import ReasonCode, ReasonRanking
from loan_default_assets.policy.verdict_warnings import recorded_warnings
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.ungrouped_numbers import is_ungrouped
from loan_default_assets.warehouse.chain_links import StoredPrediction
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationInputs, EvaluationLog, newest_counted
from loan_default_assets.warehouse.oversight import OversightLog, Rescoring
from loan_default_assets.warehouse.recorded_predictions import find_prediction
from loan_default_assets.warehouse.registry import ModelRecord, Registry
from loan_default_assets.warehouse.sealed_features import AlteredFeatures

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore

# The lower PDs of the grades above the first, from an evaluation of a model.
GradeBounds = Callable[[EvaluationInputs, ModelScorer], "np.ndarray | Omitted"]
LoadScorer = Callable[[Path, str], ModelScorer]


class NotExplainedError(Exception):
    """A decision cannot be explained; the message says why and what to run next, and holds no value.

    Attributes:
        kind: `unknown`: it was never recorded; `gone`: its data or its record were deleted; `unusable`: records,
            portfolio or model do not allow it.
    """

    def __init__(self, kind: Literal["unknown", "gone", "unusable"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class ExplanationInputs:
    """Where an explanation reads from.

    Attributes:
        grade_bounds: Gives the rating grades of an evaluation.
        load_scorer: Loads a model; a caller may keep what it loaded.
    """

    portfolio: Portfolio
    database: Database
    registry: Registry
    evaluations: EvaluationLog
    store: ArtifactStore
    grade_bounds: GradeBounds
    load_scorer: LoadScorer = load_scorer


def explain_decision(
    inputs: ExplanationInputs, request_id: str, position: int, corrected: Mapping[str, Value]
) -> DecisionExplanation:
    """Explain the decision on one application of a request.

    Args:
        inputs: Where to read.
        request_id: The UUID of the request.
        position: Index of the application within it, from 0.
        corrected: Values by column with which to score the application again; this changes no record.

    Raises:
        NotExplainedError: There is no such prediction, its features were erased or altered, the portfolio is not that
            of its model, or the model does not give the recorded PD.
        ArtifactError: The files of the model are missing or damaged.
    """
    row = _prediction(inputs, request_id, position)
    values = _features(row)
    record = inputs.registry.get(row.model_version)
    scorer = _scorer(inputs, record)
    _refuse_another_pd(row, values, scorer)
    portfolio = inputs.portfolio
    contributions = scorer.contributions(values)
    history = inputs.evaluations.history(record.version)
    newest = newest_counted(history) if history else None
    bounds = inputs.grade_bounds(newest, scorer) if newest else Omitted("explanation.not_evaluated")
    actionable = actionable_columns(portfolio, scorer.predictor.model.encoding)
    explanation = DecisionExplanation(
        request_id=request_id,
        position=position,
        loan_id=row.loan_id,
        scored_at=datetime.fromisoformat(json.loads(row.created_at)).replace(tzinfo=UTC),
        decision=row.decision,
        pd=row.probability,
        threshold=row.threshold,
        grade=_grade(bounds, row.probability),
        model=_verdict(record, newest),
        reasons=_reasons(row, portfolio, contributions),
        shares=category_shares(contributions, data_categories(portfolio)),
        values=scored_values(portfolio, values),
        actionable=len(actionable),
        changes=nearest_changes(values, actionable, scorer.score, row.threshold),
        overrides=tuple(
            ManualDecision(int(each.decision or 0), each.reason, each.recorded_at)
            for each in OversightLog(inputs.database).overrides_of(request_id, position)
        ),
    )
    if not corrected:
        return explanation
    pd = float(scorer.score([{**values, **corrected}])[0])
    return replace(
        explanation,
        correction=CorrectedDecision(
            tuple(
                ValueChange(
                    column_text(portfolio, name),
                    values.get(name),
                    value,
                    column_unit(portfolio.columns[name]),
                    not is_ungrouped(name, portfolio.columns[name]),
                )
                for name, value in corrected.items()
            ),
            int(pd >= row.threshold),
            pd,
            _grade(bounds, pd),
        ),
    )


def rescoring_of(explanation: DecisionExplanation) -> Rescoring | None:
    """What is recorded of the correction in an explanation; None without one."""
    if explanation.correction is None:
        return None
    return Rescoring(
        explanation.request_id,
        explanation.position,
        explanation.model.version,
        [each.column.code for each in explanation.correction.values],
        explanation.correction.decision,
        explanation.correction.pd,
    )


def _prediction(inputs: ExplanationInputs, request_id: str, position: int) -> StoredPrediction:
    found, name = find_prediction(inputs.database, request_id, position), inputs.portfolio.name
    if found.row is not None:
        return found.row
    if found.pruned:
        raise NotExplainedError(
            "gone",
            f"prediction {position} of request {request_id} was deleted by retention\n"
            f"Next: loan-default verify {request_id}",
        )
    if found.recorded:
        raise NotExplainedError(
            "unknown",
            f"request {request_id} has no prediction {position}: it has {found.recorded:,}, numbered from 0\n"
            f"Next: loan-default explain {request_id} --position 0",
        )
    raise NotExplainedError(
        "unknown",
        f"no prediction of request {request_id} is recorded in portfolio {name}; the service delivers its predictions "
        "within seconds\nNext: loan-default status, which shows the portfolio and its predictions",
    )


def _features(row: StoredPrediction) -> Mapping[str, Any]:
    [values] = opened_features([row])
    name = f"prediction {row.position} of request {row.request_id}"
    if values is None:
        raise NotExplainedError(
            "gone",
            f"the data of {name} were erased, so its decision can no longer be explained\n"
            f"Next: loan-default verify {row.request_id}, which shows that the record is complete",
        )
    if isinstance(values, AlteredFeatures):
        raise NotExplainedError(
            "unusable",
            f"the data of {name} cannot be opened: {values}\nNext: loan-default verify {row.request_id}",
        )
    return values


def _scorer(inputs: ExplanationInputs, record: ModelRecord) -> ModelScorer:
    if record.portfolio_hash != inputs.portfolio.hash:
        raise NotExplainedError(
            "unusable",
            f"model {record.version} decided under another description of portfolio {inputs.portfolio.name}, whose "
            "texts and columns the explanation needs\n"
            "Next: the same command with --portfolio FILE, the portfolio file as it was then",
        )
    folder = inputs.store.check(record).required().path
    return inputs.load_scorer(folder, record.artifact_sha256)


def _refuse_another_pd(row: StoredPrediction, values: Mapping[str, Any], scorer: ModelScorer) -> None:
    """An explanation of another score than the recorded one would explain nothing."""
    name = f"prediction {row.position} of request {row.request_id}"
    if not scorer.can_score(values):
        raise NotExplainedError(
            "unusable",
            f"{name} is of an earlier release, which did not record the date of the application\n"
            f"Next: loan-default verify {row.request_id}",
        )
    try:
        pd = float(scorer.score([values])[0])
    except (ValueError, TypeError):
        # Its text may quote the application.
        pd = float("nan")
    if not abs(pd - row.probability) <= TOLERANCE or row.threshold != scorer.threshold:
        raise NotExplainedError(
            "unusable",
            f"model {row.model_version} does not give the recorded PD and threshold of {name}\n"
            f"Next: loan-default verify {row.request_id}",
        )


def _grade(bounds: np.ndarray | Omitted, pd: float) -> DecisionGrade | Omitted:
    return bounds if isinstance(bounds, Omitted) else decision_grade(bounds, pd)


def _verdict(record: ModelRecord, found: EvaluationInputs | None) -> ModelVerdict:
    if found is None:
        return ModelVerdict(record.version, record.status)
    return ModelVerdict(
        record.version,
        record.status,
        found.evaluation.role,
        found.evaluation.verdict,
        found.id,
        tuple(ModelWarning(each.kind, each.text) for each in recorded_warnings(found.inputs)),
    )


def _reasons(
    row: StoredPrediction, portfolio: Portfolio, contributions: np.ndarray
) -> tuple[ReasonCode, ...]:
    """The reason codes that were recorded with the decision; where none were, those of the model."""
    if recorded := json.loads(row.reasons or "null"):
        return tuple(ReasonCode(**reason) for reason in recorded)
    return ReasonRanking(portfolio.reason_texts()).rank(contributions, adverse=row.decision == 1)
