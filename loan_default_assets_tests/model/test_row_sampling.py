from typing import Any

import numpy as np
import pytest

from loan_default_assets.model.baseline import baselines
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.row_sampling import ClassCounts, RowSampling, sample_shares
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import fit
from loan_default_assets_tests.model.examples import CARDINALITIES, loans, pretrained, tiny


def rare(rows: Rows, share: float, seed: int = 0) -> Rows:
    """The rows with part of their defaults, so that defaults are rare."""
    kept = (rows.label == 0) | (np.random.default_rng(seed).random(len(rows)) < share)
    return rows.take(np.flatnonzero(kept))


@pytest.mark.parametrize(
    ("counts", "max_rows", "expected"),
    [
        ({"training": (900, 100)}, 500, {"training": (400, 100)}),
        ({"training": (900, 400)}, 500, {"training": (250, 250)}),
        ({"training": (100, 900)}, 500, {"training": (100, 400)}),
        ({"training": (0, 1000)}, 500, {"training": (0, 500)}),
        (
            {"training": (8000, 100), "validation": (1900, 100), "window": (50, 0), "immature": (2000, 0)},
            1000,
            {"training": (450, 100), "validation": (190, 10), "window": (50, 0), "immature": (200, 0)},
        ),
        (
            {"training": (900, 100), "immature": (300, 0), "unlabelled": (100, 0)},
            500,
            {"training": (300, 100), "immature": (75, 0), "unlabelled": (25, 0)},
        ),
        (
            {"training": (8000, 1000), "window": (9990, 10), "rare": (40, 5)},
            1000,
            {"training": (0, 0), "window": (7492, 8)},
        ),
        (
            {"training": (8000, 1000), "window": (900, 100), "rare": (190, 10)},
            1000,
            {"training": (350, 350), "window": (270, 30)},
        ),
    ],
)
def test_the_shares_fill_the_limit(
    counts: dict[str, tuple[int, int]], max_rows: int, expected: dict[str, tuple[int, int]]
) -> None:
    needed = ClassCounts(0, 0) if "rare" not in counts else ClassCounts(*counts.pop("rare"))
    shares = sample_shares({name: ClassCounts(*count) for name, count in counts.items()}, max_rows, needed)
    read = {name: tuple(np.round(np.multiply(counts[name], shares[name])).astype(int)) for name in counts}
    assert read == expected


def case_control(rows: Rows, seed: int = 0) -> tuple[Rows, RowSampling]:
    """All defaults and as many other rows."""
    rng = np.random.default_rng(seed)
    defaults, others = np.flatnonzero(rows.label == 1), np.flatnonzero(rows.label == 0)
    kept = np.sort(np.append(defaults, rng.choice(others, len(defaults), replace=False)))
    before = ClassCounts(len(others), len(defaults))
    return rows.take(kept), RowSampling(
        {"training": before}, {"training": ClassCounts(len(defaults), len(defaults))}
    )


@pytest.mark.parametrize(
    "ensemble", [{}, {"boosting": False, "teacher": 0.0}], ids=["ensemble", "transformers"]
)
def test_the_pd_of_a_model_of_a_case_control_sample_has_the_base_rate_of_all_rows(
    ensemble: dict[str, Any],
) -> None:
    train, validation, window = (rare(loans(4000, seed=seed), 0.15, seed) for seed in range(3))
    sample, _ = case_control(train)
    config = tiny(min_steps=30, **ensemble)
    model = fit(pretrained(sample, config), sample, validation, config)
    pd = Predictor(model, "", {}).predict(window.numerical, window.categorical).pd
    base_rate = float((window.label == 1).mean())
    assert base_rate < 0.1 < float((sample.label == 1).mean())
    assert float(pd.mean()) == pytest.approx(base_rate, rel=0.15)
    # Also where it matters: among the riskiest tenth.
    riskiest = pd >= np.quantile(pd, 0.9)
    assert float(pd[riskiest].mean()) == pytest.approx(float((window.label[riskiest] == 1).mean()), rel=0.25)


def test_the_references_of_a_case_control_sample_are_corrected_by_its_odds() -> None:
    train, validation, window = (rare(loans(4000, seed=seed), 0.15, seed) for seed in range(3))
    sample, sampling = case_control(train)
    base_rate = float((window.label == 1).mean())
    corrected = baselines(sample, validation, window, CARDINALITIES, prior_odds=sampling.prior_odds)
    plain = baselines(sample, validation, window, CARDINALITIES)
    for with_odds, without in zip(corrected, plain, strict=True):
        excess = [abs(float(scores.probability.mean()) - base_rate) for scores in (with_odds, without)]
        # Boosting of few rows is too sure of itself, which no factor on the odds corrects.
        assert excess[0] < (0.1 if with_odds.name == "LogisticRegression" else 0.25) * excess[1], (
            with_odds.name
        )
        # The decisions are the same: the threshold moves with the probabilities.
        decided, expected = (scores.probability >= scores.threshold for scores in (with_odds, without))
        assert (decided == expected).mean() > 0.999
