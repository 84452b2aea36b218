"""How often intervals of metrics are wrong: percentiles of resampled rows beside those of `model.metrics`.

Run with `python -m loan_default_assets_tests.benchmarks.metric_intervals`. First, the lower 95 % bound of ROC-AUC above
the true one, of a model that does not discriminate and of one with a ROC-AUC of 0.856; 2.5 % is nominal. Then, on 400
loans, two models of the same quality of which one is shown to have the higher ROC-AUC or F1, and figures that lie
outside of their interval; 5 % is nominal. Last, the same of KS and ECE with many defaults, of calibrated PDs and of PDs
whose log-odds are too low.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
from scipy.stats import norm

from loan_default_assets.model import metrics
from loan_default_assets.model.auc_interval import auc_interval
from loan_default_assets.model.metrics import evaluate, paired_differences

_ROWS, _DEFAULTS, _SHIFTS = (40, 300, 1_500), (1, 2, 3, 5, 8, 20, 50, 100, 200), (0.0, 1.5)
# Two models: the shift of defaults and the correlation of their scores give a ROC-AUC of 0.80 each.
_SHIFT, _CORRELATION, _THRESHOLD, _COMPARED_ROWS = 1.2, 0.8, 0.25, 400
_MISSED = ("recall", "f1", "pr_auc", "ks")
# Loans, share of defaults, standard deviation of the log-odds, and by how much those of the PDs are too low.
_MANY = (
    (600, 0.2, 1.0, 0.0),
    (1_500, 0.2, 1.0, 0.0),
    (1_500, 0.2, 0.4, 0.3),
    (1_500, 0.2, 2.0, 0.3),
    (5_000, 0.2, 1.0, 0.15),
    (5_000, 0.05, 1.0, 0.7),
)
_POPULATION = 400_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.metric_intervals")
    parser.add_argument("--samples", type=int, default=400)
    samples = parser.parse_args().samples
    print("| loans | defaults | true ROC-AUC | above it: resampled rows | above it: Newcombe |")
    print("| --- | --- | --- | --- | --- |")
    for rows in _ROWS:
        for defaults in _DEFAULTS:
            if defaults > rows / 2:
                continue
            for shift in _SHIFTS:
                true = float(norm.cdf(shift / np.sqrt(2)))
                resampled, newcombe = _too_high(rows, defaults, shift, samples)
                print(
                    f"| {rows:,} | {defaults} | {true:.3f} | {resampled:.1%} | {newcombe:.1%} |", flush=True
                )
    print(
        "\n| defaults | intervals | higher ROC-AUC | higher F1 |", *(f"{name} missed |" for name in _MISSED)
    )
    print("| --- | --- | --- | --- |", "--- |" * len(_MISSED))
    for defaults in (1, 2, 3, 5, 8, 20, 50):
        with _percentiles(), patch.object(metrics, "FEW_OF_A_CLASS", 0):
            resampled = _wrong(defaults, samples)
        for name, shares in (("resampled rows", resampled), ("by counts", _wrong(defaults, samples))):
            print(f"| {defaults} | {name} |", *(f"{share:.1%} |" for share in shares), flush=True)
    print(
        "\n| loans | defaults | spread of log-odds | PDs too low by | KS missed: percentiles | KS missed "
        "| ECE missed: percentiles | ECE missed |"
    )
    print("|", "--- |" * 8)
    for portfolio in _MANY:
        rows, share, spread, shift = portfolio
        shares = _missed_of_many(*portfolio, samples)
        print(
            f"| {rows:,} | {share:.0%} | {spread} | {shift} |",
            *(f"{each:.1%} |" for each in shares),
            flush=True,
        )


def _wrong(defaults: int, samples: int) -> list[float]:
    """Shares of samples in which one of two equal models is shown to be better, and in which figures are missed."""
    rng = np.random.default_rng(1)
    # What the figures are in a sample with as many defaults per loan, and without chance.
    label, pd, _ = _two_models(rng, 1_000 * defaults, 1_000 * _COMPARED_ROWS)
    true = evaluate(label, pd, _THRESHOLD, bootstrap=0).values
    better, missed = np.zeros(2, int), dict.fromkeys(_MISSED, 0)
    for seed in range(samples):
        label, one, other = _two_models(rng, defaults, _COMPARED_ROWS)
        intervals = evaluate(label, one, _THRESHOLD, bootstrap=200, seed=seed).intervals
        for name in _MISSED:
            low, high = intervals[name]
            missed[name] += not low <= true[name] <= high
        found = paired_differences(label, one, _THRESHOLD, other, _THRESHOLD, bootstrap=200, seed=seed)
        better += (
            found.dauc_low > 0 or found.dauc_high < 0,
            found.df1_low > 0 or found.df1_high < 0,
        )
    return [float(count / samples) for count in (*better, *missed.values())]


def _missed_of_many(rows: int, share: float, spread: float, shift: float, samples: int) -> list[float]:
    """Shares of samples in which KS and ECE are missed, by percentiles and by the intervals."""
    rng = np.random.default_rng(2)
    log_odds = rng.normal(np.log(share / (1 - share)), spread, _POPULATION)
    chance, pd = (1 / (1 + np.exp(-each)) for each in (log_odds, log_odds - shift))
    falling = np.sort(chance)[::-1]
    position = (pd * metrics.ECE_BINS).astype(int)
    true = {
        "ks": float((falling.cumsum() / falling.sum() - (1 - falling).cumsum() / (1 - falling).sum()).max()),
        "ece": float(np.abs(np.bincount(position, chance - pd)).sum() / _POPULATION),
    }
    missed = np.zeros(4)
    for seed in range(samples):
        drawn = rng.integers(_POPULATION, size=rows)
        label = (rng.random(rows) < chance[drawn]).astype(np.int8)
        with _percentiles():
            percentiles = evaluate(label, pd[drawn], _THRESHOLD, bootstrap=300, seed=seed).intervals
        corrected = evaluate(label, pd[drawn], _THRESHOLD, bootstrap=300, seed=seed).intervals
        missed += [
            not found[name][0] <= true[name] <= found[name][1]
            for name in ("ks", "ece")
            for found in (percentiles, corrected)
        ]
    return [float(count / samples) for count in missed]


@contextmanager
def _percentiles() -> Iterator[None]:
    """The intervals of KS and ECE by percentiles of the resampled rows."""
    with (
        patch.object(
            metrics, "ks_interval_of_resamples", lambda *found: np.nanpercentile(found[3], [2.5, 97.5])
        ),
        patch.object(
            metrics, "ece_interval_of_resamples", lambda *found: np.percentile(found[2], [2.5, 97.5])
        ),
    ):
        yield


def _two_models(
    rng: np.random.Generator, defaults: int, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    label = (np.arange(rows) < defaults).astype(np.int8)
    one, independent = rng.standard_normal((2, rows))
    other = _CORRELATION * one + np.sqrt(1 - _CORRELATION**2) * independent
    first, second = (1 / (1 + np.exp(2 - each - _SHIFT * label)) for each in (one, other))
    return label, first, second


def _too_high(rows: int, defaults: int, shift: float, samples: int) -> tuple[float, float]:
    """Shares of samples whose bound exceeds the true ROC-AUC."""
    rng = np.random.default_rng(0)
    label = (np.arange(rows) < defaults).astype(np.int8)
    true = float(norm.cdf(shift / np.sqrt(2)))
    found = np.zeros(2)
    for seed in range(samples):
        score = norm.cdf(rng.normal(shift * label, 1))
        measured = evaluate(label, score, 0.5, bootstrap=300, seed=seed)
        low, _ = auc_interval(measured.values["roc_auc"], defaults, rows - defaults)
        found += (measured.resampled_auc_low > true, low > true)
    return float(found[0] / samples), float(found[1] / samples)


if __name__ == "__main__":
    main()
