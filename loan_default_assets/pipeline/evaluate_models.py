"""One window, and what each model does on it: the figures that the promotion rule and the tables are given."""

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.pipeline.training_snapshot import NoRows, TrainingSnapshot
from loan_default_assets.policy.promotion import Comparison, EvaluatedModel, PromotionLimits
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.metrics import Metrics
    from loan_default_assets.model.rows import Rows

METRICS = ("f1", "precision", "recall", "accuracy", "roc_auc", "pr_auc", "ks", "brier", "ece")
_SMOKE_SECONDS = 120


@dataclass(frozen=True)
class Window:
    """The rows of a judgement: the newest matured ones that none of the models was fitted on."""

    rows: "Rows"
    label: np.ndarray
    first: date | None
    last: date | None


@dataclass(frozen=True)
class Measured:
    """A model on the window: probabilities (n,), figures with intervals, and what the promotion rule asks.

    `fault`: why it cannot score or be served, for the log; empty for a sound model.
    """

    version: str
    probability: np.ndarray | None
    threshold: float
    metrics: "Metrics"
    judged: EvaluatedModel
    fault: str = ""


@dataclass(frozen=True)
class BaselineEvaluation:
    """A plain model fitted on the same training rows, on the same window."""

    name: str
    metrics: "Metrics"

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "metrics": self.metrics.values}


def window_of(taken: TrainingSnapshot, models: Sequence[ModelRecord]) -> Window:
    """The snapshot's window, without the days that any of the models was fitted on. Raises: NoRows."""
    index = taken.split.window
    fitted = [model.trained_to for model in models if model.trained_to is not None]
    days = taken.rows.as_of[index]
    if fitted and not np.isnat(days).any():
        index = index[days > np.datetime64(max(fitted), "D")]
    if not len(index):
        raise NoRows("no matured loan is newer than what the models were fitted on; load newer partitions")
    rows = taken.select(index)
    days = taken.rows.as_of[index]
    dated = not np.isnat(days).any()
    return Window(
        rows=rows,
        label=taken.rows.label[index],
        first=days.min().astype(object) if dated else None,
        last=days.max().astype(object) if dated else None,
    )


def measure(model: ModelRecord, portfolio: Portfolio, window: Window) -> Measured:
    """Scores the window with the registered artefact. A model that cannot score is measured, with its fault named."""
    from loan_default_assets.model.artifact import ArtifactError
    from loan_default_assets.model.metrics import evaluate
    from loan_default_assets.model.predictor import Predictor

    schema_matches = model.portfolio_hash == portfolio.hash
    probability, artefact_matches, finite, fault = None, True, False, ""
    if schema_matches:
        try:
            predictor = Predictor.from_artifact(
                Path(model.artifact_uri), sha256=model.artifact_sha256, portfolio_hash=portfolio.hash
            )
            probability = predictor.score(window.rows.numerical, window.rows.categorical).probability
            finite = bool(np.isfinite(probability).all())
        except ArtifactError as error:
            artefact_matches, fault = False, str(error)
    threshold = model.threshold if model.threshold is not None else 0.5
    metrics = (
        evaluate(window.label, probability, threshold)
        if probability is not None and finite
        else _unmeasured()
    )
    fault = fault or (_smoke(model) if finite else "")
    judged = EvaluatedModel(
        version=model.version,
        rows=len(window.label),
        positives=int((window.label == 1).sum()),
        f1=metrics.values["f1"],
        roc_auc_low=metrics.intervals["roc_auc"][0],
        ece=metrics.values["ece"],
        outputs_finite=finite,
        schema_matches=schema_matches,
        artefact_matches=artefact_matches,
        smoke_passed=finite and not fault,
    )
    return Measured(model.version, probability if finite else None, threshold, metrics, judged, fault)


def compare(candidate: Measured, champion: Measured | None, window: Window) -> Comparison | None:
    """Paired bootstrap of candidate minus champion; None where there is nothing to compare with."""
    from loan_default_assets.model.metrics import paired_bootstrap

    if champion is None or champion.probability is None or candidate.probability is None:
        return None
    paired = paired_bootstrap(
        window.label, candidate.probability, candidate.threshold, champion.probability, champion.threshold
    )
    return Comparison(paired.df1_low, paired.df1_high, paired.dauc_low, paired.dauc_high)


def baseline(portfolio: Portfolio, taken: TrainingSnapshot, window: Window, seed: int) -> BaselineEvaluation:
    """HistGradientBoosting on the snapshot's training rows, its threshold from the validation rows."""
    from loan_default_assets.model.baseline import baseline as fit_baseline
    from loan_default_assets.model.metrics import evaluate

    fitted = fit_baseline(
        taken.select(taken.split.train),
        taken.select(taken.split.validation),
        window.rows,
        portfolio.features.cardinalities,
        seed,
    )
    return BaselineEvaluation(fitted.name, evaluate(window.label, fitted.probability, fitted.threshold))


def limits(settings: Settings) -> PromotionLimits:
    """The promotion rule's limits, as set by the environment."""
    return PromotionLimits(
        f1_threshold=settings.f1_score_threshold,
        policy=settings.promotion_policy,
        sample_threshold=settings.retraining_sample_threshold,
        positive_threshold=settings.retraining_positive_threshold,
    )


def _unmeasured() -> "Metrics":
    from loan_default_assets.model.metrics import Metrics

    return Metrics(dict.fromkeys(METRICS, math.nan), dict.fromkeys(METRICS, (math.nan, math.nan)))


def _smoke(model: ModelRecord) -> str:
    """Nothing where a fresh process loads the artefact and scores a row; its last line of error otherwise."""
    command = [
        sys.executable,
        "-m",
        "loan_default_assets.model.smoke",
        model.artifact_uri,
        model.artifact_sha256,
    ]
    done = subprocess.run(command, timeout=_SMOKE_SECONDS, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return "" if done.returncode == 0 else lines[-1]
