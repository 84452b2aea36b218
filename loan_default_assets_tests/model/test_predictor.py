from pathlib import Path

import numpy as np
import pytest

from loan_default_assets.model.artifact import ArtifactError, save
from loan_default_assets.model.encoding import EncodingError
from loan_default_assets.model.predictor import Scorer
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.model.examples import fitted, loans, pretrained, tiny

NAMES = {"numbers": ("income", "amount", "age"), "categories": ("region", "purpose")}


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(fitted(d_model=32, nhead=4, num_layers=6), "c0", NAMES)


def test_the_score_of_a_loan_does_not_depend_on_its_company(scorer: Scorer) -> None:
    rows = loans(2500, seed=3)
    together = scorer.score(rows.numbers, rows.categories).probability
    order = np.random.default_rng(0).permutation(2500)
    shuffled = scorer.score(rows.numbers[order], rows.categories[order]).probability
    assert np.abs(together[order] - shuffled).max() <= 1e-6
    for i in range(0, 2500, 97):
        alone = scorer.score(rows.numbers[i : i + 1], rows.categories[i : i + 1]).probability
        assert abs(alone[0] - together[i]) <= 1e-6


def test_decisions_follow_the_threshold(scorer: Scorer) -> None:
    rows = loans(200, seed=3)
    scores = scorer.score(rows.numbers, rows.categories)
    assert scores.probability.dtype == np.float64
    assert ((scores.probability > 0) & (scores.probability < 1)).all()
    assert (scores.decision == (scores.probability >= scorer.threshold)).all()
    assert scores.decision.dtype == np.int8


def test_missing_unseen_and_extreme_cells_score_finitely(scorer: Scorer) -> None:
    numbers = np.array([[np.nan] * 3, [3e38] * 3, [-3e38] * 3, [np.inf] * 3], dtype=np.float32)
    scores = scorer.score(numbers, np.array([[0, 0], [1, 1], [5, 3], [2, 2]], np.int16))
    assert np.isfinite(scores.probability).all()


def test_no_rows_give_no_scores(scorer: Scorer) -> None:
    rows = loans(0)
    assert scorer.score(rows.numbers, rows.categories).probability.shape == (0,)
    assert scorer.contributions(rows.numbers, rows.categories).shape == (0, 5)


def test_contributions_are_drops_in_log_odds(scorer: Scorer) -> None:
    rows = loans(600, seed=5)
    found = scorer.contributions(rows.numbers, rows.categories)
    encoding = scorer.model.encoding
    for feature in range(5):
        numbers, categories = rows.numbers.copy(), rows.categories.copy()
        if feature < 3:
            numbers[:, feature] = encoding.reference_numbers[feature]
        else:
            categories[:, feature - 3] = encoding.reference_categories[feature - 3]
        odds = [
            np.log(p / (1 - p))
            for p in (
                scorer.score(rows.numbers, rows.categories).probability,
                scorer.score(numbers, categories).probability,
            )
        ]
        np.testing.assert_allclose(found[:, feature], odds[0] - odds[1], atol=1e-5)
    usual = rows.categories[:, 1] == encoding.reference_categories[1]
    assert not found[usual, 4].any()


def test_the_telling_feature_contributes_most() -> None:
    config = {
        "max_epochs": 8,
        "min_steps": 60,
        "learning_rate": 5e-3,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    }
    scorer = Scorer(fitted(**config), "c0", NAMES)
    rows = loans(300, seed=6)
    weight = np.abs(scorer.contributions(rows.numbers, rows.categories)).mean(0)
    assert weight.argmax() == 0


def test_from_an_artefact(tmp_path: Path, scorer: Scorer) -> None:
    common = {"portfolio_hash": "p", "portfolio": {}, "snapshot_hash": "s", "feature_names": NAMES}
    saved = save(tmp_path, scorer.model, **common)
    again = Scorer.from_artifact(saved.path, sha256=saved.sha256, portfolio_hash="p")
    assert (again.version, again.threshold, again.feature_names) == (saved.version, scorer.threshold, NAMES)
    rows = loans(40)
    ours, theirs = (s.score(rows.numbers, rows.categories).probability for s in (scorer, again))
    assert np.array_equal(ours, theirs)
    with pytest.raises(ArtifactError, match="portfolio"):
        Scorer.from_artifact(saved.path, portfolio_hash="q")
    encoder = save(tmp_path, pretrained(loans(50), tiny()), **common)
    with pytest.raises(ArtifactError, match="scores nothing"):
        Scorer.from_artifact(encoder.path)


def test_other_columns_are_refused(scorer: Scorer) -> None:
    rows: Rows = loans(5, numbers=2)
    with pytest.raises(EncodingError, match="3 numbers and 2 categories"):
        scorer.score(rows.numbers, rows.categories)
