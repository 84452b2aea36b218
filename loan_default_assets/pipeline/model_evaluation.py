"""One model on the evaluation window, the references beside it, and the comparison of two models."""

import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.pipeline.evaluation_window import EvaluationWindow
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.policy.promotion_figures import Comparison, EvaluatedModel
from loan_default_assets.policy.reference_gate import ReferenceDifference
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.metrics import Metrics

_SMOKE_SECONDS = 120


@dataclass(frozen=True)
class ModelEvaluation:
    """One model on the evaluation window.

    Attributes:
        probability: (n,) calibrated probabilities of default; None where the model cannot score the window.
        metrics: Figures with their 95 % intervals; NaN where the model cannot score the window.
        policy_input: What the promotion policy decides on.
        failure: Why the model cannot score or be served; empty where it can.
    """

    version: str
    probability: np.ndarray | None
    threshold: float
    metrics: "Metrics"
    policy_input: EvaluatedModel
    failure: str = ""


@dataclass(frozen=True)
class BaselineEvaluation:
    """A plain model fitted on the same training rows, on the same window."""

    name: str
    probability: np.ndarray
    threshold: float
    metrics: "Metrics"


@dataclass(frozen=True)
class References:
    """The plain models beside which challenger and champion are evaluated.

    Attributes:
        best: The one with the highest ROC-AUC on the window.
        others: The rest.
    """

    best: BaselineEvaluation
    others: tuple[BaselineEvaluation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Names and figures as they are recorded with an evaluation."""
        others = [{"name": other.name, "metrics": other.metrics.values} for other in self.others]
        return {"name": self.best.name, "metrics": self.best.metrics.values, "others": others}


def evaluate_model(
    record: ModelRecord, portfolio: Portfolio, window: EvaluationWindow, store: "ArtifactStore"
) -> ModelEvaluation:
    """Score the window with the registered artifact and compute the metrics.

    A model that cannot score the window is returned with its failure; no error is raised.
    """
    from loan_default_assets.model.artifact import ArtifactError
    from loan_default_assets.model.metrics import evaluate
    from loan_default_assets.model.predictor import Predictor

    schema_matches = record.portfolio_hash == portfolio.hash
    probability, artifact_matches, finite, failure = None, True, False, ""
    folder = Path()
    if schema_matches:
        try:
            folder = store.folder(record)
            predictor = Predictor.from_artifact(
                folder, sha256=record.artifact_sha256, portfolio_hash=portfolio.hash
            )
            probability = predictor.predict(window.rows.numerical, window.rows.categorical).pd
            finite = bool(np.isfinite(probability).all())
        except ArtifactError as error:
            artifact_matches, failure = False, str(error)
    threshold = record.threshold if record.threshold is not None else 0.5
    metrics = (
        evaluate(window.label, probability, threshold)
        if probability is not None and finite
        else _undefined_metrics()
    )
    failure = failure or (_smoke_failure(folder, record.artifact_sha256) if finite else "")
    policy_input = EvaluatedModel(
        version=record.version,
        rows=len(window.label),
        positives=window.positives,
        f1=metrics.values["f1"],
        roc_auc_low=metrics.intervals["roc_auc"][0],
        ece=metrics.values["ece"],
        outputs_finite=finite,
        schema_matches=schema_matches,
        artifact_matches=artifact_matches,
        smoke_passed=finite and not failure,
        resampled_auc_low=metrics.resampled_auc_low,
    )
    return ModelEvaluation(
        record.version, probability if finite else None, threshold, metrics, policy_input, failure
    )


def compare(
    challenger: ModelEvaluation, champion: ModelEvaluation | None, window: EvaluationWindow
) -> Comparison | None:
    """Paired differences of challenger minus champion; None where either has no probabilities."""
    from loan_default_assets.model.metrics import paired_differences

    if champion is None or champion.probability is None or challenger.probability is None:
        return None
    paired = paired_differences(
        window.label, challenger.probability, challenger.threshold, champion.probability, champion.threshold
    )
    return Comparison(paired.df1_low, paired.df1_high, paired.dauc_low, paired.dauc_high)


def evaluate_references(
    portfolio: Portfolio, snapshot: TrainingSnapshot, window: EvaluationWindow, seed: int
) -> References:
    """The references fitted on the snapshot's training and validation rows; the latter choose their thresholds."""
    from loan_default_assets.model.baseline import baselines
    from loan_default_assets.model.metrics import evaluate

    fitted = baselines(
        snapshot.select(snapshot.split.train),
        snapshot.select(snapshot.split.validation),
        window.rows,
        portfolio.features.cardinalities,
        seed,
        prior_odds=snapshot.prior_odds,
    )
    evaluated = [
        BaselineEvaluation(
            scores.name,
            scores.probability,
            scores.threshold,
            evaluate(window.label, scores.probability, scores.threshold),
        )
        for scores in fitted
    ]
    # A window of one class defines no ROC-AUC; the first reference stands in then.
    best = max(evaluated, key=lambda baseline: np.nan_to_num(baseline.metrics.values["roc_auc"], nan=-1.0))
    return References(best, tuple(other for other in evaluated if other is not best))


def difference_to_reference(
    model: ModelEvaluation, references: References, window: EvaluationWindow
) -> ReferenceDifference | None:
    """Paired difference of model minus best reference; None where the model has no probabilities."""
    from loan_default_assets.model.metrics import paired_differences

    if model.probability is None:
        return None
    best = references.best
    paired = paired_differences(
        window.label, model.probability, model.threshold, best.probability, best.threshold
    )
    return ReferenceDifference(best.name, paired.dauc_low, paired.dauc_high, best.metrics.resampled_auc_low)


def _undefined_metrics() -> "Metrics":
    from loan_default_assets.model.metrics import METRICS, Metrics

    return Metrics(dict.fromkeys(METRICS, math.nan), dict.fromkeys(METRICS, (math.nan, math.nan)))


def _smoke_failure(folder: Path, sha256: str) -> str:
    """The last error line of a fresh process that loads the artifact and scores a row; empty when it succeeds."""
    command = [sys.executable, "-m", "loan_default_assets.model.smoke", str(folder), sha256]
    result = subprocess.run(command, timeout=_SMOKE_SECONDS, capture_output=True, text=True, check=False)
    lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
    return "" if result.returncode == 0 else lines[-1]
