"""Each feature in the training rows beside the evaluation window: missing values, unknown categories, mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loan_default_assets.reports.figures.feature_table import Feature
from loan_default_assets.reports.figures.proportions import FigureSource


@dataclass(frozen=True)
class SampleProfile:
    """One feature in one sample; shares are NaN in a sample without rows.

    Attributes:
        rows: Rows of the sample.
        missing: Share of missing values.
        unknown: Share of categories that the portfolio does not name; NaN for a number.
        mean: Mean of the values that are not missing; NaN for a category.
        deviation: Their standard deviation; NaN for a category.
    """

    rows: int
    missing: float
    unknown: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class FeatureProfile:
    """One feature in the training rows and in the evaluation window."""

    feature: Feature
    training: SampleProfile
    window: SampleProfile

    @property
    def shift(self) -> float:
        """The larger change of the share of missing values and of that of unknown categories."""
        changes = (
            abs(self.window.missing - self.training.missing),
            abs(self.window.unknown - self.training.unknown),
        )
        return max((change for change in changes if not math.isnan(change)), default=math.nan)


@dataclass(frozen=True)
class FeatureProfiles:
    """All features, in the model's order.

    Attributes:
        reference: Which rows stand for the training: `training`, or `validation` where the training rows are sampled.
    """

    reference: Literal["training", "validation"]
    features: tuple[FeatureProfile, ...]
    source: FigureSource


def feature_profiles(
    features: Sequence[Feature],
    numerical: np.ndarray,
    categorical: np.ndarray,
    reference: np.ndarray,
    window: np.ndarray,
) -> tuple[FeatureProfile, ...]:
    """The profile of every feature.

    Args:
        features: Numerical, then categorical features.
        numerical: (n, N) values, NaN for a missing one.
        categorical: (n, C) codes: 0 is missing, 1 an unknown category.
        reference: (k,) positions of the rows to compare with.
        window: (m,) positions of the window's rows.
    """
    found = []
    for position, feature in enumerate(features):
        if feature.kind == "number":
            profiles = [_of_numbers(numerical[part, position]) for part in (reference, window)]
        else:
            codes = categorical[:, position - numerical.shape[1]]
            profiles = [_of_codes(codes[part]) for part in (reference, window)]
        found.append(FeatureProfile(feature, *profiles))
    return tuple(found)


def _of_numbers(values: np.ndarray) -> SampleProfile:
    present = values[~np.isnan(values)].astype(np.float64)
    if not len(present):
        return SampleProfile(len(values), 1.0 if len(values) else math.nan, math.nan, math.nan, math.nan)
    return SampleProfile(
        len(values), 1 - len(present) / len(values), math.nan, float(present.mean()), float(present.std())
    )


def _of_codes(codes: np.ndarray) -> SampleProfile:
    missing, unknown = (float((codes == code).mean()) if len(codes) else math.nan for code in (0, 1))
    return SampleProfile(len(codes), missing, unknown, math.nan, math.nan)
