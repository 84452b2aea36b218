"""The generated sets: equal by seed, of known difficulty, and not decided by one column."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from loan_default_assets.model.baseline import columns
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets_tests.benchmarks.generated_sets import GENERATED, expected_auc, generate_loans


@pytest.mark.parametrize("name", GENERATED)
def test_equal_seeds_give_equal_loans(name: str) -> None:
    first, second, other = (generate_loans(name, seed, window_rows=500) for seed in (0, 0, 1))
    assert first.rows.numerical.tobytes() == second.rows.numerical.tobytes()
    assert first.rows.categorical.tobytes() == second.rows.categorical.tobytes()
    assert first.rows.label.tolist() == second.rows.label.tolist()
    assert first.rows.label.tolist() != other.rows.label.tolist()


@pytest.mark.parametrize("name", GENERATED)
def test_shape_and_difficulty_are_those_of_the_design(name: str) -> None:
    design, loans = GENERATED[name], generate_loans(name)
    count = design.train * 5 // 4 + 10_000
    assert len(loans.rows) == len(loans.true_pd) == count
    assert loans.train + loans.validation == count - 10_000
    assert len(loans.names) == loans.rows.numerical.shape[1] + len(loans.cardinalities)
    assert loans.rows.categorical.shape == (count, len(loans.cardinalities))
    for codes, size in zip(loans.rows.categorical.T, loans.cardinalities, strict=True):
        assert (codes.min(), codes.max()) == (2, size - 1)
    assert not np.isinf(loans.rows.numerical).any()
    assert expected_auc(loans.true_pd) == pytest.approx(design.auc, abs=0.002)
    assert loans.true_pd.mean() == pytest.approx(design.rate, rel=0.01)
    assert roc_auc(loans.rows.label, loans.true_pd) == pytest.approx(design.auc, abs=0.03)


@pytest.mark.parametrize("name", GENERATED)
def test_no_column_alone_discriminates_nearly_as_well_as_the_true_probability(name: str) -> None:
    loans = generate_loans(name, window_rows=4_000)
    table, label = columns(loans.rows), loans.rows.label
    alone = []
    for column in table.T[:, :, None]:
        tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=20, random_state=0)
        tree.fit(column[: loans.train], label[: loans.train])
        scored = tree.predict_proba(column[loans.train :])[:, 1]
        alone.append(roc_auc(label[loans.train :], scored))
    assert max(alone) < GENERATED[name].auc - 0.08


def test_the_true_probability_depends_on_the_features_alone() -> None:
    loans = generate_loans("count_columns", window_rows=4_000)
    table = columns(loans.rows)
    _, first, row = np.unique(table, axis=0, return_index=True, return_inverse=True)
    assert len(first) < len(table)
    assert loans.true_pd.tolist() == loans.true_pd[first][row.ravel()].tolist()


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("informative_missing", 0.1, 0.3),
        ("noisy_ratios", 0.01, 0.1),
        ("rare_defaults", 0.01, 0.05),
        ("sharp_thresholds", 0.0, 0.0),
    ],
)
def test_the_share_of_missing_values(name: str, least: float, most: float) -> None:
    assert least <= np.isnan(generate_loans(name, window_rows=500).rows.numerical).mean() <= most


def test_near_duplicates_have_outcomes_of_their_own() -> None:
    loans = generate_loans("near_duplicates", window_rows=500)
    # Categories do not change between the applications of one applicant, and most numbers do not.
    applicant = np.unique(loans.rows.numerical[:, 0], return_inverse=True)[1]
    _, count = np.unique(applicant, return_counts=True)
    shared = count[applicant] > 1
    assert shared.mean() > 0.5
    labels = np.bincount(applicant, weights=loans.rows.label) / count
    assert ((labels > 0) & (labels < 1)).sum() > 200


def test_the_large_category_has_300_values() -> None:
    assert generate_loans("many_categories").cardinalities[0] == 302
