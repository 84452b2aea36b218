"""Rating grades computed again from the validation rows of a training, as the model report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loan_default_assets.decisions.explain_decision import GradeBounds
from loan_default_assets.decisions.model_scorers import ModelScorer
from loan_default_assets.pipeline.development_sample import development_sample, stored_sample
from loan_default_assets.pipeline.evaluated_snapshot import evaluated_snapshot
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.rating_grades import grade_bounds
from loan_default_assets.warehouse.evaluations import EvaluationInputs
from loan_default_assets.warehouse.loans import Loans

if TYPE_CHECKING:
    import numpy as np

    from loan_default_assets.model.split_bounds import SplitLimits


def recomputed_grade_bounds(loans: Loans, limits: SplitLimits) -> GradeBounds:
    """Gives the bounds of an evaluation, or why the rows of a model that kept no scores are no longer there.

    Args:
        loans: Where to read.
        limits: The limits of the split; with others than those of the evaluation there is another split.
    """

    def bounds(found: EvaluationInputs, scorer: ModelScorer) -> np.ndarray | Omitted:
        sample = stored_sample(scorer.predictor)
        if sample is None:
            snapshot = evaluated_snapshot(loans, limits, found)
            if isinstance(snapshot, Omitted):
                return snapshot
            sample = development_sample(scorer.predictor, snapshot)
        return grade_bounds(sample.label, sample.pd)

    return bounds
