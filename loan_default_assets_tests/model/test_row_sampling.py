from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from loan_default_assets.model.baseline import baselines
from loan_default_assets.model.calibration import best_f1_threshold
from loan_default_assets.model.ensemble import Ensemble
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.row_sampling import (
    ClassCounts,
    RowSampling,
    as_sampled,
    sample_shares,
    with_prior,
)
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
    for scores in corrected:
        uncorrected = with_prior(scores.probability, 1 / sampling.prior_odds)
        excess = [abs(float(found.mean()) - base_rate) for found in (scores.probability, uncorrected)]
        # Boosting of few rows is too sure of itself, which no factor on the odds corrects.
        assert excess[0] < (0.1 if scores.name == "LogisticRegression" else 0.25) * excess[1], scores.name
        # The threshold is that of the corrected probabilities.
        outcome = window.outcome()
        best = best_f1_threshold(outcome, scores.probability)
        reached, possible = (
            f1_score(outcome, scores.probability >= value) for value in (scores.threshold, best)
        )
        assert reached > 0.85 * possible, scores.name


def test_validation_rows_are_thinned_as_the_training_rows_were() -> None:
    outcome = np.arange(1000) < 200
    for odds, others, defaults in ((1.0, 800, 200), (0.25, 200, 200), (4.0, 800, 50)):
        index = as_sampled(outcome, odds, seed=0)
        assert (index == np.unique(index)).all()
        assert ((~outcome[index]).sum(), outcome[index].sum()) == (others, defaults)
        assert index.tolist() == as_sampled(outcome, odds, seed=0).tolist()
        assert odds == 1 or index.tolist() != as_sampled(outcome, odds, seed=1).tolist()


def test_the_stack_is_not_told_when_a_row_of_a_case_control_sample_is_from() -> None:
    """A feature that only tells validation rows, a uniform sample, from training rows must not tell defaults."""
    train, validation, window = (rare(loans(4000, seed=seed), 0.15, seed) for seed in range(3))
    sample, sampling = case_control(train)
    rng = np.random.default_rng(0)

    def with_age(rows: Rows, mean: float) -> Rows:
        age = rng.normal(mean, 0.1, (len(rows), 1)).astype(np.float32)
        return Rows(np.hstack([rows.numerical[:, :2], age]), rows.categorical, rows.label)

    sample, validation, old, new = (
        with_age(rows, mean)
        for rows, mean in ((sample, 0.0), (validation, 1.0), (window, 0.0), (window, 1.0))
    )
    config = tiny(min_steps=30, teacher=0.0)
    model = fit(pretrained(sample, config), sample, validation, config, prior_odds=sampling.prior_odds)
    assert model.trees is not None
    before, after = (
        model.trees.logits(model.encoding.transform(rows.numerical, rows.categorical)).mean()
        for rows in (old, new)
    )
    assert abs(after - before) < 0.3
    of_transformers = [
        Ensemble(model).transformer_logits(model.encoding.transform(rows.numerical, rows.categorical)).mean()
        for rows in (old, new)
    ]
    assert abs(of_transformers[1] - of_transformers[0]) < 0.3
    assert model.validation is not None
    assert len(model.validation.log_odds) == len(validation)
