"""From features to tensors: numerical features as normal scores, categorical ones as codes of the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.rows import Rows

UNKNOWN_CATEGORY = 1
ROWS_PER_QUANTILE = 30
ROWS_PER_BIN = 20
# Above every normal score: the bins between here and the last edge are empty.
PADDING = 1e9


class EncodingError(ValueError):
    """Rows whose columns or codes are not those that the encoding was fitted on."""


@dataclass(frozen=True)
class EncodedRows:
    """Features as the network takes them.

    Attributes:
        numerical: (n, N) float32 normal scores, NaN for a missing value.
        categorical: (n, C) int64 codes.

    Examples:
        >>> rows = EncodedRows(torch.zeros(5, 3), torch.zeros(5, 2, dtype=torch.int64))
        >>> len(rows)
        5
    """

    numerical: Tensor
    categorical: Tensor

    def __len__(self) -> int:
        return len(self.numerical)

    def to(self, device: torch.device) -> EncodedRows:
        """The same rows on `device`.

        Examples:
            >>> rows = EncodedRows(torch.zeros(5, 3), torch.zeros(5, 2, dtype=torch.int64))
            >>> rows.to(torch.device("cpu")).numerical.shape
            torch.Size([5, 3])
        """
        return EncodedRows(self.numerical.to(device), self.categorical.to(device))

    def take(self, index: Tensor) -> EncodedRows:
        """The rows at the positions `index`, in its order.

        Examples:
            >>> rows = EncodedRows(torch.zeros(5, 3), torch.zeros(5, 2, dtype=torch.int64))
            >>> rows.take(torch.tensor([4, 0])).categorical.shape
            torch.Size([2, 2])
        """
        return EncodedRows(self.numerical[index], self.categorical[index])

    def split(self, position: int) -> tuple[EncodedRows, EncodedRows]:
        """The rows before a position, and those from it on, which are not copied.

        Examples:
            >>> rows = EncodedRows(torch.zeros(5, 3), torch.zeros(5, 2, dtype=torch.int64))
            >>> [len(part) for part in rows.split(2)]
            [2, 3]
        """
        return (
            EncodedRows(self.numerical[:position], self.categorical[:position]),
            EncodedRows(self.numerical[position:], self.categorical[position:]),
        )


@dataclass(frozen=True)
class Encoding:
    """What is learned from the training columns, and the map from features to the network's inputs.

    A numerical feature passes a monotone piecewise-linear map from its quantiles to their normal scores: units and
    heavy tails vanish, the order stays.

    Attributes:
        cardinalities: C sizes: the codes of each categorical feature are 0 to size - 1.
        knots: N arrays: the distinct quantiles of each numerical feature.
        scores: N arrays: the normal score of each knot, ties at the middle of their ranks.
        seen: C arrays of bool: which codes occur in the training rows; the others become code 1, unknown.
        edges: (N, bins + 1) bin edges in normal scores, `PADDING` after a feature's last; (N, 0) when bins are off.
        reference_numerical: (N,) medians.
        reference_categorical: (C,) most frequent codes.
    """

    cardinalities: tuple[int, ...]
    knots: tuple[np.ndarray, ...]
    scores: tuple[np.ndarray, ...]
    seen: tuple[np.ndarray, ...]
    edges: np.ndarray
    reference_numerical: np.ndarray
    reference_categorical: np.ndarray

    @classmethod
    def fit(cls, rows: Rows, cardinalities: Sequence[int], config: ModelConfig) -> Encoding:
        """Learn an encoding from training rows.

        Args:
            rows: The training rows; their labels, where they have any, place the bin edges.
            cardinalities: Number of codes of each categorical feature.
            config: Its number of bins.

        Raises:
            EncodingError: There are no rows, a numerical value is infinite, or a code is out of range.

        Examples:
            >>> rows = Rows(np.array([[1], [2], [9]], np.float32), np.array([[2], [3], [3]], np.int16))
            >>> encoding = Encoding.fit(rows, (4,), ModelConfig(bins=8))
            >>> encoding.edges.shape, encoding.reference_numerical, encoding.reference_categorical
            ((1, 9), array([2.], dtype=float32), array([3], dtype=int16))
        """
        if not len(rows):
            raise EncodingError("no training rows to fit the encoding on")
        if np.isinf(rows.numerical).any():
            columns = np.flatnonzero(np.isinf(rows.numerical).any(axis=0)).tolist()
            raise EncodingError(
                f"numerical features {columns} have infinite values: make them missing or bounded"
            )
        _check(rows.numerical, rows.categorical, rows.numerical.shape[1], tuple(cardinalities))
        fitted = [_normal_scores(column) for column in rows.numerical.T.astype(np.float64)]
        counts = [
            np.bincount(codes, minlength=size)
            for codes, size in zip(rows.categorical.T, cardinalities, strict=True)
        ]
        return cls(
            cardinalities=tuple(int(size) for size in cardinalities),
            knots=tuple(knots for knots, _ in fitted),
            scores=tuple(scores for _, scores in fitted),
            seen=tuple(count > 0 for count in counts),
            edges=_edges(rows, fitted, config.bins),
            reference_numerical=np.array([_median(column) for column in rows.numerical.T], dtype=np.float32),
            reference_categorical=np.array([count.argmax() for count in counts], dtype=np.int16),
        )

    def transform(self, numerical: np.ndarray, categorical: np.ndarray) -> EncodedRows:
        """Encode rows.

        Args:
            numerical: (n, N) unscaled values, NaN for a missing value.
            categorical: (n, C) codes.

        Raises:
            EncodingError: The number of columns differs, or a code is out of range.

        Examples:
            >>> rows = Rows(np.array([[1], [2], [9]], np.float32), np.array([[2], [3], [3]], np.int16))
            >>> encoded = Encoding.fit(rows, (5,), ModelConfig()).transform(
            ...     np.array([[2], [np.nan]], np.float32), np.array([[3], [4]], np.int16)
            ... )
            >>> encoded.numerical.shape, encoded.categorical.tolist()
            (torch.Size([2, 1]), [[3], [1]])
        """
        _check(numerical, categorical, len(self.knots), self.cardinalities)
        scored = np.empty(numerical.shape, dtype=np.float32)
        for i, (knots, scores) in enumerate(zip(self.knots, self.scores, strict=True)):
            scored[:, i] = np.interp(numerical[:, i], knots, scores) if len(knots) else np.nan
        scored[np.isnan(numerical)] = np.nan  # with a single knot np.interp gives that for a NaN too
        codes = categorical.astype(np.int64)
        for i, seen in enumerate(self.seen):
            codes[:, i] = np.where(seen[codes[:, i]], codes[:, i], UNKNOWN_CATEGORY)
        return EncodedRows(torch.from_numpy(scored), torch.from_numpy(codes))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for an artifact.

        Examples:
            >>> rows = Rows(np.zeros((5, 3), np.float32), np.zeros((5, 2), np.int16))
            >>> Encoding.fit(rows, (4, 4), ModelConfig()).arrays()["cardinalities"].shape
            (2,)
        """
        return {
            "cardinalities": np.array(self.cardinalities, dtype=np.int64),
            "knots": _flat(self.knots, np.float64),
            "scores": _flat(self.scores, np.float64),
            "knot_counts": np.array([len(knots) for knots in self.knots], dtype=np.int64),
            "seen": _flat(self.seen, np.bool_).astype(np.uint8),
            "edges": self.edges,
            "reference_numbers": self.reference_numerical,
            "reference_categories": self.reference_categorical,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Encoding:
        """The inverse of `arrays`.

        Examples:
            >>> rows = Rows(np.zeros((5, 3), np.float32), np.zeros((5, 2), np.int16))
            >>> encoding = Encoding.fit(rows, (4, 4), ModelConfig())
            >>> Encoding.from_arrays(encoding.arrays()).cardinalities
            (4, 4)
        """
        ends = arrays["knot_counts"].cumsum()[:-1]
        sizes = tuple(int(size) for size in arrays["cardinalities"])
        seen = np.split(arrays["seen"].astype(bool), np.cumsum(sizes)[:-1]) if sizes else []
        columns = len(arrays["knot_counts"])
        return cls(
            cardinalities=sizes,
            knots=tuple(np.split(arrays["knots"], ends)) if columns else (),
            scores=tuple(np.split(arrays["scores"], ends)) if columns else (),
            seen=tuple(seen),
            edges=arrays["edges"],
            reference_numerical=arrays["reference_numbers"],
            reference_categorical=arrays["reference_categories"],
        )


def _normal_scores(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = column[~np.isnan(column)]
    if not len(values):
        return np.zeros(0), np.zeros(0)
    levels = np.linspace(0, 1, max(min(len(values) // ROWS_PER_QUANTILE, 1000), 10))
    knots, first, count = np.unique(np.quantile(values, levels), return_index=True, return_counts=True)
    middle = (levels[first] + levels[first + count - 1]) / 2
    edge = 0.5 / len(levels)
    return knots, torch.special.ndtri(torch.from_numpy(middle.clip(edge, 1 - edge))).numpy()


def _edges(rows: Rows, maps: Sequence[tuple[np.ndarray, np.ndarray]], bins: int) -> np.ndarray:
    edges = np.full((len(maps), bins + 1 if bins else 0), PADDING, dtype=np.float32)
    for i, (knots, scores) in enumerate(maps):
        values = rows.numerical[:, i]
        usable = ~np.isnan(values)
        if rows.label is not None:
            usable &= rows.label >= 0
        if bins and usable.any():
            label = None if rows.label is None else rows.label[usable] == 1
            inner = _inner_edges(np.interp(values[usable], knots, scores), label, bins)
            found = np.unique(np.concatenate([scores[:1], inner, scores[-1:]]).astype(np.float32))
            edges[i, : len(found)] = found
    return edges


def _inner_edges(values: np.ndarray, label: np.ndarray | None, bins: int) -> np.ndarray:
    """Where a decision tree splits the values by their label; quantiles without labels.

    A feature with few values, a count or a grade, has an edge at each, which gives every value a vector of its own as a
    category has.
    """
    distinct = np.unique(values)
    if len(distinct) <= bins:
        return distinct[1:-1]
    if label is None:
        return np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=bins, min_samples_leaf=ROWS_PER_BIN, random_state=0)
    fitted = tree.fit(values[:, None], label).tree_
    return fitted.threshold[fitted.feature >= 0]


def _median(column: np.ndarray) -> float:
    return float("nan") if np.isnan(column).all() else float(np.nanmedian(column))


def _flat(parts: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)


def _check(
    numerical: np.ndarray, categorical: np.ndarray, columns: int, cardinalities: tuple[int, ...]
) -> None:
    if numerical.shape[1:] != (columns,) or categorical.shape[1:] != (len(cardinalities),):
        raise EncodingError(
            f"must be {columns} numerical and {len(cardinalities)} categorical features per row, "
            f"got {numerical.shape=}, {categorical.shape=}"
        )
    if not categorical.size:
        return
    bad = (categorical.min(axis=0) < 0) | (categorical.max(axis=0) >= np.array(cardinalities))
    if bad.any():
        raise EncodingError(
            f"categorical features {np.flatnonzero(bad).tolist()} have codes outside 0..cardinality-1; "
            "the rows were made under another portfolio"
        )
