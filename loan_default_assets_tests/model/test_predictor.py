from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loan_default_assets.model import predictor as predictor_module
from loan_default_assets.model.artifact import ArtifactError, save
from loan_default_assets.model.encoding import EncodedRows, EncodingError
from loan_default_assets.model.predictor import Predictor, ReasonMode
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.model.examples import fitted, loans, pretrained, tiny

NAMES = {"numbers": ("income", "amount", "age"), "categories": ("region", "purpose")}
TEXTS = [
    ("income", "Income", "소득"),
    ("amount", "Amount", "금액"),
    ("age", "Income", "소득"),
    ("region", "Region", "지역"),
    ("purpose", "Purpose", "용도"),
]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(fitted(d_model=32, nhead=4, num_layers=6), "c0", NAMES, reason_texts=TEXTS)


def test_the_score_of_a_loan_does_not_depend_on_the_other_rows(predictor: Predictor) -> None:
    rows = loans(2500, seed=3)
    together = predictor.predict(rows.numerical, rows.categorical).pd
    order = np.random.default_rng(0).permutation(2500)
    shuffled = predictor.predict(rows.numerical[order], rows.categorical[order]).pd
    assert np.abs(together[order] - shuffled).max() <= 1e-6
    for i in range(0, 2500, 97):
        alone = predictor.predict(rows.numerical[i : i + 1], rows.categorical[i : i + 1]).pd
        assert abs(alone[0] - together[i]) <= 1e-6


def test_decisions_follow_the_threshold(predictor: Predictor) -> None:
    rows = loans(200, seed=3)
    scored = predictor.predict(rows.numerical, rows.categorical)
    assert scored.pd.dtype == np.float64
    assert ((scored.pd > 0) & (scored.pd < 1)).all()
    assert (scored.decision == (scored.pd >= predictor.threshold)).all()
    assert scored.decision.dtype == np.int8


def test_a_pd_that_equals_the_threshold_is_a_default(predictor: Predictor) -> None:
    rows = loans(50, seed=3)
    pd = predictor.predict(rows.numerical, rows.categorical).pd
    for row in (0, int(np.argmin(pd)), int(np.argmax(pd))):
        equal = Predictor(replace(predictor.model, threshold=float(pd[row])), "c0", NAMES)
        scored = equal.predict(rows.numerical, rows.categorical)
        assert scored.decision.tolist() == [int(each >= pd[row]) for each in pd]
        assert scored.decision[row] == 1


def test_missing_unknown_and_extreme_cells_score_finitely(predictor: Predictor) -> None:
    numerical = np.array([[np.nan] * 3, [3e38] * 3, [-3e38] * 3, [np.inf] * 3], dtype=np.float32)
    scored = predictor.predict(numerical, np.array([[0, 0], [1, 1], [5, 3], [2, 2]], np.int16))
    assert np.isfinite(scored.pd).all()


def test_no_rows_give_no_scores(predictor: Predictor) -> None:
    rows = loans(0)
    assert predictor.predict(rows.numerical, rows.categorical).pd.shape == (0,)
    assert predictor.predict(rows.numerical, rows.categorical, reasons="all").reasons == ()
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
                predictor.predict(rows.numerical, rows.categorical).pd,
                predictor.predict(numerical, categorical).pd,
            )
        ]
        np.testing.assert_allclose(found[:, feature], odds[0] - odds[1], atol=1e-5)
    usual = rows.categorical[:, 1] == encoding.reference_categorical[1]
    assert not found[usual, 4].any()


def test_the_feature_that_decides_the_outcome_contributes_most() -> None:
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
    again = Predictor.from_artifact(saved.path, sha256=saved.sha256, portfolio_hash="p", reason_texts=TEXTS)
    assert (again.version, again.threshold, again.feature_names) == (
        saved.version,
        predictor.threshold,
        NAMES,
    )
    rows = loans(40)
    ours, theirs = (s.predict(rows.numerical, rows.categorical).pd for s in (predictor, again))
    assert np.array_equal(ours, theirs)
    explained = [
        s.predict(rows.numerical, rows.categorical, reasons="all").reasons for s in (predictor, again)
    ]
    assert explained[0] == explained[1]
    with pytest.raises(ArtifactError, match="portfolio"):
        Predictor.from_artifact(saved.path, portfolio_hash="q")
    encoder = save(tmp_path, pretrained(loans(50), tiny()), **common)
    with pytest.raises(ArtifactError, match="cannot score"):
        Predictor.from_artifact(encoder.path)


