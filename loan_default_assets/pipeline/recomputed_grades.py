"""Rating grades computed again from the rows of an evaluation, as its model report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loan_default_assets.decisions.explain_decision import GradeBounds
from loan_default_assets.decisions.model_scorers import ModelScorer
from loan_default_assets.pipeline.evaluated_snapshot import evaluated_snapshot
from loan_default_assets.pipeline.report_rows import validation_sample
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.rating_grades import grade_bounds
from loan_default_assets.warehouse.evaluations import EvaluationInputs
from loan_default_assets.warehouse.loans import Loans

if TYPE_CHECKING:
    import numpy as np

    from loan_default_assets.model.split_bounds import SplitLimits


def recomputed_grade_bounds(loans: Loans, limits: SplitLimits) -> GradeBounds:
    """Gives the bounds of an evaluation, or why its rows are no longer there.

    Args:
        loans: Where to read.
        limits: The limits of the split; with others than those of the evaluation there is another split.
    """

    def bounds(found: EvaluationInputs, scorer: ModelScorer) -> np.ndarray | Omitted:
        snapshot = evaluated_snapshot(loans, limits, found)
        if isinstance(snapshot, Omitted):
            return snapshot
        index, rows = validation_sample(snapshot), snapshot.rows
        predicted = scorer.predictor.predict(rows.numerical[index], rows.categorical[index])
        return grade_bounds(rows.label[index], predicted.pd)

    return bounds
