"""The parts of the stack, and stacks of several parts: out-of-fold and validation figures; the window is not looked at.

python -m loan_default_assets_tests.benchmarks.stack_parts --data FOLDER [SET ...]
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from loan_default_assets.model.additive_fitting import SEGMENTS, fit_additive
from loan_default_assets.model.boosting import fit_boosting
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.stacking import stratified_folds, weigh_parts
from loan_default_assets.model.symmetric_boosting import fit_symmetric_boosting
from loan_default_assets_tests.benchmarks.generated_sets import GENERATED
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_sets import SHARED, read_set

PARTS = ("12 leaves", "6 leaves", "31 leaves", "symmetric", "linear", "segments")
# Positions in PARTS, and the share of each before the rows have their say.
STACKS: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "two kinds and additive": ((0, 1, 4, 5), (0.45, 0.45, 0.05, 0.05)),
    "three kinds and additive": ((0, 1, 2, 4, 5), (0.3, 0.3, 0.3, 0.05, 0.05)),
    "symmetric and additive": ((3, 4, 5), (0.9, 0.05, 0.05)),
    "12, symmetric and additive": ((0, 3, 4, 5), (0.45, 0.45, 0.05, 0.05)),
    "12, 6, symmetric, additive": ((0, 1, 3, 4, 5), (0.3, 0.3, 0.3, 0.05, 0.05)),
    "four kinds and additive": ((0, 1, 2, 3, 4, 5), (0.225, 0.225, 0.225, 0.225, 0.05, 0.05)),
}


def main() -> None:
    """Print one line per set and part or stack, then the mean ranks."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.stack_parts")
    parser.add_argument("--data", type=Path, help="folder of the public files")
    parser.add_argument("sets", nargs="*")
    options = parser.parse_args()
    names = options.sets or [*(SHARED if options.data else ()), *GENERATED]
    ranks: dict[str, list[int]] = {}
    for name in names:
        losses = {}
        for model, out_of_fold, validation, outcome, later in _figures(read_set(name, options.data)):
            losses[model] = _loss(validation, later)
            print(
                f"{name:20} {model:26} out of fold: log loss {_loss(out_of_fold, outcome):.4f}, ROC-AUC "
                f"{roc_auc(outcome, out_of_fold):.4f}; validation: log loss {losses[model]:.4f}, ROC-AUC "
                f"{roc_auc(later, validation):.4f}",
                flush=True,
            )
        for rank, model in enumerate(sorted(losses, key=losses.__getitem__), 1):
            ranks.setdefault(model, []).append(rank)
    for model, of_sets in ranks.items():
        print(f"mean rank by validation log loss: {model:26} {np.mean(of_sets):.2f}")


def _figures(data: QualitySet) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Name, out-of-fold and validation log-odds of each part and stack, and the outcomes of both."""
    encoding = Encoding.fit(data.train, data.cardinalities, ModelConfig())
    rows, later = (encoding.transform(of.numerical, of.categorical) for of in (data.train, data.validation))
    outcome, later_outcome = data.train.outcome(), data.validation.outcome()
    folds = stratified_folds(outcome, 0)
    with threadpool_limits(1):
        trees = (
            *fit_boosting(rows, outcome, encoding.cardinalities, folds, 0),
            fit_symmetric_boosting(rows, outcome, encoding.cardinalities, folds, 0),
        )
        models = [
            fit_additive(rows, outcome, encoding.cardinalities, folds, segments=segments)
            for segments in (1, SEGMENTS)
        ]
    out_of_fold = np.stack([*(part.out_of_fold for part in trees), *(part.out_of_fold for part in models)])
    validation = np.stack(
        [*(part.trees.logits(later) for part in trees), *(part.model.logits(later) for part in models)]
    )
    assert len(PARTS) == len(trees) + len(models)
    for position, name in enumerate(PARTS):
        yield name, out_of_fold[position], validation[position], outcome, later_outcome
    for name, (positions, prior) in STACKS.items():
        own = list(positions)
        shares = weigh_parts(out_of_fold[own], outcome, np.array(prior))
        yield name, shares @ out_of_fold[own], shares @ validation[own], outcome, later_outcome


def _loss(log_odds: np.ndarray, outcome: np.ndarray) -> float:
    return float(np.logaddexp(0, np.where(outcome, -log_odds, log_odds)).mean())


if __name__ == "__main__":
    main()
