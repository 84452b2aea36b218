"""Recorded features scored again by the model of an artifact, under the portfolio that the artifact holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.portfolio.recorded_features import RecordedFeatures
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    from loan_default_assets.model.predictor import Predictor

# Largest difference of a reproduced PD.
TOLERANCE = 1e-6
# A source and a first day are no part of an artifact, and no part of the features.
_NOT_STORED = {"source": {"kind": "synthetic"}, "start": "1970-01-01"}


class ModelScorer:
    """One model, as it scored.

    Attributes:
        threshold: The threshold of its artifact.
        predictor: The model.
        portfolio: That of the artifact.
    """

    def __init__(self, predictor: "Predictor", portfolio: Portfolio) -> None:
        self.threshold = predictor.threshold
        self.predictor, self.portfolio = predictor, portfolio
        self._recorded = RecordedFeatures(portfolio)

    def can_score(self, features: Mapping[str, Any]) -> bool:
        """Whether the date is there from which the model's features count days, where it has such features."""
        return self._recorded.complete(features)

    def score(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """(n,) PDs of n applications.

        Raises:
            ValueError: A value is not of its column's kind.
        """
        features = self._recorded.features(rows)
        return self.predictor.predict(features.numerical, features.categorical).pd

    def contributions(self, row: Mapping[str, Any]) -> np.ndarray:
        """(N + C,) log-odds that each feature of an application adds, numerical features first.

        Raises:
            ValueError: A value is not of its column's kind.
        """
        features = self._recorded.features([row])
        contributions: np.ndarray = self.predictor.contributions(features.numerical, features.categorical)[0]
        return contributions


def load_scorer(folder: Path, sha256: str) -> ModelScorer:
    """The model of an artifact.

    Raises:
        ArtifactError: The files are missing, damaged, or those of an encoder.
        ValueError: The portfolio in the artifact does not give the model's features.
    """
    from loan_default_assets.model.artifact import load
    from loan_default_assets.model.predictor import Predictor

    loaded = load(folder, sha256=sha256)
    predictor = Predictor(loaded.classifier(), loaded.version, loaded.feature_names)
    return ModelScorer(predictor, _portfolio(loaded.portfolio, loaded.feature_names))


def _portfolio(stored: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> Portfolio:
    """The portfolio that was stored; its order of columns, which JSON lost, is that of the features."""
    described = _NOT_STORED | dict(stored)
    ordered = (*names["numbers"], *names["categories"])
    for key in ("columns", "derive"):
        found = described.get(key) or {}
        described[key] = {name: found[name] for name in ordered if name in found} | found
    if not described.get("as_of"):
        del described["start"]
    portfolio = Portfolio.model_validate(described)
    features = portfolio.features
    if (tuple(features.numerical), tuple(features.categorical)) != (
        tuple(names["numbers"]),
        tuple(names["categories"]),
    ):
        raise ValueError("the portfolio stored with the model does not give the model's features")
    return portfolio
