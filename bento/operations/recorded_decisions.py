"""What people ask of a recorded decision: its explanation, a rescoring with corrected data, and an override.

Every function blocks on database, files and model.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from bento.schemas import problems
from bento.schemas.problems import Detail, Problem, Refused
from loan_default_assets.decisions.corrections import CorrectionError, checked_corrections
from loan_default_assets.decisions.explain_decision import (
    ExplanationInputs,
    NotExplainedError,
    explain_decision,
    rescoring_of,
)
from loan_default_assets.decisions.model_scorers import ModelScorer, load_scorer
from loan_default_assets.model.artifact_files import ArtifactError, ArtifactRootError
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.model.decision_explanation import DecisionExplanation
from loan_default_assets.model.omitted import Omitted
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.reports.rendering.explanation_text import explanation_object
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.evaluations import EvaluationInputs, EvaluationLog
from loan_default_assets.warehouse.oversight import Override, OverrideRefused, OversightLog
from loan_default_assets.warehouse.registry import Registry

# Models that stay in memory for explanations, besides the champion.
_KEPT_MODELS = 2
_KINDS: dict[str, Problem] = {
    "unknown": problems.NO_PREDICTION,
    "gone": problems.PREDICTION_GONE,
    "unusable": problems.NOT_EXPLAINED,
}


class RecordedDecisions:
    """The recorded decisions of one portfolio.

    Args:
        store: Finds the files of any model that ever decided.
    """

    def __init__(self, portfolio: Portfolio, database: Database, store: ArtifactStore) -> None:
        evaluations = EvaluationLog(database)

        def recorded_bounds(found: EvaluationInputs, _: ModelScorer) -> np.ndarray | Omitted:
            bounds = evaluations.grades(found.id)
            return Omitted("explanation.grades_not_recorded") if bounds is None else np.array(bounds)

        self._portfolio, self._log = portfolio, OversightLog(database)
        self._inputs = ExplanationInputs(
            portfolio,
            database,
            Registry(database),
            evaluations,
            store,
            recorded_bounds,
            lru_cache(maxsize=_KEPT_MODELS)(load_scorer),
        )

    def explain(self, request_id: str, position: int) -> dict[str, Any]:
        """The explanation as JSON values, with its text in both languages.

        Raises:
            Refused: There is nothing to explain, or records or files cannot be read.
        """
        return explanation_object(self._explained(request_id, position, {}))

    def rescore(
        self, request_id: str, position: int, corrections: Mapping[str, Any], actor: str
    ) -> dict[str, Any]:
        """The explanation with what the same model decides on corrected values; that it was done is recorded.

        Raises:
            Refused: See `explain`; or the portfolio does not allow a correction.
        """
        try:
            corrected = checked_corrections(self._portfolio, corrections)
        except CorrectionError as error:
            field = f"corrections.{error.column}" if error.column else "corrections"
            raise Refused(problems.INVALID.with_details([Detail(field, str(error))])) from None
        found = self._explained(request_id, position, corrected)
        if rescoring := rescoring_of(found):
            try:
                self._log.record_rescoring(rescoring, actor)
            except WarehouseError:
                raise Refused(problems.RECORDS_AWAY) from None
        return explanation_object(found)

    def override(self, override: Override, actor: str) -> dict[str, Any]:
        """Record another decision beside the prediction; the record as JSON values.

        Raises:
            Refused: There is no such prediction, or the override is refused.
        """
        try:
            recorded = self._log.record_override(override, actor)
        except OverrideRefused as refused:
            if refused.kind == "unknown":
                raise Refused(problems.NO_PREDICTION) from None
            raise Refused(problems.NOT_OVERRIDDEN.with_message(str(refused))) from None
        except WarehouseError:
            raise Refused(problems.RECORDS_AWAY) from None
        return {
            "request_id": recorded.request_id,
            "position": recorded.position,
            "decision": recorded.decision,
            **recorded.details,
            "reason": recorded.reason,
            "model_version": recorded.version,
            "recorded_by": recorded.actor,
            "recorded_at": recorded.recorded_at.isoformat(),
        }

    def _explained(self, request_id: str, position: int, corrected: Mapping[str, Any]) -> DecisionExplanation:
        try:
            return explain_decision(self._inputs, request_id, position, corrected)
        except NotExplainedError as error:
            problem = _KINDS[error.kind].with_message(str(error).partition("\n")[0])
        except (ArtifactError, ArtifactRootError, WarehouseError) as error:
            problem = (
                problems.RECORDS_AWAY
                if isinstance(error, WarehouseError)
                else problems.NOT_EXPLAINED.with_message(
                    "the files of the model that decided cannot be read; loan-default doctor says why"
                )
            )
        raise Refused(problem)
