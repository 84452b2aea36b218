"""Two views of a loan, and the loss that makes them recognise each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.dropout import Noise
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.network import TabTransformer


def nt_xent(a: Tensor, b: Tensor, temperature: float = 0.5) -> Tensor:
    """Normalised temperature-scaled cross-entropy (SimCLR, Chen et al. 2020): (B, P), (B, P) -> scalar.

    Each of the 2B vectors has to pick its partner among the 2B - 1 others; the partner counts once.
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
    """B rows -> (2B, D), both views in one pass: the first B are one view, the rest the other.

    `mask`: each view hides its own random cells behind learned vectors. `scarf`: the first view is the loan, in
    the second random cells are redrawn from the same column of `population`.
    """
    tokens = encoder.tokenizer
    if config.view == "mask":
        clean = tokens(rows)
        hidden = torch.rand(2, *clean.shape[:2], generator=generator) < config.mask_rate
        return encoder.pool(tokens.hide(clean, hidden.to(clean.device)), noise)
    redrawn = EncodedRows(
        _redraw(rows.numerical, population.numerical, config.scarf_rate, generator),
        _redraw(rows.categorical, population.categorical, config.scarf_rate, generator),
    )
    return encoder.pool(torch.cat([tokens(rows), tokens(redrawn)]), noise)


def _redraw(cells: Tensor, population: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """Cells of (B, F) replaced, each with probability `rate`, by another row's cell of the same column."""
    source = torch.randint(len(population), cells.shape, generator=generator).to(cells.device)
    chosen = torch.rand(cells.shape, generator=generator).to(cells.device) < rate
    return torch.where(chosen, population.gather(0, source), cells)
