"""How often the lower 95 % bound of ROC-AUC exceeds the true one: resampled rows beside Newcombe's interval.

Run with `python -m loan_default_assets_tests.benchmarks.auc_intervals`. Samples of normal scores, of a model that does
not discriminate and of one with a ROC-AUC of 0.856, with few and many defaults; 2.5 % is nominal.
"""

import argparse

import numpy as np
from scipy.stats import norm

from loan_default_assets.model.auc_interval import auc_interval
from loan_default_assets.model.metrics import evaluate

_ROWS, _DEFAULTS, _SHIFTS = (40, 300, 1_500), (1, 2, 3, 5, 8, 20, 50, 100, 200), (0.0, 1.5)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.auc_intervals")
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
