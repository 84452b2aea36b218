"""How much each feature adds to a score: by occlusion, of all features or of those that can be a reason.

docs/decisions/reason-codes.md has the reasons and the measurement.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.ensemble import Ensemble
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.reason_codes import ReasonRanking
from loan_default_assets.model.tree_occlusion import TreeOcclusion

# A row with at most so many features to occlude is occluded in all of them: estimates would cost more than they save.
ALWAYS_OCCLUDED = 12
# Tokens are small, and what a backward pass keeps of larger blocks leaves the processor's cache.
ROWS_PER_GRADIENT = 64


class Contributions:
    """Contributions of features to calibrated log-odds; immutable, so threads may share it.

    A contribution is the drop in log-odds when the feature alone is set to its reference. That of the boosted trees is
    computed along the rows' paths, that of the additive model is read off; for that of the transformers, a copy of the
    row is scored per occluded feature.

    Args:
        ensemble: The members.
        slope: Slope of the calibration.
        reference: One encoded row.

    Examples:
        >>> from loan_default_assets.model.config import ModelConfig
        >>> from loan_default_assets.model.encoding import Encoding
        >>> from loan_default_assets.model.rows import Rows
        >>> from loan_default_assets.model.training import fit, pretrain
        >>> loans = Rows(np.eye(6, 3, dtype=np.float32), np.full((6, 2), 2, np.int16), np.array([0, 1] * 3))
        >>> config = ModelConfig(num_layers=1, pretrain_epochs=0, max_epochs=1, min_steps=1, members=2)
        >>> encoding = Encoding.fit(loans, (4, 4), config)
        >>> ensemble = Ensemble(fit(pretrain(loans, encoding, config), loans, loans, config))
        >>> rows = encoding.transform(loans.numerical, loans.categorical)
        >>> contributions = Contributions(ensemble, 1.0, rows.take(torch.tensor([0])))
        >>> contributions.exact(rows, ensemble.transformer_logits(rows)).shape, contributions.estimated(rows).shape
        ((6, 5), (6, 5))
    """

    def __init__(self, ensemble: Ensemble, slope: float, reference: EncodedRows) -> None:
        self._ensemble, self._slope, self._reference = ensemble, slope, reference
        self._trees = TreeOcclusion(ensemble.trees, reference) if ensemble.trees is not None else None
        with torch.no_grad():
            self._reference_tokens = [
                network.encoder.tokenizer(reference) for network, _ in ensemble.networks
            ]

    def exact(self, rows: EncodedRows, transformer_logits: np.ndarray) -> np.ndarray:
        """Exact contributions of all features.

        Args:
            rows: N encoded rows.
            transformer_logits: (n,) what the transformers add to the rows' log-odds.

        Returns:
            (n, N + C) float64 log-odds, numerical features first.
        """
        return self._slope * self._drops(
            rows, transformer_logits, self._from_stack(rows), self._differs(rows)
        )

    def decisive(
        self, rows: EncodedRows, transformer_logits: np.ndarray, adverse: np.ndarray, ranking: ReasonRanking
    ) -> np.ndarray:
        """Exact contributions of the features that can be among the reasons, by estimates of all of them.

        Args:
            rows: N encoded rows.
            transformer_logits: (n,) what the transformers add to the rows' log-odds.
            adverse: (n,) bool, True for an adverse decision.
            ranking: Chooses the features.

        Returns:
            (n, N + C) float64 log-odds, numerical features first; zero for the other features.
        """
        chosen, from_stack = self._differs(rows), self._from_stack(rows)
        many = np.flatnonzero(chosen.sum(axis=1) > ALWAYS_OCCLUDED)
        if len(many) and self._ensemble.networks:
            estimates = from_stack[many] + self._from_gradients(rows.take(torch.from_numpy(many)))
            estimates *= self._slope
            chosen[many] = ranking.candidates(estimates, chosen[many], adverse[many])
        return self._slope * self._drops(rows, transformer_logits, from_stack, chosen)

    def estimated(self, rows: EncodedRows) -> np.ndarray:
        """Contributions of all features: exact for trees and additive model, from gradients for the transformers.

        The line from the reference to the row is divided into as many parts as there are transformers, and each
        transformer's gradient is taken in the middle of another part: integrated gradients (Sundararajan et al. 2017)
        of the ensemble with one step per member.

        Args:
            rows: N encoded rows.

        Returns:
            (n, N + C) float64 log-odds, numerical features first.
        """
        return self._slope * (self._from_stack(rows) + self._from_gradients(rows))

    def _drops(
        self, rows: EncodedRows, transformer_logits: np.ndarray, from_stack: np.ndarray, chosen: np.ndarray
    ) -> np.ndarray:
        """(n, N + C) drops in log-odds before calibration, zero where `chosen` is False."""
        drops = np.where(chosen, from_stack, 0.0)
        if self._ensemble.networks:
            row, feature = chosen.nonzero()
            after = self._ensemble.transformer_logits(self._with_reference(rows, row, feature))
            drops[row, feature] += transformer_logits[row] - after
        return drops

    def _from_stack(self, rows: EncodedRows) -> np.ndarray:
        """(n, N + C) drops in the log-odds of boosted trees and additive model, before calibration."""
        total = np.zeros((len(rows), rows.numerical.shape[1] + rows.categorical.shape[1]))
        if self._trees is not None:
            total += self._ensemble.trees_factor * self._trees.drops(rows)
        if self._ensemble.additive is not None:
            added, reference = (self._ensemble.additive.contributions(of) for of in (rows, self._reference))
            total += self._ensemble.additive_factor * (added - reference)
        return total

    def _from_gradients(self, rows: EncodedRows) -> np.ndarray:
        total = np.zeros((len(rows), rows.numerical.shape[1] + rows.categorical.shape[1]))
        for block in torch.arange(len(rows)).split(ROWS_PER_GRADIENT):
            part = rows.take(block)
            for number, (network, factor) in enumerate(self._ensemble.networks):
                point = (number + 0.5) / len(self._ensemble.networks)
                drops = _first_order_drops(network, part, self._reference_tokens[number], point)
                total[block.numpy()] += factor * drops.numpy()
        return total

    def _differs(self, rows: EncodedRows) -> np.ndarray:
        """(n, N + C) bool: which cells are not the reference's."""
        reference = self._reference
        both_missing = rows.numerical.isnan() & reference.numerical.isnan()
        numerical = (rows.numerical != reference.numerical) & ~both_missing
        return torch.cat([numerical, rows.categorical != reference.categorical], 1).numpy()

    def _with_reference(self, rows: EncodedRows, row: np.ndarray, feature: np.ndarray) -> EncodedRows:
        """One copy of a row per pair of row and feature, with the feature set to its reference."""
        varied, width = rows.take(torch.from_numpy(row)), rows.numerical.shape[1]
        numerical, categorical = np.flatnonzero(feature < width), np.flatnonzero(feature >= width)
        columns = torch.from_numpy(feature[numerical])
        varied.numerical[torch.from_numpy(numerical), columns] = self._reference.numerical[0, columns]
        columns = torch.from_numpy(feature[categorical] - width)
        varied.categorical[torch.from_numpy(categorical), columns] = self._reference.categorical[0, columns]
        return varied


def _first_order_drops(network: Classifier, rows: EncodedRows, reference: Tensor, point: float) -> Tensor:
    """(B, T): the gradient of each token, times its distance from the reference's token (1, T, D).

    The gradient is taken at `point` on the line from the reference (0) to the row (1).
    """
    # The caller may have turned gradients off.
    with torch.inference_mode(False), torch.enable_grad():
        distance = (network.encoder.tokenizer(rows) - reference).detach()
        tokens = (reference + point * distance).requires_grad_(True)
        log_odds = network.classify(network.encoder.pool(tokens))
        (gradient,) = torch.autograd.grad(log_odds.sum(), tokens)
    return (gradient * distance).sum(-1)
