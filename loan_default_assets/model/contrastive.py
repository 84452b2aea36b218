"""Two views of a loan, and the contrastive loss that brings them together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.network import Tokenizer


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


@dataclass(frozen=True)
class Views:
    """Two views of B rows; the first B are one view, the rest the other.

    Attributes:
        tokens: (2B, T, D) tokens.
        altered: (2B, T) bool, True for a cell that was replaced; a redrawn cell may equal the row's own.

    Examples:
        >>> views = Views(torch.zeros(12, 5, 32), torch.zeros(12, 5, dtype=torch.bool))
        >>> views.altered.shape
        torch.Size([12, 5])
    """

    tokens: Tensor
    altered: Tensor


def two_views(
    tokenizer: Tokenizer,
    rows: EncodedRows,
    population: EncodedRows,
    config: ModelConfig,
    generator: torch.Generator,
) -> Views:
    """Two views of the same rows.

    With `config.view` = `mask`, each view replaces its own random cells by learned vectors. With `scarf`, the first
    view is the row itself and the second has random cells redrawn from the same column of `population`.

    Args:
        tokenizer: Makes the tokens.
        rows: B rows.
        population: Rows that `scarf` draws from.
        config: Kind and rate of the views.
        generator: CPU generator that chooses the cells.

    Examples:
        >>> from loan_default_assets.model.encoding import Encoding
        >>> from loan_default_assets.model.rows import Rows
        >>> import numpy as np
        >>> loans = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> config, encoding = ModelConfig(), Encoding.fit(loans, (4, 4), ModelConfig())
        >>> data = encoding.transform(loans.numerical, loans.categorical)
        >>> two_views(Tokenizer(encoding, config), data, data, config, torch.Generator()).tokens.shape
        torch.Size([12, 5, 32])
    """
    if config.view == "mask":
        clean = tokenizer(rows)
        hidden = (torch.rand(2, *clean.shape[:2], generator=generator) < config.mask_rate).to(clean.device)
        return Views(tokenizer.hide(clean, hidden), hidden.flatten(0, 1))
    numerical, new_numerical = _redraw(rows.numerical, population.numerical, config.scarf_rate, generator)
    categorical, new_categorical = _redraw(
        rows.categorical, population.categorical, config.scarf_rate, generator
    )
    redrawn = torch.cat([new_numerical, new_categorical], 1)
    tokens = torch.cat([tokenizer(rows), tokenizer(EncodedRows(numerical, categorical))])
    return Views(tokens, torch.cat([torch.zeros_like(redrawn), redrawn]))


def _redraw(
    cells: Tensor, population: Tensor, rate: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Replace each cell of (B, F) with probability `rate` by another row's cell of the same column; which ones."""
    source = torch.randint(len(population), cells.shape, generator=generator).to(cells.device)
    chosen = torch.rand(cells.shape, generator=generator).to(cells.device) < rate
    return torch.where(chosen, population.gather(0, source), cells), chosen
