"""Loans of a training or a request as plain arrays: features, with or without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


class RowsError(ValueError):
    """Arrays whose shapes or labels do not fit together."""


@dataclass(frozen=True)
class Rows:
    """n loans: unscaled numerical features and category codes, with or without labels.

    Attributes:
        numerical: (n, N) float32, NaN for a missing value.
        categorical: (n, C) int16: 0 for a missing value, 1 for an unknown category, 2 and above for the categories.
        label: (n,) int8: 1 for a default, 0 for none, -1 for an outcome that is not known.

    Raises:
        RowsError: An array has another number of dimensions, or the arrays differ in length.

    Examples:
        >>> rows = Rows(np.zeros((5, 3), np.float32), np.zeros((5, 2), np.int16), np.zeros(5, np.int8))
        >>> len(rows)
        5
    """

    numerical: np.ndarray
    categorical: np.ndarray
    label: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.numerical.ndim != 2 or self.categorical.ndim != 2:
            raise RowsError(
                "numerical and categorical features must have two dimensions, "
                f"got {self.numerical.shape=}, {self.categorical.shape=}"
            )
        lengths = {len(self.numerical), len(self.categorical)}
        if self.label is not None:
            lengths.add(len(self.label))
        if len(lengths) != 1:
            raise RowsError(
                f"numerical, categorical and label must be equally long, got lengths {sorted(lengths)}"
            )

    def __len__(self) -> int:
        return len(self.numerical)

    def take(self, index: np.ndarray) -> Rows:
        """Select rows.

        Args:
            index: (m,) positions of rows.

        Returns:
            M rows in the order of `index`.

        Examples:
            >>> rows = Rows(np.zeros((5, 3), np.float32), np.zeros((5, 2), np.int16))
            >>> rows.take(np.array([4, 0])).numerical.shape
            (2, 3)
        """
        label = None if self.label is None else self.label[index]
        return Rows(self.numerical[index], self.categorical[index], label)

    def without_label(self) -> Rows:
        """The same rows without labels.

        Examples:
            >>> Rows(np.zeros((1, 3)), np.zeros((1, 2)), np.ones(1)).without_label().label is None
            True
        """
        return Rows(self.numerical, self.categorical)

    def outcome(self) -> np.ndarray:
        """Labels as outcomes.

        Returns:
            (n,) bool, True for a default.

        Raises:
            RowsError: A row has no label, or all labels are of one class.

        Examples:
            >>> Rows(np.zeros((2, 3)), np.zeros((2, 2)), np.array([0, 1])).outcome().tolist()
            [False, True]
        """
        if self.label is None or not np.isin(self.label, (0, 1)).all():
            raise RowsError("every row needs a label, 0 or 1: omit the rows that have none yet")
        outcome = self.label == 1
        defaults = int(outcome.sum())
        if defaults in (0, len(outcome)):
            raise RowsError(
                f"{len(outcome)} rows, {defaults} defaults: both classes are needed; use more rows or dates"
            )
        return outcome


def concatenate(parts: Sequence[Rows]) -> Rows:
    """Concatenate rows; labels are kept only when every part has them.

    Examples:
        >>> part = Rows(np.zeros((5, 3), np.float32), np.zeros((5, 2), np.int16))
        >>> concatenate([part, part]).categorical.shape
        (10, 2)
    """
    labels = [part.label for part in parts if part.label is not None]
    return Rows(
        np.concatenate([part.numerical for part in parts]),
        np.concatenate([part.categorical for part in parts]),
        np.concatenate(labels) if len(labels) == len(parts) else None,
    )