def test_reasons_are_the_ranked_contributions_of_the_requested_rows(predictor: Predictor) -> None:
    rows = loans(60, seed=7)
    modes: list[ReasonMode] = ["none", "adverse", "all"]
    requested = modes * 20
    scored = predictor.predict(rows.numerical, rows.categorical, reasons=requested)
    assert {0, 1} == set(scored.decision.tolist())
    contributions = predictor.contributions(rows.numerical, rows.categorical)
    contributions[:, 0] += contributions[:, 2]  # income and age have equal texts
    code = {0: "income", 1: "amount", 3: "region", 4: "purpose"}
    for mode, decision, row, reasons in zip(
        requested, scored.decision, contributions, scored.reasons, strict=True
    ):
        weight = row if decision else np.abs(row)
        ranked = sorted((i for i in code if weight[i] > 0), key=lambda i: -weight[i])
        expected = ranked if mode == "all" or (mode == "adverse" and decision) else []
        assert [reason.code for reason in reasons] == [code[i] for i in expected]
        assert [reason.contribution for reason in reasons] == pytest.approx(
            [row[i] for i in expected], abs=1e-5
        )


@pytest.mark.parametrize("mode", ["none", "adverse", "all"])
def test_one_mode_is_the_same_mode_for_every_row(
    predictor: Predictor, mode: ReasonMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = loans(40, seed=8)
    scored = predictor.predict(rows.numerical, rows.categorical, reasons=mode)
    per_row = predictor.predict(rows.numerical, rows.categorical, reasons=[mode] * 40)
    assert scored.reasons == per_row.reasons
    explained = {"none": 0, "adverse": int(scored.decision.sum()), "all": 40}[mode]
    assert sum(map(bool, scored.reasons)) == explained
    plain = predictor.predict(rows.numerical, rows.categorical)
    assert np.array_equal(plain.pd, scored.pd)
    assert plain.reasons == ((),) * 40

    # In blocks of 7 the same reasons, and never more rows at a time.
    sizes: list[int] = []

    decisive = predictor._contributions.decisive

    def counted(rows: EncodedRows, *others: Any) -> np.ndarray:
        sizes.append(len(rows))
        return decisive(rows, *others)

    monkeypatch.setattr(predictor_module, "EXPLAINED_ROWS_PER_BLOCK", 7)
    monkeypatch.setattr(predictor._contributions, "decisive", counted)
    blocks = predictor.predict(rows.numerical, rows.categorical, reasons=mode)
    assert sum(sizes) == explained
    assert all(0 < size <= 7 for size in sizes)
    for one, two in zip(scored.reasons, blocks.reasons, strict=True):
        assert [reason.code for reason in one] == [reason.code for reason in two]
        assert [r.contribution for r in one] == pytest.approx([r.contribution for r in two], abs=1e-5)


@pytest.mark.parametrize(
    ("reasons", "message"),
    [
        ("some", "must be none, adverse or all, got 'some'"),
        (["all", "some", "none"], "must be none, adverse or all"),
        (["all", "none"], r"one per row \(3\), got 2"),
    ],
)
def test_an_unknown_reason_mode_is_refused(predictor: Predictor, reasons: Any, message: str) -> None:
    rows = loans(3)
    with pytest.raises(ValueError, match=message):
        predictor.predict(rows.numerical, rows.categorical, reasons=reasons)


def test_reasons_need_one_text_per_feature(predictor: Predictor) -> None:
    rows = loans(3)
    with pytest.raises(ValueError, match="reason_texts"):
        Predictor(predictor.model, "c0", NAMES).predict(rows.numerical, rows.categorical, reasons="all")
    with pytest.raises(ValueError, match=r"one per feature \(5\), got 4"):
        Predictor(predictor.model, "c0", NAMES, reason_texts=TEXTS[:4])


def test_other_columns_are_refused(predictor: Predictor) -> None:
    rows: Rows = loans(5, numerical=2)
    with pytest.raises(EncodingError, match="3 numerical and 2 categorical"):
        predictor.predict(rows.numerical, rows.categorical)
