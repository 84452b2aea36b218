"""The shares of an ensemble's members follow the validation rows, but few rows move them little."""

import numpy as np
import pytest

from loan_default_assets.model.member_weights import Member, combine, weigh_members


def scores(rows: int, signal: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of some quality, and the outcomes."""
    rng = np.random.default_rng(0)
    outcome = rng.random(rows) < 0.3
    noise = np.random.default_rng(seed + 1).normal(size=rows)
    return signal * (outcome - 0.3) + noise, outcome


def boosting_share(rows: int, transformer: float, boosting: float) -> float:
    first, outcome = scores(rows, transformer, 1)
    second, _ = scores(rows, boosting, 2)
    return weigh_members(first[None], second, outcome)[-1].weight


@pytest.mark.parametrize(
    ("transformer", "boosting", "low", "high"),
    [(2.0, 2.0, 0.4, 0.6), (2.0, 0.0, 0.0, 0.05), (0.0, 2.0, 0.95, 1.0), (2.0, 1.0, 0.1, 0.4)],
)
def test_many_rows_give_the_better_kind_the_larger_share(
    transformer: float, boosting: float, low: float, high: float
) -> None:
    assert low <= boosting_share(20_000, transformer, boosting) <= high


def test_few_rows_move_the_shares_little() -> None:
    few, many = (abs(boosting_share(rows, 2.0, 0.5) - 0.5) for rows in (40, 20_000))
    assert few < many / 2


def test_members_on_other_scales_count_alike() -> None:
    first, outcome = scores(5000, 2.0, 1)
    second, _ = scores(5000, 2.0, 2)
    plain = weigh_members(first[None], second, outcome)
    scaled = weigh_members(first[None], 10 * second, outcome)
    assert scaled[-1].weight == pytest.approx(plain[-1].weight, abs=0.02)
    one, two = combine(plain, [first, second]), combine(scaled, [first, 10 * second])
    np.testing.assert_allclose(one, two, atol=0.1)


@pytest.mark.parametrize("count", [1, 3])
def test_transformers_share_equally(count: int) -> None:
    logits, outcome = scores(100, 1.0, 1)
    several = np.stack([logits] * count)
    assert weigh_members(several, None, outcome) == (Member("transformer", 1 / count, 1 / count),) * count
    mixed = weigh_members(several, logits, outcome)
    assert len({member.weight for member in mixed[:-1]}) == 1
    assert sum(member.weight for member in mixed) == pytest.approx(1)


def test_one_member_alone_keeps_its_scores_bit_for_bit() -> None:
    logits = np.random.default_rng(0).normal(size=50).astype(np.float32)
    assert np.array_equal(combine((Member("transformer"),), [logits]), logits.astype(np.float64))
