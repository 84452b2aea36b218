"""What pretraining minimizes: the weighted sum of a contrastive, a reconstruction and a target-aware loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.contrastive import nt_xent, two_views
from loan_default_assets.model.dropout import Noise
from loan_default_assets.model.encoding import EncodedRows, Encoding
from loan_default_assets.model.network import TabTransformer, head
from loan_default_assets.model.reconstruction import CellDecoder


class PretrainingObjective(nn.Module):
    """The loss of a batch, with the parts of the network that only pretraining has.

    A term whose weight is 0 has no parts and costs nothing. The target-aware term predicts the outcome from both views
    of the rows that have one (Rubachev et al. 2022).

    Args:
        encoder: The network that is pretrained.
        encoding: Columns, cardinalities and bin edges.
        config: Weights of the terms, views and widths.

    Examples:
        >>> import numpy as np
        >>> from loan_default_assets.model.rows import Rows
        >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> config = ModelConfig(reconstruction_weight=1.0, target_weight=1.0)
        >>> encoding = Encoding.fit(loans, (4, 4), config)
        >>> data, encoder = encoding.transform(loans.numerical, loans.categorical), TabTransformer(encoding, config)
        >>> objective = PretrainingObjective(encoder, encoding, config)
        >>> objective(encoder, data, torch.tensor([0, 1, -1] * 2), data, Noise(0), torch.Generator()).shape
        torch.Size([])
    """

    def __init__(self, encoder: TabTransformer, encoding: Encoding, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.project, self.decoder, self.predict = None, None, None
        if config.contrastive_weight:
            self.project = head(encoder.width, config.d_model, config.projection)
        if config.reconstruction_weight:
            self.decoder = CellDecoder(encoding, config)
        if config.target_weight:
            self.predict = head(encoder.width, config.head_hidden, 1)

    def forward(
        self,
        encoder: TabTransformer,
        rows: EncodedRows,
        label: Tensor,
        population: EncodedRows,
        noise: Noise,
        generator: torch.Generator,
    ) -> Tensor:
        """The loss of B rows, a scalar.

        Args:
            label: (B,) 0, 1, or -1 for a row whose outcome is not used.
            population: Rows that `scarf` draws from.
            noise: Source of the dropout masks.
            generator: CPU generator that chooses the cells of the views.
        """
        config = self.config
        views = two_views(encoder.tokenizer, rows, population, config, generator)
        contextual = encoder.contextual(views.tokens, noise)
        pooled = encoder.summarize(contextual)
        terms = []
        if self.project is not None:
            a, b = self.project(pooled).chunk(2)
            terms.append(config.contrastive_weight * nt_xent(a, b, config.temperature))
        if self.decoder is not None:
            terms.append(config.reconstruction_weight * self.decoder(contextual, views.altered, rows))
        if self.predict is not None:
            terms.append(config.target_weight * _labelled_loss(self.predict(pooled).squeeze(-1), label))
        return torch.stack(terms).sum()


def _labelled_loss(log_odds: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy of the rows with a label, over both views; 0 where none has one."""
    known = (label >= 0).repeat(2)
    target = label.clamp_min(0).repeat(2).to(log_odds.dtype)
    losses = F.binary_cross_entropy_with_logits(log_odds, target, reduction="none")
    return (losses * known).sum() / known.sum().clamp_min(1)
