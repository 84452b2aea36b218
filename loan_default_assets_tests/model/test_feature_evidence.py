"""Codes with an order and shares of amounts are found by the outcome, and not found in noise."""

import numpy as np
import pytest

from loan_default_assets.model.feature_evidence import codes_are_ordered, telling_shares

ROWS = 3000


@pytest.mark.parametrize(
    ("rates", "ordered"),
    [
        ((0.1, 0.2, 0.3, 0.4), True),
        ((0.5, 0.4, 0.2, 0.1), True),
        ((0.1, 0.1, 0.1, 0.4, 0.4), True),
        ((0.2, 0.2, 0.2, 0.2), False),
        ((0.1, 0.4, 0.1), False),
        ((0.3, 0.1, 0.2, 0.45), False),
        ((0.1, 0.4), False),
    ],
)
def test_codes_have_an_order_where_the_default_rate_follows_it(
    rates: tuple[float, ...], ordered: bool
) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, len(rates), ROWS).astype(float)
    outcome = rng.random(ROWS) < np.array(rates)[codes.astype(int)]
    codes[::50] = np.nan
    assert codes_are_ordered(codes, outcome) is ordered


def test_codes_without_information_are_seldom_ordered_and_ordered_ones_mostly() -> None:
    found = {False: 0, True: 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        codes = rng.integers(1, 6, 600).astype(float)
        for telling in found:
            found[telling] += codes_are_ordered(codes, rng.random(600) < (0.08 * codes if telling else 0.3))
    assert found[False] <= 2
    assert found[True] >= 180


@pytest.mark.parametrize("outcome", [np.zeros(9, bool), np.ones(9, bool), np.arange(9) < 1])
def test_nothing_is_found_without_both_outcomes(outcome: np.ndarray) -> None:
    assert not codes_are_ordered(np.arange(9.0) % 4, outcome)
    assert telling_shares(np.arange(18.0).reshape(9, 2), outcome) == ()


def amounts(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    whole, share = rng.lognormal(10, 1, ROWS), rng.uniform(0.3, 1, ROWS)
    other = rng.normal(size=ROWS)
    return np.stack([other, whole * share, whole], axis=1), share, rng


def test_a_share_that_tells_more_than_its_amounts_is_found_with_missing_amounts_too() -> None:
    table, share, rng = amounts()
    outcome = rng.random(ROWS) < 1 - share
    table[::9, 1] = np.nan
    (found,) = telling_shares(table, outcome)
    assert (found.part, found.whole) == (1, 2)
    assert found.roc_auc > found.roc_auc_of_amounts + 0.03


@pytest.mark.parametrize(
    "case", ["noise", "the amount tells as much", "few defaults", "no part", "equal", "known", "negative"]
)
def test_other_shares_are_not_found(case: str) -> None:
    table, share, rng = amounts()
    outcome = rng.random(ROWS) < 1 - share
    if case == "noise":
        outcome = rng.random(ROWS) < 0.3
    elif case == "the amount tells as much":
        outcome = table[:, 2] > np.quantile(table[:, 2], 0.8)
    elif case == "few defaults":
        outcome &= rng.random(ROWS) < 0.004
    elif case == "no part":
        table[:, 1] *= 2
    elif case == "equal":
        table[:, 1] = table[:, 2]
    elif case == "known":
        table[:, 0] = 10 - 3 * share
    else:
        table[::3] *= -1
    assert telling_shares(table, outcome) == ()
