"""Dropout whose masks come from a seeded byte stream: on a CPU the generator is most of what dropout costs."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Noise:
    """A seeded stream of random bytes for the masks of one training."""

    def __init__(self, seed: int) -> None:
        self.bits = np.random.SFC64(seed)

    def keep(self, shape: torch.Size, p: float) -> Tensor:
        """Zeros with probability p, rounded to 1/256, and otherwise what keeps the mean at one; float32."""
        dropped = round(256 * p)
        count = shape.numel()
        drawn = self.bits.random_raw((count + 7) // 8).view(np.uint8)[:count]
        scale = np.float32(256 / (256 - dropped))
        return torch.from_numpy(np.multiply(drawn >= dropped, scale, dtype=np.float32)).view(shape)


def dropout(x: Tensor, p: float, noise: Noise | None) -> Tensor:
    """Inverted dropout of any shape; without noise (scoring) or with p = 0 the input itself."""
    if noise is None or p == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    return x * noise.keep(x.shape, p)
