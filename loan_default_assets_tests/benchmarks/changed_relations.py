"""What the SBA loans' validation rows say of a feature or of the age of training rows, and what the window then shows.

python -m loan_default_assets_tests.benchmarks.changed_relations --data FOLDER

Gradient boosting with the defaults of the reference, means of three seeds: without one feature at a time, and with
training rows weighed by their age at the first validation day.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from loan_default_assets.model.baseline import MAX_NATIVE_CATEGORIES, columns
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests.benchmarks.quality_sets import SHARED, read_loans

NAME, SEEDS = "sba_loans", (0, 1, 2)
HALF_LIVES = (10.0, 5.0, 3.0, 2.0, 1.0, 0.5)
DAYS_PER_YEAR = 365.25


def main() -> None:
    """Print ROC-AUC on validation rows and window, one line per change."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.changed_relations")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public files")
    folder = parser.parse_args().data
    print("| change | validation | window |\n| --- | ---: | ---: |")
    with threadpool_limits(1):
        for change, validation, window in _figures(folder):
            print(f"| {change} | {validation:.4f} | {window:.4f} |", flush=True)


def _figures(folder: Path) -> Iterator[tuple[str, float, float]]:
    shared = SHARED[NAME]
    assert shared.cutoffs is not None
    portfolio = load(shared.portfolio, source=str(folder / shared.file))
    loans, features = read_loans(portfolio), portfolio.features
    first, second = (np.datetime64(day) for day in shared.cutoffs)
    train, window = loans.as_of < first, loans.as_of >= second
    validation = ~train & ~window
    table, outcome = columns(loans.rows), loans.label == 1
    native = [False] * len(features.numerical) + [
        size <= MAX_NATIVE_CATEGORIES for size in features.cardinalities
    ]
    names = (*features.numerical, *features.categorical)

    def measured(kept: list[int], weights: np.ndarray | None = None) -> tuple[float, float]:
        scores = []
        for seed in SEEDS:
            model = HistGradientBoostingClassifier(
                categorical_features=[native[column] for column in kept], random_state=seed
            )
            model.fit(table[train][:, kept], outcome[train], sample_weight=weights)
            scores.append(model.decision_function(table[:, kept]))
        validated, shown = (
            float(np.mean([roc_auc(outcome[part], score[part]) for score in scores]))
            for part in (validation, window)
        )
        return validated, shown

    everything = list(range(len(names)))
    yield "none", *measured(everything)
    for left_out, name in enumerate(names):
        yield f"without `{name}`", *measured([column for column in everything if column != left_out])
    years = (first - loans.as_of[train]).astype(float) / DAYS_PER_YEAR
    for half_life in HALF_LIVES:
        yield f"half-life of a row {half_life:g} years", *measured(everything, 0.5 ** (years / half_life))


if __name__ == "__main__":
    main()
