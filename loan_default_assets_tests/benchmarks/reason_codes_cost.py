"""Reason codes: what they cost beside the score, and how often they are those of the occlusion of every feature.

A model with the default sizes is fitted to part of each set, with fewer epochs; the explained rows are of its window.
Costs are processor time of one thread, alternating within one run.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.contributions import Contributions
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.ensemble import Ensemble
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.reason_codes import MAX_REASONS, ReasonRanking
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import FittedModel, fit, pretrain
from loan_default_assets_tests.benchmarks.quality_sets import SHARED, read_set

GENERATED_SETS = ("informative_missing", "many_categories", "noisy_ratios")
TRAIN_ROWS, VALIDATION_ROWS, EPOCHS = 6000, 2000, 4
# Rows times features, so that occluding every feature of 64 ratios does not take minutes.
EXPLAINED_CELLS, MOST_EXPLAINED = 12_000, 1000
BATCHES = {1: 60, 64: 9}


@dataclass(frozen=True)
class Agreement:
    """Shares of the rows, or means over them.

    Attributes:
        spearman: Rank correlation of estimated and exact contributions.
        first: First reason by estimates alone is that of occlusion.
        overlap: Reasons by estimates alone that are among those of occlusion.
        equal: All reasons of the product, in order, are those of occlusion.
        equal_adverse: The same for adverse decisions.
        completeness: Median of |sum of the contributions - difference of the scores| over that difference, of
            occlusion and of estimates.
    """

    spearman: float
    first: float
    overlap: float
    equal: float
    equal_adverse: float
    completeness: tuple[float, float]


def fitted_part(name: str, folder: Path | None) -> tuple[FittedModel, Rows]:
    """A model of the set, and window rows to explain."""
    data = read_set(name, folder)
    train, validation = _some(data.train, TRAIN_ROWS), _some(data.validation, VALIDATION_ROWS)
    config = ModelConfig(pretrain_epochs=0, max_epochs=EPOCHS if len(train) > VALIDATION_ROWS else 0)
    encoding = Encoding.fit(train, data.cardinalities, config)
    model = fit(pretrain(train, encoding, config), train, validation, config)
    features = train.numerical.shape[1] + train.categorical.shape[1]
    return model, _some(data.window, min(MOST_EXPLAINED, EXPLAINED_CELLS // features))


def _some(rows: Rows, most: int) -> Rows:
    return rows.take(np.random.default_rng(0).permutation(len(rows))[:most])


def _texts(features: int) -> list[tuple[str, str, str]]:
    return [(f"f{i}", f"f{i}", f"f{i}") for i in range(features)]


def agreement(model: FittedModel, rows: Rows) -> Agreement:
    """Compare the reasons of the rows with those of occlusion of every feature."""
    features = rows.numerical.shape[1] + rows.categorical.shape[1]
    predictor = Predictor(model, "benchmark", {}, reason_texts=_texts(features))
    scored = predictor.predict(rows.numerical, rows.categorical, reasons="all")
    exact = predictor.contributions(rows.numerical, rows.categorical)
    encoding, ensemble, slope = model.encoding, Ensemble(model), model.calibration.slope
    encoded = encoding.transform(rows.numerical, rows.categorical)
    reference = encoding.transform(encoding.reference_numerical[None], encoding.reference_categorical[None])
    estimates = Contributions(ensemble, slope, reference).estimated(encoded)
    ranking = ReasonRanking(_texts(features))
    adverse = scored.decision.astype(bool)

    def codes(found: np.ndarray) -> list[list[str]]:
        return [
            [reason.code for reason in ranking.rank(row, adverse=bool(is_adverse))]
            for row, is_adverse in zip(found, adverse, strict=True)
        ]

    wanted, guessed = codes(exact), codes(estimates)
    product = [[reason.code for reason in reasons] for reasons in scored.reasons]
    equal = np.array([one == other for one, other in zip(product, wanted, strict=True)])
    moved = slope * (ensemble.logits(encoded) - ensemble.logits(reference))
    return Agreement(
        float(np.nanmean([spearmanr(a, b)[0] for a, b in zip(exact, estimates, strict=True)])),
        float(np.mean([one[:1] == other[:1] for one, other in zip(guessed, wanted, strict=True)])),
        float(
            np.mean(
                [
                    len({*a} & {*b}) / min(max(len(b), 1), MAX_REASONS)
                    for a, b in zip(guessed, wanted, strict=True)
                    if b
                ]
            )
        ),
        float(equal.mean()),
        float(equal[adverse].mean()) if adverse.any() else float("nan"),
        (_incompleteness(exact, moved), _incompleteness(estimates, moved)),
    )


def _incompleteness(contributions: np.ndarray, moved: np.ndarray) -> float:
    return float(np.median(np.abs(contributions.sum(axis=1) - moved) / np.abs(moved).clip(1e-6)))


def cost(model: FittedModel, rows: Rows, batch: int, rounds: int) -> tuple[float, float, float]:
    """Milliseconds of the score of a batch; and what its reasons cost beside, by the product and by occlusion of every
    feature, as multiples of the score."""
    features = rows.numerical.shape[1] + rows.categorical.shape[1]
    predictor = Predictor(model, "benchmark", {}, reason_texts=_texts(features))
    numerical, categorical = rows.numerical[:batch], rows.categorical[:batch]
    sides: list[Callable[[], object]] = [
        lambda: predictor.predict(numerical, categorical),
        lambda: predictor.predict(numerical, categorical, reasons="all"),
        lambda: predictor.contributions(numerical, categorical),
    ]
    seconds = np.empty((rounds, len(sides)))
    for side in sides:
        side()
    for done in range(rounds):
        for number, side in enumerate(sides):
            start = time.process_time()
            side()
            seconds[done, number] = time.process_time() - start
    score, explained, exact = np.median(seconds, axis=0)
    return 1000 * score, explained / score - 1, exact / score - 1


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="folder of the public files; without it, generated sets only"
    )
    parser.add_argument("--sets", help="names of sets, separated by commas")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    every = (*SHARED, *GENERATED_SETS) if arguments.data else GENERATED_SETS
    heads = "features rows boosting | Spearman first overlap | equal (adverse) | not explained: occlusion, estimates"
    print(f"{'set':20} {heads} | batch: score ms, reasons x score, occlusion x score", flush=True)
    for name in arguments.sets.split(",") if arguments.sets else every:
        model, rows = fitted_part(name, arguments.data)
        found = agreement(model, rows)
        costs = [(batch, cost(model, rows, batch, rounds)) for batch, rounds in BATCHES.items()]
        print(
            f"{name:20} {rows.numerical.shape[1] + rows.categorical.shape[1]:8d} {len(rows):4d} "
            f"{model.members[-1].weight:8.2f} | {found.spearman:8.3f} {found.first:5.3f} {found.overlap:7.3f} | "
            f"{found.equal:5.3f} ({found.equal_adverse:.3f}) | "
            f"{found.completeness[0]:.2f}, {found.completeness[1]:.2f} | "
            + "; ".join(f"{batch}: {ms:.2f} ms, {ours:.1f}, {full:.1f}" for batch, (ms, ours, full) in costs),
            flush=True,
        )


if __name__ == "__main__":
    main()
