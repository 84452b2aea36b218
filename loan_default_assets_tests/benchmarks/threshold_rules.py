"""Ways to choose the decision threshold, each tried on validation rows that it has not seen.

`python -m loan_default_assets_tests.benchmarks.threshold_rules --data FOLDER` prints the table of
docs/decisions/decision-threshold.md.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from loan_default_assets.model.calibration import best_f1_threshold, expected_f1_threshold, platt
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.stacking import fit_stack
from loan_default_assets_tests.benchmarks.generated_sets import GENERATED
from loan_default_assets_tests.benchmarks.quality_sets import SHARED, read_set

Rule = Callable[[np.ndarray, np.ndarray], float]
REPEATS, RESAMPLES = 20, 30


def f1_at(label: np.ndarray, pd: np.ndarray, threshold: float) -> float:
    """F1 of the default class; label (n,) bool, pd (n,)."""
    decided = pd >= threshold
    return float(2 * (decided & label).sum() / (decided.sum() + label.sum()))


def half_of_best_f1(label: np.ndarray, pd: np.ndarray) -> float:
    """Half of the best measured F1, where the threshold lies if PDs are calibrated (Lipton et al. 2014)."""
    return f1_at(label, pd, best_f1_threshold(label, pd)) / 2


def median_of_resamples(label: np.ndarray, pd: np.ndarray) -> float:
    """Median over bootstrap samples of the threshold with the best F1."""
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(label), len(label)) for _ in range(RESAMPLES))
    return float(np.median([best_f1_threshold(label[rows], pd[rows]) for rows in drawn if label[rows].any()]))


RULES: dict[str, Rule] = {
    "best measured F1": best_f1_threshold,
    "median of resamples": median_of_resamples,
    "half of the best F1": half_of_best_f1,
    "highest expected F1": lambda _, pd: expected_f1_threshold(pd),
}


def halves(label: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of the two halves of both classes, each half first once."""
    rng = np.random.default_rng(1)
    for _ in range(REPEATS):
        classes = [rng.permutation(np.flatnonzero(label == value)) for value in (True, False)]
        first, second = (
            np.concatenate([part[start : len(part) : 2] for part in classes]) for start in (0, 1)
        )
        yield first, second
        yield second, first


def measured(logit: np.ndarray, label: np.ndarray) -> list[float]:
    """Mean F1 of each rule on one half, calibration and threshold being fitted on the other."""
    found = []
    for fitted, other in halves(label):
        calibration = platt(logit[fitted], label[fitted])
        pd = calibration.probability(logit)
        found.append(
            [f1_at(label[other], pd[other], rule(label[fitted], pd[fitted])) for rule in RULES.values()]
        )
    return np.mean(found, axis=0).tolist()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; the model is the stack of trees and additive models, which takes seconds to fit."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.threshold_rules")
    parser.add_argument(
        "--data", type=Path, help="folder of the public files; without it, generated sets alone"
    )
    folder = parser.parse_args(arguments).data
    print(f"| set | validation defaults | {' | '.join(RULES)} |\n| --- | ---: |{' ---: |' * len(RULES)}")
    rows = []
    for name in [*(SHARED if folder else ()), *GENERATED]:
        data = read_set(name, folder)
        config = ModelConfig().for_rows(len(data.train))
        encoding = Encoding.fit(data.train, data.cardinalities, config)
        train, validation = (
            encoding.transform(part.numerical, part.categorical) for part in (data.train, data.validation)
        )
        stack = fit_stack(train, data.train.outcome(), data.cardinalities, config)
        label = data.validation.outcome()
        rows.append(measured(stack.logits(validation), label))
        print(f"| {name} | {label.sum():,} | {' | '.join(f'{f1:.4f}' for f1 in rows[-1])} |", flush=True)
    ranks = rankdata(-np.array(rows), axis=1).mean(axis=0)
    print(f"| mean | | {' | '.join(f'{f1:.4f}' for f1 in np.mean(rows, axis=0))} |")
    print(f"| mean rank | | {' | '.join(f'{rank:.2f}' for rank in ranks)} |")


if __name__ == "__main__":
    main()
