"""The one way from features to PD, decision and reason codes, for evaluation, service and the `score` command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from loan_default_assets.model.artifact import load
from loan_default_assets.model.contributions import Contributions
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.ensemble import Ensemble
from loan_default_assets.model.freed_memory import keep_freed_memory
from loan_default_assets.model.reason_codes import ReasonCode, ReasonRanking
from loan_default_assets.model.training import FittedModel

ReasonMode = Literal["none", "adverse", "all"]

# Each explained row is scored once per feature, so fewer of them fit into the same memory.
EXPLAINED_ROWS_PER_BLOCK = 500


@dataclass(frozen=True)
class ScoredRows:
    """Scores of n rows.

    Attributes:
        pd: (n,) float64, calibrated probabilities of default.
        decision: (n,) int8, 1 (adverse) where the PD reaches the threshold.
        reasons: N tuples of reason codes, empty where none were requested.
    """

    pd: np.ndarray
    decision: np.ndarray
    reasons: tuple[tuple[ReasonCode, ...], ...]


class Predictor:
    """A fitted model that scores on the CPU; immutable, so threads may share it.

    Args:
        model: The fitted model.
        version: Version of its artifact.
        feature_names: Names of its features, as in the artifact.
        portfolio_hash: Hash of the portfolio it was trained under.
        reason_texts: (code, en, ko) of each feature, numerical first; needed for reason codes only.

    Raises:
        ValueError: The number of reason texts is not that of the features.
    """

    def __init__(
        self,
        model: FittedModel,
        version: str,
        feature_names: dict[str, tuple[str, ...]],
        portfolio_hash: str = "",
        reason_texts: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        encoding = model.encoding
        features = len(encoding.knots) + len(encoding.cardinalities)
        if reason_texts and len(reason_texts) != features:
            raise ValueError(f"reason_texts must be one per feature ({features}), got {len(reason_texts)}")
        self.version, self.feature_names, self.portfolio_hash = version, feature_names, portfolio_hash
        self.threshold = model.threshold
        self.model = model
        self.ensemble = Ensemble(model)
        self._ranking = ReasonRanking(reason_texts) if reason_texts else None
        reference = encoding.transform(
            encoding.reference_numerical[None], encoding.reference_categorical[None]
        )
        self._contributions = Contributions(self.ensemble, model.calibration.slope, reference)

    @classmethod
    def from_artifact(
        cls,
        path: Path | str,
        *,
        sha256: str | None = None,
        portfolio_hash: str | None = None,
        reason_texts: Sequence[tuple[str, str, str]] = (),
    ) -> Predictor:
        """Load the predictor of an artifact.

        Args:
            path: Folder of the artifact.
            sha256: Digest that the artifact must have.
            portfolio_hash: Portfolio that the model must have been trained under.
            reason_texts: (code, en, ko) of each feature, numerical first; needed for reason codes only.

        Raises:
            ArtifactError: The artifact is missing, damaged, another one, or a bare encoder.
            ValueError: The number of reason texts is not that of the features.
        """
        loaded = load(path, sha256=sha256, portfolio_hash=portfolio_hash)
        return cls(
            loaded.classifier(), loaded.version, loaded.feature_names, loaded.portfolio_hash, reason_texts
        )

    def predict(
        self,
        numerical: np.ndarray,
        categorical: np.ndarray,
        *,
        reasons: ReasonMode | Sequence[ReasonMode] = "none",
    ) -> ScoredRows:
        """Score rows.

        Args:
            numerical: (n, N) float32 unscaled values, NaN for a missing value.
            categorical: (n, C) int16 codes.
            reasons: `adverse` explains the adverse decisions, `all` every decision, `none` no decision; or one of
                these per row.

        Raises:
            EncodingError: The number of columns differs, or a code is out of range.
            ValueError: `reasons` is none of the above, or the predictor has no reason texts.

        Examples:
            >>> from loan_default_assets.model.config import ModelConfig
            >>> from loan_default_assets.model.encoding import Encoding
            >>> from loan_default_assets.model.rows import Rows
            >>> from loan_default_assets.model.training import fit, pretrain
            >>> loans = Rows(np.eye(6, 3, dtype=np.float32), np.full((6, 2), 2, np.int16), np.array([0, 1] * 3))
            >>> config = ModelConfig(num_layers=1, pretrain_epochs=0, max_epochs=1, min_steps=1, members=2)
            >>> model = fit(pretrain(loans, Encoding.fit(loans, (4, 4), config), config), loans, loans, config)
            >>> texts = [(name, name, name) for name in ("income", "debt", "age", "region", "purpose")]
            >>> predictor = Predictor(model, "c0", {}, reason_texts=texts)
            >>> scored = predictor.predict(loans.numerical, loans.categorical, reasons="all")
            >>> scored.pd.shape, scored.decision.dtype, len(scored.reasons)
            ((6,), dtype('int8'), 6)
            >>> predictor.contributions(loans.numerical, loans.categorical).shape
            (6, 5)
        """
        keep_freed_memory()
        rows = self.model.encoding.transform(numerical, categorical)
        transformer_logits = self.ensemble.transformer_logits(rows)
        pd = self.model.calibration.probability(self.ensemble.logits(rows, transformer_logits))
        decision = (pd >= self.threshold).astype(np.int8)
        explained = _explained_rows(decision, reasons)
        return ScoredRows(pd, decision, self._reasons(rows, transformer_logits, decision, explained))

    def contributions(self, numerical: np.ndarray, categorical: np.ndarray) -> np.ndarray:
        """How much each feature adds to the calibrated log-odds of default.

        One feature at a time is set to its reference in the training rows (the median, the most frequent code); its
        contribution is the drop in log-odds, above zero where the loan's own value raises the risk.

        Args:
            numerical: (n, N) float32 unscaled values, NaN for a missing value.
            categorical: (n, C) int16 codes.

        Returns:
            (n, N + C) float64, numerical features first.

        Raises:
            EncodingError: The number of columns differs, or a code is out of range.
        """
        keep_freed_memory()
        rows = self.model.encoding.transform(numerical, categorical)
        result = np.zeros((len(rows), numerical.shape[1] + categorical.shape[1]))
        for block in torch.arange(len(rows)).split(EXPLAINED_ROWS_PER_BLOCK):
            part = rows.take(block)
            before = self.ensemble.transformer_logits(part)
            result[block.numpy()] = self._contributions.exact(part, before)
        return result

    def _reasons(
        self, rows: EncodedRows, transformer_logits: np.ndarray, decision: np.ndarray, explained: np.ndarray
    ) -> tuple[tuple[ReasonCode, ...], ...]:
        reasons: list[tuple[ReasonCode, ...]] = [()] * len(rows)
        # An empty tensor splits into one empty block, not into none.
        if not len(explained):
            return tuple(reasons)
        if self._ranking is None:
            raise ValueError("reason codes need the predictor's reason_texts: pass portfolio.reason_texts()")
        for block in torch.from_numpy(explained).split(EXPLAINED_ROWS_PER_BLOCK):
            index = block.numpy()
            adverse = decision[index].astype(bool)
            contributions = self._contributions.decisive(
                rows.take(block), transformer_logits[index], adverse, self._ranking
            )
            for row, is_adverse, contribution in zip(
                index.tolist(), adverse.tolist(), contributions, strict=True
            ):
                reasons[row] = self._ranking.rank(contribution, adverse=is_adverse)
        return tuple(reasons)


def _explained_rows(decision: np.ndarray, modes: ReasonMode | Sequence[ReasonMode]) -> np.ndarray:
    """Positions of the rows that get reason codes, int64."""
    if isinstance(modes, str):
        if modes == "all":
            return np.arange(len(decision))
        if modes == "adverse":
            return np.flatnonzero(decision)
        if modes == "none":
            return np.zeros(0, np.int64)
    elif len(modes) != len(decision):
        raise ValueError(f"reasons must be one per row ({len(decision)}), got {len(modes)}")
    elif {"none", "adverse", "all"}.issuperset(modes):
        adverse = decision.tolist()
        return np.array(
            [i for i, mode in enumerate(modes) if mode == "all" or (mode == "adverse" and adverse[i])],
            np.int64,
        )
    raise ValueError(f"reasons must be none, adverse or all, got {modes!r}")
