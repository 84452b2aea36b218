"""Reconstruction of the cells that a view has altered, from their contextual tokens."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows, Encoding

# Classes of a numerical feature without bins: equal shares of the normal scores.
CLASSES_WITHOUT_BINS = 16


class CellDecoder(nn.Module):
    """Classifies each altered cell: a numerical one by its bin or as missing, a categorical one by its code.

    Every column has a linear map of its own; all are one batched product.

    Args:
        encoding: Columns, cardinalities and bin edges.
        config: Width and number of bins.

    Examples:
        >>> from loan_default_assets.model.rows import Rows
        >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> config, encoding = ModelConfig(), Encoding.fit(loans, (4, 4), ModelConfig())
        >>> data = encoding.transform(loans.numerical, loans.categorical)
        >>> decoder = CellDecoder(encoding, config)
        >>> decoder.classes(data).shape
        torch.Size([6, 5])
        >>> decoder(torch.zeros(12, 5, 32), torch.ones(12, 5, dtype=torch.bool), data).shape
        torch.Size([])
    """

    cuts: Tensor
    impossible: Tensor

    def __init__(self, encoding: Encoding, config: ModelConfig) -> None:
        super().__init__()
        cuts = _cuts(encoding, config)
        self.register_buffer("cuts", torch.from_numpy(cuts), persistent=False)
        sizes = torch.tensor([cuts.shape[1] + 2] * len(cuts) + list(encoding.cardinalities))
        tokens, most, bound = len(sizes), int(sizes.max()), config.d_model**-0.5
        self.weight = nn.Parameter(torch.empty(tokens, config.d_model, most).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(tokens, 1, most))
        beyond = torch.arange(most) >= sizes[:, None, None]
        self.register_buffer(
            "impossible", torch.zeros(beyond.shape).masked_fill(beyond, -torch.inf), persistent=False
        )

    def forward(self, contextual: Tensor, altered: Tensor, rows: EncodedRows) -> Tensor:
        """Mean cross-entropy of the altered cells; other cells do not count.

        Args:
            contextual: (2B, T, D) contextual tokens of two views.
            altered: (2B, T) bool.
            rows: The B rows as they are.
        """
        logits = torch.baddbmm(self.bias + self.impossible, contextual.transpose(0, 1), self.weight)
        classes = self.classes(rows).T.repeat(1, 2)
        counted = altered.T
        total = F.cross_entropy(logits[counted], classes[counted], reduction="sum")
        return total / counted.sum().clamp_min(1)

    def classes(self, rows: EncodedRows) -> Tensor:
        """(B, T) int64 class of every cell, numerical features first; the last of a numerical one is missing."""
        found = torch.searchsorted(self.cuts, rows.numerical.T.contiguous()).T
        numerical = torch.where(rows.numerical.isnan(), self.cuts.shape[1] + 1, found)
        return torch.cat([numerical, rows.categorical], 1)


def _cuts(encoding: Encoding, config: ModelConfig) -> np.ndarray:
    """(N, K - 1) float32 bounds between the K classes of the values of each numerical feature."""
    if config.bins:
        return np.ascontiguousarray(encoding.edges[:, 1:-1])
    shares = torch.linspace(0, 1, CLASSES_WITHOUT_BINS + 1)[1:-1]
    return np.tile(torch.special.ndtri(shares).numpy(), (len(encoding.knots), 1)).astype(np.float32)
