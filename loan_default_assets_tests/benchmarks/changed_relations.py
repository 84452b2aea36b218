"""What SBA loans before the window say of a feature or of the age of training rows, and what the window then shows.

python -m loan_default_assets_tests.benchmarks.changed_relations --data FOLDER

Gradient boosting with the defaults of the reference, means of three seeds: without one feature at a time, with training
rows weighed by their age at the first validation day, and fitted on the validation rows too. Then the same without one
feature on each of eight periods before the window, fitted on the loans before the period.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from loan_default_assets.model.baseline import MAX_NATIVE_CATEGORIES, columns
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests.benchmarks.quality_sets import SHARED, read_loans

NAME, SEEDS = "sba_loans", (0, 1, 2)
HALF_LIVES = (10.0, 5.0, 3.0, 2.0, 1.0, 0.5)
# The periods have equally many loans, and begin when this share of the loans before the window is known.
PERIODS, KNOWN_AT_FIRST = 8, 0.4
DAYS_PER_YEAR = 365.25


def main() -> None:
    """Print ROC-AUC on validation rows and window, one line per change, and what each feature adds per period."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.changed_relations")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public files")
    loans = _Loans.read(parser.parse_args().data)
    with threadpool_limits(1):
        print("| change | validation | window |\n| --- | ---: | ---: |")
        for change, validation, window in _changes(loans):
            shown = "" if validation is None else f"{validation:.4f}"
            print(f"| {change} | {shown} | {window:.4f} |", flush=True)
        print("\n| feature | it adds, mean of the periods | standard error |\n| --- | ---: | ---: |")
        for name, mean, error in _per_period(loans):
            print(f"| `{name}` | {mean:+.4f} | {error:.4f} |", flush=True)


@dataclass(frozen=True)
class _Loans:
    """The SBA loans as boosting reads them, and the days that part them."""

    table: np.ndarray
    outcome: np.ndarray
    as_of: np.ndarray
    native: list[bool]
    names: tuple[str, ...]
    cutoffs: tuple[np.datetime64, np.datetime64]

    @classmethod
    def read(cls, folder: Path) -> "_Loans":
        shared = SHARED[NAME]
        assert shared.cutoffs is not None
        portfolio = load(shared.portfolio, source=str(folder / shared.file))
        loans, features = read_loans(portfolio), portfolio.features
        native = [size <= MAX_NATIVE_CATEGORIES for size in features.cardinalities]
        first, second = (np.datetime64(day) for day in shared.cutoffs)
        return cls(
            columns(loans.rows),
            loans.label == 1,
            loans.as_of,
            [False] * len(features.numerical) + native,
            (*features.numerical, *features.categorical),
            (first, second),
        )

    def scores(
        self, rows: np.ndarray, seed: int, without: int | None = None, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """Log-odds of all loans by a model of some, without one column."""
        kept = [column for column in range(len(self.names)) if column != without]
        model = HistGradientBoostingClassifier(
            categorical_features=[self.native[column] for column in kept], random_state=seed
        )
        model.fit(self.table[rows][:, kept], self.outcome[rows], sample_weight=weights)
        found: np.ndarray = model.decision_function(self.table[:, kept])
        return found


def _changes(loans: _Loans) -> Iterator[tuple[str, float | None, float]]:
    first, second = loans.cutoffs
    train, window = loans.as_of < first, loans.as_of >= second
    parts = (~train & ~window, window)

    def measured(rows: np.ndarray = train, **settings: Any) -> tuple[float, float]:
        scores = [loans.scores(rows, seed, **settings) for seed in SEEDS]
        validated, shown = (
            float(np.mean([roc_auc(loans.outcome[part], score[part]) for score in scores])) for part in parts
        )
        return validated, shown

    yield "none", *measured()
    for column, name in enumerate(loans.names):
        yield f"without `{name}`", *measured(without=column)
    years = (first - loans.as_of[train]).astype(float) / DAYS_PER_YEAR
    for half_life in HALF_LIVES:
        yield f"half-life of a row {half_life:g} years", *measured(weights=0.5 ** (years / half_life))
    yield "fitted on the validation rows too", None, measured(~window)[1]


def _per_period(loans: _Loans) -> Iterator[tuple[str, float, float]]:
    second = loans.cutoffs[1]
    known = np.sort(loans.as_of[loans.as_of < second])
    starts = [known[int(len(known) * share)] for share in np.linspace(KNOWN_AT_FIRST, 1, PERIODS + 1)[:-1]]
    ends = [*starts[1:], second]

    def of_periods(without: int | None = None) -> np.ndarray:
        found = []
        for start, end in zip(starts, ends, strict=True):
            period = (loans.as_of >= start) & (loans.as_of < end)
            scores = loans.scores(loans.as_of < start, SEEDS[0], without)
            found.append(roc_auc(loans.outcome[period], scores[period]))
        return np.array(found)

    everything = of_periods()
    for column, name in enumerate(loans.names):
        adds = everything - of_periods(column)
        yield name, float(adds.mean()), float(adds.std(ddof=1) / np.sqrt(len(adds)))


if __name__ == "__main__":
    main()
