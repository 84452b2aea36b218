from pathlib import Path

import numpy as np
import pytest

from loan_default_assets.model.artifact import ArtifactError, save
from loan_default_assets.model.encoding import EncodingError
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.model.examples import fitted, loans, pretrained, tiny

NAMES = {"numbers": ("income", "amount", "age"), "categories": ("region", "purpose")}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(fitted(d_model=32, nhead=4, num_layers=6), "c0", NAMES)


def test_the_score_of_a_loan_does_not_depend_on_its_company(predictor: Predictor) -> None:
    rows = loans(2500, seed=3)
    together = predictor.score(rows.numerical, rows.categorical).probability
    order = np.random.default_rng(0).permutation(2500)
    shuffled = predictor.score(rows.numerical[order], rows.categorical[order]).probability
    assert np.abs(together[order] - shuffled).max() <= 1e-6
    for i in range(0, 2500, 97):
        alone = predictor.score(rows.numerical[i : i + 1], rows.categorical[i : i + 1]).probability
        assert abs(alone[0] - together[i]) <= 1e-6


def test_decisions_follow_the_threshold(predictor: Predictor) -> None:
    rows = loans(200, seed=3)
    scores = predictor.score(rows.numerical, rows.categorical)
    assert scores.probability.dtype == np.float64
    assert ((scores.probability > 0) & (scores.probability < 1)).all()
    assert (scores.decision == (scores.probability >= predictor.threshold)).all()
    assert scores.decision.dtype == np.int8


def test_missing_unseen_and_extreme_cells_score_finitely(predictor: Predictor) -> None:
    numerical = np.array([[np.nan] * 3, [3e38] * 3, [-3e38] * 3, [np.inf] * 3], dtype=np.float32)
    scores = predictor.score(numerical, np.array([[0, 0], [1, 1], [5, 3], [2, 2]], np.int16))
    assert np.isfinite(scores.probability).all()


def test_no_rows_give_no_scores(predictor: Predictor) -> None:
    rows = loans(0)
    assert predictor.score(rows.numerical, rows.categorical).probability.shape == (0,)
    assert predictor.contributions(rows.numerical, rows.categorical).shape == (0, 5)


def test_contributions_are_drops_in_log_odds(predictor: Predictor) -> None:
    rows = loans(600, seed=5)
    found = predictor.contributions(rows.numerical, rows.categorical)
    encoding = predictor.model.encoding
    for feature in range(5):
        numerical, categorical = rows.numerical.copy(), rows.categorical.copy()
        if feature < 3:
            numerical[:, feature] = encoding.reference_numerical[feature]
        else:
            categorical[:, feature - 3] = encoding.reference_categorical[feature - 3]
        odds = [
            np.log(p / (1 - p))
            for p in (
                predictor.score(rows.numerical, rows.categorical).probability,
                predictor.score(numerical, categorical).probability,
            )
        ]
        np.testing.assert_allclose(found[:, feature], odds[0] - odds[1], atol=1e-5)
    usual = rows.categorical[:, 1] == encoding.reference_categorical[1]
    assert not found[usual, 4].any()


def test_the_telling_feature_contributes_most() -> None:
    config = {
        "max_epochs": 8,
        "min_steps": 60,
        "learning_rate": 5e-3,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    }
    predictor = Predictor(fitted(**config), "c0", NAMES)
    rows = loans(300, seed=6)
    weight = np.abs(predictor.contributions(rows.numerical, rows.categorical)).mean(0)
    assert weight.argmax() == 0


def test_from_an_artefact(tmp_path: Path, predictor: Predictor) -> None:
    common = {"portfolio_hash": "p", "portfolio": {}, "snapshot_hash": "s", "feature_names": NAMES}
    saved = save(tmp_path, predictor.model, **common)
    again = Predictor.from_artifact(saved.path, sha256=saved.sha256, portfolio_hash="p")
    assert (again.version, again.threshold, again.feature_names) == (
        saved.version,
        predictor.threshold,
        NAMES,
    )
    rows = loans(40)
    ours, theirs = (s.score(rows.numerical, rows.categorical).probability for s in (predictor, again))
    assert np.array_equal(ours, theirs)
    with pytest.raises(ArtifactError, match="portfolio"):
        Predictor.from_artifact(saved.path, portfolio_hash="q")
    encoder = save(tmp_path, pretrained(loans(50), tiny()), **common)
    with pytest.raises(ArtifactError, match="scores nothing"):
        Predictor.from_artifact(encoder.path)


def test_other_columns_are_refused(predictor: Predictor) -> None:
    rows: Rows = loans(5, numerical=2)
    with pytest.raises(EncodingError, match="3 numbers and 2 categories"):
        predictor.score(rows.numerical, rows.categorical)
