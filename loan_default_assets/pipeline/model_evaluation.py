"""One model on the evaluation window, the baseline beside it, and the comparison of two models."""

import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.pipeline.evaluation_window import EvaluationWindow
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.policy.promotion import Comparison, EvaluatedModel
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
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
    metrics: "Metrics"

    def as_dict(self) -> dict[str, Any]:
        """Name and figures as they are recorded with an evaluation."""
        return {"name": self.name, "metrics": self.metrics.values}


def evaluate_model(record: ModelRecord, portfolio: Portfolio, window: EvaluationWindow) -> ModelEvaluation:
    """Score the window with the registered artifact and compute the metrics.

    A model that cannot score the window is returned with its failure; no error is raised.
    """
    from loan_default_assets.model.artifact import ArtifactError
    from loan_default_assets.model.metrics import evaluate
    from loan_default_assets.model.predictor import Predictor

    schema_matches = record.portfolio_hash == portfolio.hash
    probability, artifact_matches, finite, failure = None, True, False, ""
    if schema_matches:
        try:
            predictor = Predictor.from_artifact(
                Path(record.artifact_uri), sha256=record.artifact_sha256, portfolio_hash=portfolio.hash
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
    failure = failure or (_smoke_failure(record) if finite else "")
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
    )
    return ModelEvaluation(
        record.version, probability if finite else None, threshold, metrics, policy_input, failure
    )


def compare(
    challenger: ModelEvaluation, champion: ModelEvaluation | None, window: EvaluationWindow
) -> Comparison | None:
    """Paired bootstrap of challenger minus champion; None where either has no probabilities."""
    from loan_default_assets.model.metrics import paired_bootstrap

    if champion is None or champion.probability is None or challenger.probability is None:
        return None
    paired = paired_bootstrap(
        window.label, challenger.probability, challenger.threshold, champion.probability, champion.threshold
    )
    return Comparison(paired.df1_low, paired.df1_high, paired.dauc_low, paired.dauc_high)


def evaluate_baseline(
    portfolio: Portfolio, snapshot: TrainingSnapshot, window: EvaluationWindow, seed: int
) -> BaselineEvaluation:
    """HistGradientBoosting fitted on the snapshot's training rows, its threshold from the validation rows."""
    from loan_default_assets.model.baseline import baseline
    from loan_default_assets.model.metrics import evaluate

    fitted = baseline(
        snapshot.select(snapshot.split.train),
        snapshot.select(snapshot.split.validation),
        window.rows,
        portfolio.features.cardinalities,
        seed,
    )
    return BaselineEvaluation(fitted.name, evaluate(window.label, fitted.probability, fitted.threshold))


def _undefined_metrics() -> "Metrics":
    from loan_default_assets.model.metrics import METRICS, Metrics

    return Metrics(dict.fromkeys(METRICS, math.nan), dict.fromkeys(METRICS, (math.nan, math.nan)))


def _smoke_failure(record: ModelRecord) -> str:
    """The last error line of a fresh process that loads the artifact and scores a row; empty when it succeeds."""
    command = [
        sys.executable,
        "-m",
        "loan_default_assets.model.smoke",
        record.artifact_uri,
        record.artifact_sha256,
    ]
    result = subprocess.run(command, timeout=_SMOKE_SECONDS, capture_output=True, text=True, check=False)
    lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
    return "" if result.returncode == 0 else lines[-1]
