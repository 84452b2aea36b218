"""The rows of a training or a request as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


class RowsError(ValueError):
    """Arrays whose shapes, codes or labels do not fit together."""


@dataclass(frozen=True)
class Rows:
    """n loans: unscaled numbers and category codes, with or without outcomes.

    `numbers` is (n, N) float32 with NaN for missing; `categories` is (n, C) int16 with 0 for missing, 1 for a
    value the vocabulary lacks and 2.. for its values; `label` is (n,) int8 with 1 for a default and -1 for none.
    """

    numerical: np.ndarray
    categorical: np.ndarray
    label: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.numerical.ndim != 2 or self.categorical.ndim != 2:
            raise RowsError(
                f"numbers and categories must be tables, however: {self.numerical.shape=}, {self.categorical.shape=}"
            )
        lengths = {len(self.numerical), len(self.categorical)}
        if self.label is not None:
            lengths.add(len(self.label))
        if len(lengths) != 1:
            raise RowsError(f"numbers, categories and label differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.numerical)

    def take(self, index: np.ndarray) -> Rows:
        """The rows at `index`, in its order."""
        label = None if self.label is None else self.label[index]
        return Rows(self.numerical[index], self.categorical[index], label)

    def without_label(self) -> Rows:
        """The same rows, outcomes left out."""
        return Rows(self.numerical, self.categorical)

    def outcome(self) -> np.ndarray:
        """(n,) bool, True for a default. Raises RowsError when a row has no label or only one class is there."""
        if self.label is None or not np.isin(self.label, (0, 1)).all():
            raise RowsError("every row needs a label, 0 or 1: leave out the rows that have none yet")
        outcome = self.label == 1
        defaults = int(outcome.sum())
        if defaults in (0, len(outcome)):
            raise RowsError(
                f"{len(outcome)} rows, {defaults} defaults: both classes are needed; take more rows or dates"
            )
        return outcome


def concatenate(parts: Sequence[Rows]) -> Rows:
    """All rows under each other; labels are kept only when every part has them."""
    labels = [part.label for part in parts if part.label is not None]
    return Rows(
        np.concatenate([part.numerical for part in parts]),
        np.concatenate([part.categorical for part in parts]),
        np.concatenate(labels) if len(labels) == len(parts) else None,
    )
