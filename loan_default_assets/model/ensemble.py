"""The log-odds of a fitted classifier: its transformers, boosted trees and additive model, weighted."""

from __future__ import annotations

import numpy as np
import torch

from loan_default_assets.model.additive_model import AdditiveModel
from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.fine_tuning import blockwise
from loan_default_assets.model.member_weights import combine
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.training import FittedModel


class Ensemble:
    """The members of a fitted model, loaded for scoring on the CPU; immutable, so threads may share it.

    A member without weight is not scored.

    Args:
        model: The fitted model.

    Attributes:
        networks: The transformers with their factors on raw log-odds.
        trees: Gradient boosting; None where it has no weight.
        trees_factor: Factor on its raw log-odds.

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
        >>> ensemble.transformer_logits(rows).shape, ensemble.logits(rows).shape
        ((6,), (6,))
    """

    def __init__(self, model: FittedModel) -> None:
        with torch.random.fork_rng(devices=[]):
            networks = [Classifier(model.encoding, model.config) for _ in model.states]
        for network, state in zip(networks, model.states, strict=True):
            network.load_state_dict(state)
            network.requires_grad_(False).eval()
        transformers = [member for member in model.members if member.kind == "transformer"]
        weighted = [pair for pair in zip(networks, transformers, strict=True) if pair[1].factor]
        self._transformers = [member for _, member in weighted]
        self.networks = tuple((network, member.factor) for network, member in weighted)
        factors = {member.kind: member.factor for member in model.members}
        self.trees_factor, self.additive_factor = factors.get("boosting", 0.0), factors.get("additive", 0.0)
        self.trees: BoostedTrees | None = model.trees if self.trees_factor else None
        self.additive: AdditiveModel | None = model.additive if self.additive_factor else None

    def transformer_logits(self, rows: EncodedRows) -> np.ndarray:
        """What the transformers add to the ensemble's log-odds.

        Args:
            rows: N encoded rows.

        Returns:
            (n,) float64.
        """
        parts = [blockwise(network, rows).numpy() for network, _ in self.networks]
        return combine(self._transformers, parts) if parts else np.zeros(len(rows))

    def logits(
        self,
        rows: EncodedRows,
        transformer_logits: np.ndarray | None = None,
        tree_logits: np.ndarray | None = None,
    ) -> np.ndarray:
        """Score rows.

        Args:
            rows: N encoded rows.
            transformer_logits: What the transformers add, where that is known already.
            tree_logits: The log-odds of the boosted trees, where they are known already.

        Returns:
            (n,) float64 log-odds, before calibration.
        """
        total = self.transformer_logits(rows) if transformer_logits is None else transformer_logits
        if self.trees is not None:
            total = total + self.trees_factor * (
                self.trees.logits(rows) if tree_logits is None else tree_logits
            )
        if self.additive is not None:
            total = total + self.additive_factor * self.additive.logits(rows)
        return total
