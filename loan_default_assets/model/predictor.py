"""The one way from features to a score: evaluation, the service and the command all come here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from loan_default_assets.model.artifact import load
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.training import FittedModel

BLOCK = 1024


@dataclass(frozen=True)
class ScoredRows:
    """`probability` (n,) float64 of default, calibrated; `decision` (n,) int8, 1 from the threshold on."""

    probability: np.ndarray
    decision: np.ndarray


class Predictor:
    """A fitted model ready to score on the CPU; safe to share between threads, as nothing in it changes."""

    def __init__(
        self,
        model: FittedModel,
        version: str,
        feature_names: dict[str, tuple[str, ...]],
        portfolio_hash: str = "",
    ) -> None:
        self.version, self.feature_names, self.portfolio_hash = version, feature_names, portfolio_hash
        self.threshold = model.threshold
        self.model = model
        with torch.random.fork_rng(devices=[]):
            self.network = Classifier(model.encoding, model.config)
        self.network.load_state_dict(model.state)
        self.network.requires_grad_(False).eval()

    @classmethod
    def from_artifact(
        cls, path: Path | str, *, sha256: str | None = None, portfolio_hash: str | None = None
    ) -> Predictor:
        """The scorer of a model folder. Raises ArtifactError as `artifact.load` does, and for a bare encoder."""
        loaded = load(path, sha256=sha256, portfolio_hash=portfolio_hash)
        return cls(loaded.classifier(), loaded.version, loaded.feature_names, loaded.portfolio_hash)

    def score(self, numerical: np.ndarray, categorical: np.ndarray) -> ScoredRows:
        """(n, N) float32 numbers with NaN and (n, C) int16 codes. Raises EncodingError for other columns."""
        logits = self._logits(self.model.encoding.transform(numerical, categorical))
        probability = self.model.calibration.probability(logits)
        return ScoredRows(probability, (probability >= self.threshold).astype(np.int8))

    def contributions(self, numerical: np.ndarray, categorical: np.ndarray) -> np.ndarray:
        """(n, N + C) float64, numbers first: how much each feature adds to the calibrated log-odds of default.

        One feature at a time is set to what is usual in training (the median, the most frequent code) and the
        drop in log-odds is taken: above zero, the loan's own value raises the risk.
        """
        encoding = self.model.encoding
        rows = encoding.transform(numerical, categorical)
        usual = encoding.transform(encoding.reference_numerical[None], encoding.reference_categorical[None])
        result = np.zeros((len(rows), numerical.shape[1] + categorical.shape[1]))
        for block in torch.arange(len(rows)).split(BLOCK):
            result[block.numpy()] = self._drops(rows.take(block), usual)
        return result

    def _drops(self, rows: EncodedRows, usual: EncodedRows) -> np.ndarray:
        numbers_differ = (rows.numerical != usual.numerical) & ~(
            rows.numerical.isnan() & usual.numerical.isnan()
        )
        differ = torch.cat([numbers_differ, rows.categorical != usual.categorical], 1)
        row, feature = differ.nonzero(as_tuple=True)
        varied, width = rows.take(row), rows.numerical.shape[1]
        cell = torch.arange(len(row))
        number, category = cell[feature < width], cell[feature >= width]
        varied.numerical[number, feature[number]] = usual.numerical[0, feature[number]]
        varied.categorical[category, feature[category] - width] = usual.categorical[
            0, feature[category] - width
        ]
        before, after = self._logits(rows), self._logits(varied)
        drops = np.zeros(differ.shape)
        drops[row.numpy(), feature.numpy()] = self.model.calibration.slope * (before[row.numpy()] - after)
        return drops

    def _logits(self, rows: EncodedRows) -> np.ndarray:
        with torch.inference_mode():
            blocks = [self.network(rows.take(index)) for index in torch.arange(len(rows)).split(BLOCK)]
            return torch.cat(blocks).numpy() if blocks else np.zeros(0)
