"""The log-odds of a fitted classifier: its transformers, boosted trees and additive model, weighted."""

from __future__ import annotations

import numpy as np
import torch

from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.fine_tuning import blockwise
from loan_default_assets.model.member_weights import combine
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.stacking import stacked_logits
from loan_default_assets.model.training import FittedModel


class Ensemble:
    """The members of a fitted model, loaded for scoring on the CPU; immutable, so threads may share it.

    Args:
        model: The fitted model.

    Examples:
        >>> from loan_default_assets.model.config import ModelConfig
        >>> from loan_default_assets.model.encoding import Encoding
        >>> from loan_default_assets.model.rows import Rows
        >>> from loan_default_assets.model.training import fit, pretrain
        >>> loans = Rows(np.eye(6, 3, dtype=np.float32), np.full((6, 2), 2, np.int16), np.array([0, 1] * 3))
        >>> config = ModelConfig(num_layers=1, pretrain_epochs=0, max_epochs=1, min_steps=1, members=2)
        >>> encoding = Encoding.fit(loans, (4, 4), config)
        >>> ensemble = Ensemble(fit(pretrain(loans, encoding, config), loans, loans, config))
        >>> ensemble.logits(encoding.transform(loans.numerical, loans.categorical)).shape
        (6,)
    """

    def __init__(self, model: FittedModel) -> None:
        self._members, self._trees, self._additive = model.members, model.trees, model.additive
        with torch.random.fork_rng(devices=[]):
            self._networks = [Classifier(model.encoding, model.config) for _ in model.states]
        for network, state in zip(self._networks, model.states, strict=True):
            network.load_state_dict(state)
            network.requires_grad_(False).eval()

    def logits(self, rows: EncodedRows) -> np.ndarray:
        """Score rows.

        Args:
            rows: N encoded rows.

        Returns:
            (n,) float64 log-odds, before calibration.
        """
        parts = [blockwise(network, rows).numpy() for network in self._networks]
        return combine(self._members, [*parts, *stacked_logits(self._trees, self._additive, rows)])
