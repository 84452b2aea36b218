"""Columns of the generated sets, one function per difficulty; the risk is a function of the columns alone."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GeneratedColumns:
    """Columns of n loans and their joint effect on the risk.

    Attributes:
        numerical: (n, N) float64, NaN for a missing value.
        categories: (n, C) int64, from 0 on.
        sizes: Number of values of each category.
        effect: (n,) on any scale: the log-odds of default are linear in it.
    """

    numerical: np.ndarray
    categories: np.ndarray
    sizes: tuple[int, ...]
    effect: np.ndarray


def sharp_thresholds(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """Rules of a lender: the risk jumps at limits of one column and in boxes of two."""
    values = np.exp(rng.normal(size=(count, 12)) * rng.uniform(0.3, 1.0, 12))
    effect = np.zeros(count)
    for column in range(8):
        for quantile in rng.uniform(0.1, 0.9, 3):
            effect += rng.normal() * _above(values[:, column], quantile)
    for _ in range(8):
        left, right = rng.choice(12, 2, replace=False)
        box = _above(values[:, left], rng.uniform(0.3, 0.7)) & ~_above(
            values[:, right], rng.uniform(0.3, 0.7)
        )
        effect += rng.choice([-1.5, 1.5]) * box
    return GeneratedColumns(values, _categories(rng, count), (), effect)


def informative_missing(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """Most values are missing where they are high, and that one is missing says more than the value."""
    values = np.exp(rng.normal(size=(count, 10)))
    for column in range(8):
        missing = rng.random(count) < np.where(_above(values[:, column], 0.6), 0.45, 0.08)
        values[missing, column] = np.nan
    absent = np.isnan(values)
    effect = np.nan_to_num(np.log(values[:, :5])) @ rng.normal(0, 0.4, 5) + absent @ rng.normal(0, 0.7, 10)
    effect += 1.5 * (absent[:, 0] & absent[:, 1]) - 1.2 * (absent[:, 2] & ~absent[:, 3])
    categories = _categories(rng, count, 4, 6)
    effect += rng.normal(0, 0.4, 6)[categories[:, 1]]
    return GeneratedColumns(values, categories, (4, 6), effect)


def near_duplicates(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """Five applications per applicant that differ slightly, with outcomes of their own: memorising them is noise."""
    applicant = rng.integers(0, count // 5, count)
    base = rng.normal(size=(count // 5, 14))
    values = base[applicant]
    changed = rng.random(values.shape) < 0.2
    values += changed * rng.normal(0, 0.05, values.shape)
    categories = _categories(rng, count // 5, 5, 8, 3)[applicant]
    effect = values[:, :8] @ rng.normal(0, 0.5, 8) + 0.6 * np.abs(values[:, 8]) - 0.5 * values[:, 9] ** 2
    effect += rng.normal(0, 0.5, 8)[categories[:, 1]]
    return GeneratedColumns(np.exp(values * 0.7), categories, (5, 8, 3), effect)


def heavy_tails(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """Amounts over many orders of magnitude, with signs, zeros and a few absurd values."""
    latent = rng.normal(size=(count, 14)) + 0.5 * rng.normal(size=(count, 1))
    values = np.exp(latent * rng.uniform(1.0, 3.0, 14)) * 10 ** rng.uniform(-2, 4, 14)
    values[:, :4] *= np.where(rng.random((count, 4)) < 0.3, -1, 1)
    values[:, 4:8][rng.random((count, 4)) < 0.35] = 0
    absurd = rng.random(values.shape) < 0.002
    values = np.where(absurd, values * 10 ** rng.uniform(2, 6, values.shape), values)
    size = np.sign(values) * np.log1p(np.abs(values) / np.median(np.abs(values) + 1e-9, axis=0))
    effect = size @ rng.normal(0, 0.5, 14) + 0.8 * (values[:, 4] == 0) * (size[:, 8] > 0.7)
    effect -= 0.6 * np.abs(size[:, 1])
    return GeneratedColumns(values, _categories(rng, count), (), effect)


def count_columns(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """Small whole numbers, many of them zero, whose levels have effects of no order."""
    intensity = rng.gamma(0.8, 1.5, (count, 12)) * rng.uniform(0.3, 2.0, 12)
    values = rng.poisson(intensity).astype(np.float64)
    values[:, :4][rng.random((count, 4)) < 0.4] = 0
    effect = np.zeros(count)
    for column in range(9):
        levels = np.cumsum(rng.normal(0, 0.3, 7)) + rng.normal(0, 0.5, 7)
        effect += levels[np.minimum(values[:, column], 6).astype(int)]
    effect += 0.9 * ((values[:, 9] > 0) & (values[:, 10] == 0))
    values[:, 11] += rng.integers(18, 75, count)
    return GeneratedColumns(values, _categories(rng, count, 4), (4,), effect)


def column_pairs(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """The risk is mostly in products, ratios and matches of two columns, hardly in one."""
    values = rng.normal(size=(count, 10))
    categories = _categories(rng, count, 4, 4, 6)
    effect = 1.0 * values[:, 0] * values[:, 1] - 0.8 * values[:, 2] * values[:, 3]
    effect += 1.2 * ((values[:, 4] > 0) ^ (values[:, 5] > 0.3)) + 0.8 * np.abs(values[:, 6] - values[:, 7])
    effect += 1.2 * (categories[:, 0] == categories[:, 1]) + 0.3 * values[:, 8]
    effect += rng.normal(0, 0.6, 6)[categories[:, 2]] * values[:, 9]
    return GeneratedColumns(np.exp(values), categories, (4, 4, 6), effect)


def many_categories(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """A category with 300 values of very unequal frequency, each with a risk of its own."""
    share = 1 / np.arange(1, 301) ** 0.7
    dealer = rng.permutation(300)[rng.choice(300, count, p=share / share.sum())]
    others = _categories(rng, count, 5, 9)
    values = np.exp(rng.normal(size=(count, 8)))
    effect = rng.normal(0, 1.0, 300)[dealer] + np.log(values[:, :5]) @ rng.normal(0, 0.4, 5)
    effect += rng.normal(0, 0.4, 9)[others[:, 1]]
    return GeneratedColumns(values, np.column_stack([dealer, others]), (300, 5, 9), effect)


def rare_defaults(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """Mixed columns with few defaults to learn from."""
    latent = rng.normal(size=(count, 14)) + 0.4 * rng.normal(size=(count, 1))
    categories = _categories(rng, count, 6, 4, 10)
    effect = latent[:, :9] @ rng.normal(0, 0.5, 9) + 0.8 * (latent[:, 9] > 1) * (latent[:, 0] > 0)
    effect += rng.normal(0, 0.4, 10)[categories[:, 2]]
    values = np.exp(latent)
    values[:, 12:][rng.random((count, 2)) < 0.2] = np.nan
    return GeneratedColumns(values, categories, (6, 4, 10), effect)


def noisy_ratios(rng: np.random.Generator, count: int) -> GeneratedColumns:
    """64 ratios of 24 balance-sheet items with a common size; a few of them carry the risk, many are near copies."""
    size = rng.normal(10, 2, (count, 1))
    items = np.exp(size + rng.normal(size=(count, 24)) * rng.uniform(0.3, 1.2, 24))
    profit = items[:, :4] * np.where(rng.random((count, 4)) < 0.3, -1, 1)
    items = np.column_stack([profit, items[:, 4:]])
    below = rng.integers(4, 24, 64)
    above = (below + rng.integers(1, 24, 64)) % 24
    values = items[:, above] / items[:, below] * np.exp(0.15 * rng.normal(size=(count, 64)))
    carrying = rng.choice(64, 10, replace=False)
    scaled = np.arcsinh(values[:, carrying])
    scaled /= scaled.std(axis=0)
    effect = scaled @ rng.normal(0, 0.6, 10) - 1.0 * (values[:, carrying[0]] < 0) * (scaled[:, 1] > 0)
    effect += 1.2 * _above(values[:, carrying[2]], 0.8) * _above(values[:, carrying[3]], 0.5)
    spare = np.setdiff1d(np.arange(64), carrying)
    for column in rng.choice(spare, 12, replace=False):
        values[rng.random(count) < rng.uniform(0.01, 0.4), column] = np.nan
    return GeneratedColumns(values, _categories(rng, count), (), effect)


def _above(values: np.ndarray, quantile: float) -> np.ndarray:
    return values > np.quantile(values, quantile)


def _categories(rng: np.random.Generator, count: int, *sizes: int) -> np.ndarray:
    drawn = [rng.choice(size, count, p=rng.dirichlet(np.full(size, 2.0))) for size in sizes]
    return np.stack(drawn, 1) if drawn else np.zeros((count, 0), np.int64)
