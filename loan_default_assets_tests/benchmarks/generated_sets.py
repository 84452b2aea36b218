"""Generated loans that resemble real ones in one difficulty each, with the true probability of default of every row."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.benchmarks import generated_columns as columns_of
from loan_default_assets_tests.benchmarks.generated_columns import GeneratedColumns

WINDOW_ROWS = 10_000
FIRST_CODE = 2  # code 0 is a missing value, code 1 an unknown category


@dataclass(frozen=True)
class LoanDesign:
    """How a set is generated.

    Attributes:
        columns: Makes the columns and their effect.
        train: Training rows; a quarter as many validation rows are added.
        rate: Share of defaults.
        auc: Expected ROC-AUC of the true probability of default.
    """

    columns: Callable[[np.random.Generator, int], GeneratedColumns]
    train: int
    rate: float
    auc: float


GENERATED = {
    "sharp_thresholds": LoanDesign(columns_of.sharp_thresholds, 4_800, 0.20, 0.92),
    "informative_missing": LoanDesign(columns_of.informative_missing, 4_800, 0.20, 0.88),
    "near_duplicates": LoanDesign(columns_of.near_duplicates, 6_400, 0.30, 0.82),
    "heavy_tails": LoanDesign(columns_of.heavy_tails, 4_800, 0.15, 0.86),
    "count_columns": LoanDesign(columns_of.count_columns, 6_400, 0.25, 0.80),
    "column_pairs": LoanDesign(columns_of.column_pairs, 6_400, 0.25, 0.86),
    "many_categories": LoanDesign(columns_of.many_categories, 8_000, 0.20, 0.84),
    "rare_defaults": LoanDesign(columns_of.rare_defaults, 8_000, 0.01, 0.88),
    "noisy_ratios": LoanDesign(columns_of.noisy_ratios, 4_800, 0.05, 0.92),
}


@dataclass(frozen=True)
class GeneratedLoans:
    """Loans in random order: training rows, validation rows, then a window that is large enough to measure on.

    Attributes:
        rows: Features and drawn labels.
        names: Names of the features, numerical first.
        cardinalities: Number of codes of each categorical feature.
        true_pd: (n,) probability that the label of each row was drawn with, a function of its features alone.
        train: Number of training rows.
        validation: Number of validation rows.
    """

    rows: Rows
    names: tuple[str, ...]
    cardinalities: tuple[int, ...]
    true_pd: np.ndarray
    train: int
    validation: int


def generate_loans(name: str, seed: int = 0, window_rows: int = WINDOW_ROWS) -> GeneratedLoans:
    """Generate a set.

    Args:
        name: One of `GENERATED`.
        seed: Equal seeds give equal rows.
        window_rows: Rows of the window; they cost scoring only.
    """
    design = GENERATED[name]
    rng = np.random.default_rng([seed, list(GENERATED).index(name)])
    validation = design.train // 4
    made = design.columns(rng, design.train + validation + window_rows)
    true_pd = _probabilities(made.effect, design)
    label = (rng.random(len(true_pd)) < true_pd).astype(np.int8)
    numerical_names = (f"n{i}" for i in range(made.numerical.shape[1]))
    categorical_names = (f"c{i}" for i in range(len(made.sizes)))
    return GeneratedLoans(
        Rows(made.numerical.astype(np.float32), (made.categories + FIRST_CODE).astype(np.int16), label),
        (*numerical_names, *categorical_names),
        tuple(size + FIRST_CODE for size in made.sizes),
        true_pd,
        design.train,
        validation,
    )


def expected_auc(true_pd: np.ndarray) -> float:
    """ROC-AUC of the true probabilities of default, averaged over the labels that they may draw.

    Examples:
        >>> round(expected_auc(np.array([0.0, 1.0])), 3), round(expected_auc(np.array([0.5, 0.5])), 3)
        (1.0, 0.5)
    """
    values, position = np.unique(true_pd, return_inverse=True)
    positive = np.bincount(position, weights=true_pd, minlength=len(values))
    negative = np.bincount(position, weights=1 - true_pd, minlength=len(values))
    lower = negative.cumsum() - negative / 2
    return float(positive @ lower / (positive.sum() * negative.sum()))


def _probabilities(effect: np.ndarray, design: LoanDesign) -> np.ndarray:
    """Logistic in the effect, with the scale and offset that give the design's share of defaults and ROC-AUC."""
    standard = (effect - effect.mean()) / effect.std()
    low, high = 0.02, 60.0
    for _ in range(30):
        scale = (low * high) ** 0.5
        true_pd = _with_rate(scale * standard, design.rate)
        low, high = (scale, high) if expected_auc(true_pd) < design.auc else (low, scale)
    return true_pd


def _with_rate(log_odds: np.ndarray, rate: float) -> np.ndarray:
    low, high = -500.0, 500.0
    for _ in range(50):
        offset = (low + high) / 2
        true_pd = 1 / (1 + np.exp(-(log_odds + offset).clip(-500, 500)))
        low, high = (offset, high) if true_pd.mean() < rate else (low, offset)
    return true_pd
