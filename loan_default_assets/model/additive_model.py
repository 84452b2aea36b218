"""An additive logistic model as plain arrays: a piecewise-linear function per numerical feature, a value per code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from loan_default_assets.model.encoding import EncodedRows


class AdditiveError(ValueError):
    """Arrays that are no additive model."""


@dataclass(frozen=True)
class AdditiveModel:
    """Log-odds that are a sum over the features (a generalised additive model, Hastie and Tibshirani 1986).

    Attributes:
        knots: (k,) float64 ascending normal scores of each numerical feature, one feature after the other.
        knot_values: (k,) float64 log-odds at the knots; linear between them and constant beyond.
        knot_counts: (N,) int64 knots of each numerical feature, at least one.
        missing: (N,) float64 log-odds of a missing value.
        code_values: (s,) float64 log-odds of each code, one feature after the other.
        code_counts: (C,) int64 codes of each categorical feature.
        base: (1,) float64 log-odds that the features add to.

    Raises:
        AdditiveError: The lengths differ.

    Examples:
        >>> import torch
        >>> model = AdditiveModel(
        ...     knots=np.array([0.0, 1.0]),
        ...     knot_values=np.array([0.0, 2.0]),
        ...     knot_counts=np.array([2]),
        ...     missing=np.array([-1.0]),
        ...     code_values=np.array([0.0, 0.0, 0.5]),
        ...     code_counts=np.array([3]),
        ...     base=np.array([0.25]),
        ... )
        >>> rows = EncodedRows(torch.tensor([[0.5], [9.0], [torch.nan]]), torch.tensor([[0], [0], [2]]))
        >>> model.logits(rows).tolist()
        [1.25, 2.25, -0.25]
    """

    knots: np.ndarray
    knot_values: np.ndarray
    knot_counts: np.ndarray
    missing: np.ndarray
    code_values: np.ndarray
    code_counts: np.ndarray
    base: np.ndarray

    def __post_init__(self) -> None:
        expected = {
            "knot_values": (self.knot_values, len(self.knots)),
            "knot_counts": (self.knots, int(self.knot_counts.sum())),
            "missing": (self.missing, len(self.knot_counts)),
            "code_values": (self.code_values, int(self.code_counts.sum())),
            "base": (self.base, 1),
        }
        for name, (array, length) in expected.items():
            if array.shape != (length,):
                raise AdditiveError(f"{name}: must be for {length} values, got {array.shape}")
        if len(self.knot_counts) and self.knot_counts.min() < 1:
            raise AdditiveError("knot_counts: every numerical feature needs a knot")

    def logits(self, rows: EncodedRows) -> np.ndarray:
        """Score rows.

        Args:
            rows: N encoded rows.

        Returns:
            (n,) float64 log-odds, before calibration.

        Raises:
            AdditiveError: The rows have other columns.
        """
        return self.base[0] + self.contributions(rows).sum(axis=1)

    def contributions(self, rows: EncodedRows) -> np.ndarray:
        """What each feature adds.

        Args:
            rows: N encoded rows.

        Returns:
            (n, N + C) float64 log-odds, numerical features first.

        Raises:
            AdditiveError: The rows have other columns.
        """
        numerical, codes = rows.numerical.cpu().numpy(), rows.categorical.cpu().numpy()
        columns = numerical.shape[1], codes.shape[1]
        if columns != (len(self.missing), len(self.code_counts)):
            raise AdditiveError(
                f"rows must have {len(self.missing)} numerical and {len(self.code_counts)} categorical features, "
                f"got {columns[0]} and {columns[1]}"
            )
        ends = np.cumsum(self.knot_counts)
        added = np.empty((len(rows), sum(columns)))
        for feature, (end, count) in enumerate(zip(ends, self.knot_counts, strict=True)):
            own = slice(end - count, end)
            cells = numerical[:, feature]
            within = np.interp(cells, self.knots[own], self.knot_values[own])
            added[:, feature] = np.where(np.isnan(cells), self.missing[feature], within)
        starts = np.cumsum(self.code_counts) - self.code_counts
        added[:, columns[0] :] = self.code_values[starts + codes] if columns[1] else 0.0
        return added

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for an artifact."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> AdditiveModel:
        """The inverse of `arrays`.

        Raises:
            AdditiveError: An array is missing, or they do not fit together.
        """
        if missing := [field.name for field in fields(cls) if field.name not in arrays]:
            raise AdditiveError(f"the additive model lacks {', '.join(missing)}")
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def weighted_sum(parts: list[tuple[float, AdditiveModel]]) -> AdditiveModel:
    """The model whose log-odds are the weighted sum of those of the parts.

    Args:
        parts: Weights and models of the same features, at least one.
    """
    first = parts[0][1]
    knots, values = [], []
    for feature in range(len(first.knot_counts)):
        of_parts = [(weight, *_function(model, feature)) for weight, model in parts]
        joined = np.unique(np.concatenate([own for _, own, _ in of_parts]))
        knots.append(joined)
        values.append(sum(weight * np.interp(joined, own, at) for weight, own, at in of_parts))
    empty = [np.zeros(0)]
    return AdditiveModel(
        knots=np.concatenate(empty + knots),
        knot_values=np.concatenate(empty + values),
        knot_counts=np.array([len(own) for own in knots], np.int64),
        missing=sum((weight * model.missing for weight, model in parts), np.zeros(len(knots))),
        code_values=sum((weight * model.code_values for weight, model in parts), 0 * first.code_values),
        code_counts=first.code_counts,
        base=sum((weight * model.base for weight, model in parts), np.zeros(1)),
    )


def _function(model: AdditiveModel, feature: int) -> tuple[np.ndarray, np.ndarray]:
    end = int(model.knot_counts[: feature + 1].sum())
    own = slice(end - int(model.knot_counts[feature]), end)
    return model.knots[own], model.knot_values[own]
