"""The stack's parts are weighed by rows they were not fitted on, and its teaching does not know the row it teaches."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.stacking import fit_stack, weigh_parts


def numbers(cells: np.ndarray) -> EncodedRows:
    return EncodedRows(torch.from_numpy(cells.astype(np.float32)), torch.zeros(len(cells), 0).long())


def test_each_row_is_taught_by_parts_that_did_not_see_it() -> None:
    rng = np.random.default_rng(0)
    outcome = rng.random(600) < 0.5
    noise = numbers(rng.normal(size=(600, 3)))
    stack = fit_stack(noise, outcome, (), ModelConfig())
    assert roc_auc(outcome, stack.logits(noise)) > 0.57 > roc_auc(outcome, stack.out_of_fold)


def test_a_category_with_many_codes_is_a_rate_that_its_own_row_does_not_move() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(2, 300, (3000, 1))
    rows = EncodedRows(torch.zeros(3000, 1), torch.from_numpy(codes))
    by_chance = rng.random(3000) < 0.5
    assert roc_auc(by_chance, fit_stack(rows, by_chance, (300,), ModelConfig()).out_of_fold) < 0.55
    outcome = rng.random(3000) < rng.random(300)[codes[:, 0]]
    stack = fit_stack(rows, outcome, (300,), ModelConfig())
    assert roc_auc(outcome, stack.out_of_fold) > 0.7
    unknown = EncodedRows(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.int64))
    assert np.isfinite(stack.logits(unknown)).all()


@pytest.mark.parametrize(
    ("signal", "low", "high"),
    [
        pytest.param(lambda x: 1.5 * x[:, 0] - x[:, 1], 0.0, 0.5, id="a sum of the features"),
        pytest.param(lambda x: 6.0 * (x[:, 0] * x[:, 1] > 0) - 3, 0.9, 1.0, id="two features together"),
    ],
)
def test_the_kind_that_fits_the_loans_gets_the_larger_share(
    signal: Callable[[np.ndarray], np.ndarray], low: float, high: float
) -> None:
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(2000, 4))
    outcome = rng.random(2000) < 1 / (1 + np.exp(-signal(cells)))
    stack = fit_stack(numbers(cells), outcome, (), ModelConfig())
    assert low <= stack.trees_share <= high


def test_a_part_without_a_share_is_not_kept() -> None:
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(2000, 2))
    stack = fit_stack(numbers(cells), cells[:, 0] * cells[:, 1] > 0, (), ModelConfig())
    assert (stack.trees_share, stack.additive) == (1.0, None)


@pytest.mark.parametrize("defaults", [1, 2, 3])
def test_few_rows_of_a_class_are_no_error(defaults: int) -> None:
    rng = np.random.default_rng(0)
    rows = EncodedRows(
        torch.from_numpy(rng.normal(size=(40, 2)).astype(np.float32)), torch.ones(40, 1).long()
    )
    rows.numerical[:, 1] = torch.nan
    stack = fit_stack(rows, np.arange(40) < defaults, (4,), ModelConfig())
    assert np.isfinite(stack.out_of_fold).all()
    assert np.isfinite(stack.logits(rows)).all()


def test_few_rows_move_the_shares_little() -> None:
    rng = np.random.default_rng(0)
    outcome = rng.random(20_000) < 0.3
    log_odds = np.stack([2.0 * outcome - 1.5 + rng.normal(size=20_000), rng.normal(size=20_000) - 0.8])
    prior = np.array([0.5, 0.5])
    few, many = (weigh_parts(log_odds[:, :rows], outcome[:rows], prior)[0] for rows in (30, 20_000))
    assert 0.5 < few < 0.8 < many
