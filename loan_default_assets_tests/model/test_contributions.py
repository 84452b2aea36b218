"""Contributions are drops in log-odds; those that can be reasons are exact, whatever is estimated on the way."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from loan_default_assets.model.additive_fitting import fit_additive
from loan_default_assets.model.contributions import ALWAYS_OCCLUDED, Contributions
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.ensemble import Ensemble
from loan_default_assets.model.member_weights import Member
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.reason_codes import CANDIDATES, MAX_REASONS
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.sklearn_trees import from_histogram_boosting
from loan_default_assets.model.target_statistics import TargetStatistics
from loan_default_assets.model.training import FittedModel, fit
from loan_default_assets_tests.model.examples import loans, pretrained, tiny

COLUMNS = 24


def wide(count: int, seed: int) -> Rows:
    """Rows whose outcome depends on six of many features."""
    rows = loans(count, numerical=COLUMNS - 2, seed=seed)
    present = np.nan_to_num(np.log(rows.numerical[:, :6]) - 8)
    noise = np.random.default_rng(seed).logistic(0, 1.0, count)
    label = present @ np.array([1.5, -1.2, 1.0, 0.8, -0.6, 0.5]) + noise > 0
    return Rows(rows.numerical, rows.categorical, label.astype(np.int8))


@pytest.fixture(scope="module")
def model() -> FittedModel:
    config = tiny(max_epochs=4, min_steps=40, learning_rate=1e-3, members=3, teacher=0.0, boosting=False)
    train = wide(400, seed=0)
    fitted = fit(pretrained(train, config), train, wide(300, seed=1), config)
    rows = fitted.encoding.transform(train.numerical, train.categorical)
    cells = np.concatenate([rows.numerical, rows.categorical], axis=1)
    boosting = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8).fit(cells, train.outcome())
    nothing_replaced = TargetStatistics(np.full(2, -1, np.int32), np.zeros(0))
    trees = from_histogram_boosting(boosting, COLUMNS - 2, nothing_replaced)
    additive = fit_additive(rows, train.outcome(), fitted.encoding.cardinalities, []).model
    members = (
        *(Member("transformer", 0.2, 0.2),) * 3,
        Member("boosting", 0.3, 0.3),
        Member("additive", 0.1, 0.1),
    )
    return replace(fitted, trees=trees, additive=additive, members=members)


def predictor_of(model: FittedModel) -> Predictor:
    return Predictor(model, "c0", {}, reason_texts=[(f"f{i}", f"f{i}", f"f{i}") for i in range(COLUMNS)])


def test_rows_with_many_features_have_the_reasons_of_exact_contributions(model: FittedModel) -> None:
    predictor, rows = predictor_of(model), wide(400, seed=2)
    scored = predictor.predict(rows.numerical, rows.categorical, reasons="all")
    exact = predictor.contributions(rows.numerical, rows.categorical)
    assert (exact != 0).sum(axis=1).min() > ALWAYS_OCCLUDED > MAX_REASONS
    equal = []
    for reasons, contributions, adverse in zip(scored.reasons, exact, scored.decision, strict=True):
        weight = contributions if adverse else np.abs(contributions)
        best = [f"f{i}" for i in np.argsort(-weight, kind="stable")[:MAX_REASONS] if weight[i] > 0]
        equal.append([reason.code for reason in reasons] == best)
        for reason in reasons:
            assert reason.contribution == pytest.approx(contributions[int(reason.code[1:])], abs=1e-5)
    assert np.mean(equal) >= 0.97


def test_the_reasons_of_a_row_do_not_depend_on_the_other_rows(model: FittedModel) -> None:
    predictor, rows = predictor_of(model), wide(300, seed=3)
    together = predictor.predict(rows.numerical, rows.categorical, reasons="all").reasons
    for i in range(0, 300, 7):
        one = rows.take(np.array([i]))
        (alone,) = predictor.predict(one.numerical, one.categorical, reasons="all").reasons
        assert [reason.code for reason in alone] == [reason.code for reason in together[i]]
        for found, expected in zip(alone, together[i], strict=True):
            assert found.contribution == pytest.approx(expected.contribution, abs=1e-6)


def test_a_caller_without_gradients_gets_the_same_reasons(model: FittedModel) -> None:
    predictor, rows = predictor_of(model), wide(20, seed=3)
    expected = predictor.predict(rows.numerical, rows.categorical, reasons="all")
    with torch.inference_mode():
        found = predictor.predict(rows.numerical, rows.categorical, reasons="all")
    assert found.reasons == expected.reasons


def test_a_reason_costs_few_copies_of_the_row(model: FittedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, rows = predictor_of(model), wide(50, seed=4)
    scored: list[int] = []
    original = Ensemble.transformer_logits

    def counted(self: Ensemble, rows: EncodedRows) -> np.ndarray:
        scored.append(len(rows))
        return original(self, rows)

    monkeypatch.setattr(Ensemble, "transformer_logits", counted)
    predictor.predict(rows.numerical, rows.categorical, reasons="all")
    assert scored == [50, 50 * CANDIDATES]


def test_an_estimate_near_the_reference_is_the_drop(model: FittedModel) -> None:
    encoding = model.encoding
    reference = encoding.transform(encoding.reference_numerical[None], encoding.reference_categorical[None])
    ensemble = Ensemble(replace(model, trees=None, additive=None, members=model.members[:-2]))
    contributions = Contributions(ensemble, 0.7, reference)
    moved = EncodedRows(reference.numerical.repeat(5, 1), reference.categorical.repeat(5, 1))
    for feature in range(5):
        moved.numerical[feature, feature] += 0.004
    exact = contributions.exact(moved, ensemble.transformer_logits(moved))
    assert np.abs(exact.diagonal()).min() > 1e-4
    np.testing.assert_allclose(contributions.estimated(moved), exact, rtol=0.05, atol=2e-6)


def test_a_contribution_is_the_drop_of_the_whole_score(model: FittedModel) -> None:
    encoding, ensemble = model.encoding, Ensemble(model)
    reference = encoding.transform(encoding.reference_numerical[None], encoding.reference_categorical[None])
    rows = wide(20, seed=6)
    encoded = encoding.transform(rows.numerical, rows.categorical)
    exact = Contributions(ensemble, 0.7, reference).exact(encoded, ensemble.transformer_logits(encoded))
    before = ensemble.logits(encoded)
    for feature in range(COLUMNS):
        moved = EncodedRows(encoded.numerical.clone(), encoded.categorical.clone())
        if feature < COLUMNS - 2:
            moved.numerical[:, feature] = reference.numerical[0, feature]
        else:
            moved.categorical[:, feature - COLUMNS + 2] = reference.categorical[0, feature - COLUMNS + 2]
        drop = 0.7 * (before - ensemble.logits(moved))
        np.testing.assert_allclose(exact[:, feature], drop, atol=1e-6)


@pytest.mark.parametrize("weightless", ["transformer", "boosting", "additive"])
def test_a_member_without_weight_is_not_scored(model: FittedModel, weightless: str) -> None:
    members = tuple(
        replace(member, weight=0.0, factor=0.0) if member.kind == weightless else member
        for member in model.members
    )
    ensemble = Ensemble(replace(model, members=members))
    unused = (not ensemble.networks, ensemble.trees is None, ensemble.additive is None)
    assert unused == tuple(weightless == kind for kind in ("transformer", "boosting", "additive"))
    rows = wide(30, seed=5)
    predictor = predictor_of(replace(model, members=members))
    scored = predictor.predict(rows.numerical, rows.categorical, reasons="all")
    encoded = model.encoding.transform(rows.numerical, rows.categorical)
    assert model.trees is not None
    assert model.additive is not None
    parts = {
        "transformer": sum(factor * network(encoded).numpy() for network, factor in ensemble.networks),
        "boosting": 0.3 * model.trees.logits(encoded),
        "additive": 0.1 * model.additive.logits(encoded),
    }
    expected = sum(part for kind, part in parts.items() if kind != weightless)
    np.testing.assert_allclose(scored.pd, model.calibration.probability(expected), atol=1e-6)
    exact = predictor.contributions(rows.numerical, rows.categorical)
    for reasons, contributions in zip(scored.reasons, exact, strict=True):
        for reason in reasons:
            assert reason.contribution == pytest.approx(contributions[int(reason.code[1:])], abs=1e-5)
