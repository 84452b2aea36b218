"""Training and validation rows as the transformers of a classifier share them, and which of them each one holds out."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.rows import Rows

# Defaults, and other rows, that each transformer needs to be stopped by; with fewer, all are stopped by all rows.
LEAST_OF_A_CLASS = 10
# The fold of a validation row that no transformer is fitted on.
HELD_OUT_BY_ALL = -1


@dataclass(frozen=True)
class LabelledRows:
    """What members are fitted on and stopped by, on the training device.

    Attributes:
        encoded: N encoded training rows, then m validation rows.
        target: (n + m,) float32 target probabilities: the label, or a mixture of label and teacher.
        outcome: (m,) bool of the validation rows, True for a default.
        fold: (m,) int64: the member that is not fitted on a validation row and is stopped by it; HELD_OUT_BY_ALL for
            every member.
        like_training: (m,) bool: the validation rows that members are fitted on unless they hold them out. Not all,
            where the training rows are a case-control sample.
    """

    encoded: EncodedRows
    target: Tensor
    outcome: np.ndarray
    fold: np.ndarray
    like_training: np.ndarray

    @property
    def training(self) -> int:
        """Number of training rows."""
        return len(self.target) - len(self.outcome)

    def held_out(self, member: int) -> np.ndarray:
        """(k,) positions, among the validation rows, of those that a member is stopped by.

        Args:
            member: Number of the member, from 0.
        """
        return np.flatnonzero((self.fold == member) | (self.fold == HELD_OUT_BY_ALL))

    def fitted(self, member: int) -> Tensor:
        """(l,) positions, among all rows, of those that a member is fitted on.

        Args:
            member: Number of the member, from 0.
        """
        kept = np.ones(len(self.target), bool)
        kept[self.training :] = self.like_training
        kept[self.training + self.held_out(member)] = False
        return torch.from_numpy(np.flatnonzero(kept)).to(self.target.device)


def folds_of(validation: Rows, members: int) -> np.ndarray:
    """The member that holds out each validation row: cross-fitting (Chernozhukov et al. 2018) of the newest loans.

    A row has the same fold in every training, and so has its like, since its values decide: a member that continues
    from its former weights was not fitted on a row that it holds out.

    Args:
        validation: M rows with labels.
        members: Transformers of the classifier.

    Returns:
        (m,) int64. HELD_OUT_BY_ALL for all rows where there is one member, or where a fold would have too few rows of a
        class to stop by.

    Examples:
        >>> amounts = np.arange(300, dtype=np.float32)[:, None]
        >>> rows = Rows(amounts, np.zeros((300, 0), np.int16), np.arange(300) % 2)
        >>> np.unique(folds_of(rows, 3)).tolist(), np.unique(folds_of(rows, 1)).tolist()
        ([0, 1, 2], [-1])
    """
    together = np.full(len(validation), HELD_OUT_BY_ALL, np.int64)
    if members < 2:
        return together
    pairs = zip(validation.numerical, validation.categorical, strict=True)
    fold = np.array([zlib.crc32(codes.tobytes(), zlib.crc32(values.tobytes())) for values, codes in pairs])
    fold = fold.astype(np.int64) % members
    outcome = validation.outcome()
    counts = np.stack([np.bincount(fold[part], minlength=members) for part in (outcome, ~outcome)])
    return fold if counts.min() >= LEAST_OF_A_CLASS else together
