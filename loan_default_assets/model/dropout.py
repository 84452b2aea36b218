"""Dropout whose masks come from a seeded byte stream.

On a CPU, drawing the masks is most of what dropout costs: docs/decisions/dropout-and-attention.md.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Noise:
    """A seeded stream of random bytes for the dropout masks of one training.

    Args:
        seed: Seed of the stream; equal seeds give equal masks.

    Examples:
        >>> torch.equal(Noise(0).keep(torch.Size([4, 3]), 0.5), Noise(0).keep(torch.Size([4, 3]), 0.5))
        True
    """

    def __init__(self, seed: int) -> None:
        self.bits = np.random.SFC64(seed)

    def keep(self, shape: torch.Size, p: float) -> Tensor:
        """Draw one mask.

        Args:
            shape: Any shape.
            p: Probability of a zero, rounded to 1/256.

        Returns:
            A float32 tensor of `shape`: zero with probability p, otherwise the factor that keeps the mean at one.

        Examples:
            >>> Noise(0).keep(torch.Size([100]), 0.5).unique()
            tensor([0., 2.])
        """
        dropped = round(256 * p)
        count = shape.numel()
        drawn = self.bits.random_raw((count + 7) // 8).view(np.uint8)[:count]
        scale = np.float32(256 / (256 - dropped))
        return torch.from_numpy(np.multiply(drawn >= dropped, scale, dtype=np.float32)).view(shape)


def dropout(x: Tensor, p: float, noise: Noise | None) -> Tensor:
    """Inverted dropout.

    Args:
        x: A tensor of any shape.
        p: Dropout rate.
        noise: Source of the masks on a CPU; None for scoring. Other devices use torch's own dropout.

    Returns:
        A tensor of the same shape; `x` itself without noise or with p = 0.

    Examples:
        >>> x = torch.ones(2, 3)
        >>> dropout(x, 0.3, Noise(0)).shape
        torch.Size([2, 3])
        >>> dropout(x, 0.3, None) is x
        True
    """
    if noise is None or p == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    return x * noise.keep(x.shape, p)
