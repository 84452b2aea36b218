"""Metrics of fits over seeds, ensembles made of stored scores, and differences to the best reference."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from loan_default_assets.model.calibration import expected_f1_threshold, platt
from loan_default_assets.model.metrics import PairedDifferences, evaluate, paired_differences
from loan_default_assets_tests.benchmarks.quality_scores import Fit, FitCost, FittedScores

MEASURES = ("roc_auc", "pr_auc", "ks", "brier", "log_loss", "ece", "f1")
LOWEST_PD = 1e-7


@dataclass(frozen=True)
class Measured:
    """One model on one set.

    Attributes:
        fits: One per seed; a single one for an ensemble of seeds.
        validation: (seeds,) values of each of MEASURES.
        window: The same on the window.
    """

    fits: tuple[Fit, ...]
    validation: dict[str, np.ndarray]
    window: dict[str, np.ndarray]

    @property
    def cost(self) -> FitCost:
        """Mean CPU seconds and largest memory over the seeds."""
        return FitCost(
            float(np.mean([fit.cost.training_seconds for fit in self.fits])),
            max(fit.cost.peak_megabytes for fit in self.fits),
        )


def measured(fits: Sequence[Fit], validation: np.ndarray, window: np.ndarray) -> Measured:
    """All measures of the fits of one model.

    Args:
        validation: Labels of the validation rows.
        window: Labels of the window.
    """
    return Measured(
        tuple(fits),
        _stacked([measures(validation, fit.scores.validation, fit.scores.threshold) for fit in fits]),
        _stacked([measures(window, fit.scores.window, fit.scores.threshold) for fit in fits]),
    )


def measures(label: np.ndarray, pd: np.ndarray, threshold: float) -> dict[str, float]:
    """The values of MEASURES."""
    values = evaluate(label, pd, threshold, bootstrap=0).values
    likelihood = np.where(label == 1, pd, 1 - pd).clip(LOWEST_PD)
    return {
        **{name: values[name] for name in MEASURES if name in values},
        "log_loss": -np.log(likelihood).mean(),
    }


def ensemble(members: Sequence[Sequence[Fit]], validation: np.ndarray) -> Fit:
    """Mean log-odds over the seeds of each member, then over the members, calibrated on the validation rows.

    Args:
        members: The fits of each member.
        validation: Labels of the validation rows.
    """
    validation_logit, window_logit = (
        np.mean(
            [np.mean([_logit(getattr(fit.scores, part)) for fit in fits], axis=0) for fits in members], axis=0
        )
        for part in ("validation", "window")
    )
    calibration = platt(validation_logit, validation)
    pd = calibration.probability(validation_logit)
    scores = FittedScores(pd, calibration.probability(window_logit), expected_f1_threshold(pd))
    costs = [fit.cost for fits in members for fit in fits]
    return Fit(
        scores,
        FitCost(sum(cost.training_seconds for cost in costs), max(cost.peak_megabytes for cost in costs)),
    )


def chosen(candidates: Mapping[str, Measured]) -> Measured:
    """The candidate with the highest mean ROC-AUC on the validation rows, at the cost of all candidates."""
    best = max(candidates.values(), key=lambda found: found.validation["roc_auc"].mean())
    seconds = sum(found.cost.training_seconds for found in candidates.values())
    peak = max(found.cost.peak_megabytes for found in candidates.values())
    fits = tuple(Fit(fit.scores, FitCost(seconds, peak)) for fit in best.fits)
    return Measured(fits, best.validation, best.window)


def difference(
    model: Sequence[Fit], reference: Sequence[Fit], window: np.ndarray, folder: Path
) -> PairedDifferences:
    """Model minus reference on the same rows: mean over pairs of seeds, of the differences and of their bounds.

    Args:
        window: Labels of the window.
        folder: Where differences are kept: a bootstrap over 10,000 rows takes longer than a small fit.
    """
    pairs = max(len(model), len(reference))
    found = [
        _difference(model[i % len(model)].scores, reference[i % len(reference)].scores, window, folder)
        for i in range(pairs)
    ]
    return PairedDifferences(**{name: float(np.mean([pair[name] for pair in found])) for name in found[0]})


def _difference(
    model: FittedScores, reference: FittedScores, window: np.ndarray, folder: Path
) -> dict[str, float]:
    thresholds = np.array([model.threshold, reference.threshold])
    key = hashlib.sha256()
    for values in (model.window, reference.window, window, thresholds):
        key.update(np.ascontiguousarray(values).tobytes())
    path = folder / f"{key.hexdigest()[:32]}.json"
    if path.exists():
        return json.loads(path.read_text("utf-8"))
    found = asdict(
        paired_differences(window, model.window, model.threshold, reference.window, reference.threshold)
    )
    folder.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(".tmp")
    written.write_text(json.dumps(found), "utf-8")
    written.replace(path)
    return found


def _logit(pd: np.ndarray) -> np.ndarray:
    clipped = pd.clip(LOWEST_PD, 1 - LOWEST_PD)
    return np.log(clipped / (1 - clipped))


def _stacked(values: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array([value[name] for value in values]) for name in MEASURES}
