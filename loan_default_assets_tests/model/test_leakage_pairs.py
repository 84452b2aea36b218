"""A pair of features that decides the outcome is found, whatever number of rows is screened."""

import numpy as np
import pytest

from loan_default_assets.model import leakage_pairs


@pytest.mark.parametrize(("features", "screened_rows"), [(12, 4_000), (12, 400), (60, 400)])
def test_a_pair_that_decides_the_outcome_is_found_first(
    monkeypatch: pytest.MonkeyPatch, features: int, screened_rows: int
) -> None:
    monkeypatch.setattr(leakage_pairs, "SCREENED_CELLS", screened_rows * features * (features - 1) // 2)
    rng = np.random.default_rng(0)
    outcome = rng.random(5_000) < 0.08
    table = rng.lognormal(size=(len(outcome), features)).astype(np.float32)
    table[:, 7] = np.where(outcome, 0.9 * table[:, 3], table[:, 3])
    rows = []
    quick_auc = leakage_pairs._quick_auc

    def counted(values: np.ndarray, result: np.ndarray) -> float:
        rows.append(len(values))
        return quick_auc(values, result)

    monkeypatch.setattr(leakage_pairs, "_quick_auc", counted)
    found = leakage_pairs.discriminating_pairs(
        table, features, tuple(range(features)), outcome, np.arange(len(outcome)) % 3
    )
    assert found[0].features == (3, 7)
    assert found[0].evidence.roc_auc == 1.0
    assert max(rows) == screened_rows
