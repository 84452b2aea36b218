"""Loans to tensors: numbers to normal scores, codes to those that training saw; fitted on training rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.rows import Rows

UNKNOWN = 1


class EncodingError(ValueError):
    """Rows that do not have the columns or codes that the encoding was fitted on."""


@dataclass(frozen=True)
class EncodedRows:
    """`numbers` (n, N) float32 normal scores with NaN for missing; `categories` (n, C) int64 codes."""

    numerical: Tensor
    categorical: Tensor

    def __len__(self) -> int:
        return len(self.numerical)

    def to(self, device: torch.device) -> EncodedRows:
        """The same rows on `device`."""
        return EncodedRows(self.numerical.to(device), self.categorical.to(device))

    def take(self, index: Tensor) -> EncodedRows:
        """The rows at `index`."""
        return EncodedRows(self.numerical[index], self.categorical[index])


@dataclass(frozen=True)
class Encoding:
    """What was learned from the training columns.

    A number column is a monotone piecewise-linear map from `knots[i]` (its distinct quantiles) to `scores[i]`
    (their normal scores, ties at the middle of their ranks): heavy tails and units vanish, order stays.
    `seen[i]` says which codes of a category column had training rows; the others become code 1, unseen.
    `edges` (N, bins + 1) are the bin edges in normal scores, without columns when bins are off.
    `reference_numbers` and `reference_categories` are the median and the most frequent code.
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
        """Learn from the training rows. Raises EncodingError for no rows, infinite numbers or impossible codes."""
        if not len(rows):
            raise EncodingError("no training rows: nothing to fit the encoding on")
        if np.isinf(rows.numerical).any():
            columns = np.flatnonzero(np.isinf(rows.numerical).any(axis=0)).tolist()
            raise EncodingError(f"infinite values in number columns {columns}: make them missing or bounded")
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
            edges=_edges(rows.numerical, fitted, config.bins),
            reference_numerical=np.array([_median(column) for column in rows.numerical.T], dtype=np.float32),
            reference_categorical=np.array([count.argmax() for count in counts], dtype=np.int16),
        )

    def transform(self, numerical: np.ndarray, categorical: np.ndarray) -> EncodedRows:
        """(n, N) numbers and (n, C) codes to tensors. Raises EncodingError for other columns or codes."""
        _check(numerical, categorical, len(self.knots), self.cardinalities)
        scored = np.empty(numerical.shape, dtype=np.float32)
        for i, (knots, scores) in enumerate(zip(self.knots, self.scores, strict=True)):
            scored[:, i] = np.interp(numerical[:, i], knots, scores) if len(knots) else np.nan
        scored[np.isnan(numerical)] = np.nan  # with a single knot np.interp gives that for a NaN too
        codes = categorical.astype(np.int64)
        for i, seen in enumerate(self.seen):
            codes[:, i] = np.where(seen[codes[:, i]], codes[:, i], UNKNOWN)
        return EncodedRows(torch.from_numpy(scored), torch.from_numpy(codes))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for an artefact."""
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
        """The inverse of `arrays`."""
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
    levels = np.linspace(0, 1, max(min(len(values) // 30, 1000), 10))
    knots, first, count = np.unique(np.quantile(values, levels), return_index=True, return_counts=True)
    middle = (levels[first] + levels[first + count - 1]) / 2
    edge = 0.5 / len(levels)
    return knots, torch.special.ndtri(torch.from_numpy(middle.clip(edge, 1 - edge))).numpy()


def _edges(numerical: np.ndarray, maps: Sequence[tuple[np.ndarray, np.ndarray]], bins: int) -> np.ndarray:
    edges = np.zeros((len(maps), bins + 1 if bins else 0), dtype=np.float32)
    for i, (knots, scores) in enumerate(maps):
        values = numerical[:, i][~np.isnan(numerical[:, i])]
        if bins and len(values):
            edges[i] = np.quantile(np.interp(values, knots, scores), np.linspace(0, 1, bins + 1))
    return edges


def _median(column: np.ndarray) -> float:
    return float("nan") if np.isnan(column).all() else float(np.nanmedian(column))


def _flat(parts: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)


def _check(
    numerical: np.ndarray, categorical: np.ndarray, columns: int, cardinalities: tuple[int, ...]
) -> None:
    if numerical.shape[1:] != (columns,) or categorical.shape[1:] != (len(cardinalities),):
        raise EncodingError(
            f"{columns} numbers and {len(cardinalities)} categories a row are expected, "
            f"however: {numerical.shape=}, {categorical.shape=}"
        )
    if not categorical.size:
        return
    bad = (categorical.min(axis=0) < 0) | (categorical.max(axis=0) >= np.array(cardinalities))
    if bad.any():
        raise EncodingError(
            f"category columns {np.flatnonzero(bad).tolist()}: codes outside 0..cardinality-1; "
            "the rows were made under another portfolio"
        )
