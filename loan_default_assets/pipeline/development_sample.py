"""PDs and outcomes of the validation rows of a model's training, by what was not fitted on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.reports.figures.proportions import FigureSource

if TYPE_CHECKING:
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.training import FittedModel

# Of a model that kept no scores, so many validation rows are scored; more would cost time, and move no bound visibly.
SCORED_ROWS = 5_000


@dataclass(frozen=True)
class DevelopmentSample:
    """Validation rows of a training.

    Attributes:
        pd: (m,) float64 calibrated PDs, each by members that were not fitted on that row.
        label: (m,) 0 or 1.
        source: Where they are recorded.
    """

    pd: np.ndarray
    label: np.ndarray
    source: FigureSource

    def __len__(self) -> int:
        return len(self.pd)


def validation_roc_auc(model: FittedModel) -> float:
    """ROC-AUC on the validation rows, each scored by members that were not fitted on it.

    Args:
        model: As its training returned it.

    Raises:
        ValueError: The model is of a release that kept no scores of these rows.
    """
    from loan_default_assets.model.metrics import roc_auc

    kept = model.validation
    if kept is None:
        raise ValueError("the model kept no scores of its validation rows; train it again")
    return roc_auc(kept.outcome, kept.log_odds)


def stored_sample(predictor: Predictor) -> DevelopmentSample | None:
    """The sample that a model was stored with; None for a model of a release that kept none."""
    kept, calibration = predictor.model.validation, predictor.model.calibration
    if kept is None:
        return None
    arrays = kept.arrays()
    return DevelopmentSample(
        calibration.probability(arrays["log_odds"]),
        arrays["outcome"].astype(np.int8),
        FigureSource("validation.safetensors", f"artifact={predictor.version}, rows={len(kept.outcome)}"),
    )


def development_sample(predictor: Predictor, snapshot: TrainingSnapshot) -> DevelopmentSample:
    """The sample of a model, whatever snapshot it is evaluated on.

    Args:
        predictor: The model.
        snapshot: Its validation rows are scored where the model kept no scores: such a model was fitted on training
            rows alone.
    """
    found = stored_sample(predictor)
    if found is not None:
        return found
    index, rows = snapshot.split.validation, snapshot.rows
    if len(index) > SCORED_ROWS:
        index = np.sort(np.random.default_rng(0).choice(index, SCORED_ROWS, replace=False))
    scored = predictor.predict(rows.numerical[index], rows.categorical[index])
    source = f"snapshot={snapshot.digest[:16]}, part=validation, rows={len(index)}, model={predictor.version}"
    return DevelopmentSample(scored.pd, rows.label[index], FigureSource("processed_data", source))
