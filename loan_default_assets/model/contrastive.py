"""Contrastive pretraining: two views of a loan, and the loss that brings them together."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.dropout import Noise
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.network import TabTransformer


def nt_xent(a: Tensor, b: Tensor, temperature: float = 0.5) -> Tensor:
    """Normalised temperature-scaled cross-entropy (SimCLR, Chen et al. 2020).

    Each of the 2B vectors is classified as its partner among the 2B - 1 others; the partner counts once.

    Args:
        a: (B, P) vectors of the first view.
        b: (B, P) vectors of the second view.
        temperature: Divisor of the cosine similarities.

    Returns:
        The mean loss, a scalar.

    Examples:
        >>> loss = nt_xent(torch.eye(4), torch.eye(4))
        >>> loss.shape, round(loss.item(), 4)
        (torch.Size([]), 0.5944)
    """
    both = F.normalize(torch.cat([a, b]), dim=1)
    similarity = (both @ both.T / temperature).fill_diagonal_(-torch.inf)
    partner = torch.arange(len(both), device=both.device).roll(len(a))
    return F.cross_entropy(similarity, partner)


def two_views(
    encoder: TabTransformer,
    rows: EncodedRows,
    population: EncodedRows,
    config: ModelConfig,
    noise: Noise,
    generator: torch.Generator,
) -> Tensor:
    """Encode two views of the same rows in one pass.

    With `config.view` = `mask`, each view replaces its own random cells by learned vectors. With `scarf`, the first
    view is the row itself and the second has random cells redrawn from the same column of `population`.

    Args:
        encoder: The network.
        rows: B rows.
        population: Rows that `scarf` draws from.
        config: Kind and rate of the views.
        noise: Source of the dropout masks.
        generator: CPU generator that chooses the cells.

    Returns:
        (2B, W): the first B are one view, the rest the other.

    Examples:
        >>> from loan_default_assets.model.encoding import Encoding
        >>> from loan_default_assets.model.rows import Rows
        >>> import numpy as np
        >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> config, encoding = ModelConfig(), Encoding.fit(loans, (4, 4), ModelConfig())
        >>> data = encoding.transform(loans.numerical, loans.categorical)
        >>> encoder = TabTransformer(encoding, config)
        >>> two_views(encoder, data, data, config, Noise(0), torch.Generator()).shape
        torch.Size([12, 72])
    """
    tokenizer = encoder.tokenizer
    if config.view == "mask":
        clean = tokenizer(rows)
        hidden = torch.rand(2, *clean.shape[:2], generator=generator) < config.mask_rate
        return encoder.pool(tokenizer.hide(clean, hidden.to(clean.device)), noise)
    redrawn = EncodedRows(
        _redraw(rows.numerical, population.numerical, config.scarf_rate, generator),
        _redraw(rows.categorical, population.categorical, config.scarf_rate, generator),
    )
    return encoder.pool(torch.cat([tokenizer(rows), tokenizer(redrawn)]), noise)


def _redraw(cells: Tensor, population: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """Replace each cell of (B, F) with probability `rate` by another row's cell of the same column."""
    source = torch.randint(len(population), cells.shape, generator=generator).to(cells.device)
    chosen = torch.rand(cells.shape, generator=generator).to(cells.device) < rate
    return torch.where(chosen, population.gather(0, source), cells)
