from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from loan_default_assets.model import training
from loan_default_assets.model.boosting import KINDS
from loan_default_assets.model.calibration import expected_f1_threshold, platt
from loan_default_assets.model.config import ConfigError
from loan_default_assets.model.ensemble import Ensemble
from loan_default_assets.model.labelled_rows import folds_of
from loan_default_assets.model.member_weights import Member
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.rows import Rows, RowsError, concatenate
from loan_default_assets.model.stack_tasks import StackRows
from loan_default_assets.model.stacking import Stack, fit_stacks
from loan_default_assets.model.training import FittedModel, fit, pretrain
from loan_default_assets.model.training_loop import Epoch
from loan_default_assets_tests.model.examples import encoded, fitted, loans, pretrained, tiny


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return fitted()


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def scores(model: FittedModel, rows: Rows) -> np.ndarray:
    return Ensemble(model).logits(model.encoding.transform(rows.numerical, rows.categorical))


def aucs(model: FittedModel, member: int = 1) -> list[float]:
    return [epoch.validation_auc or 0.0 for epoch in model.history if epoch.member == member]


def alone(model: FittedModel, member: int) -> FittedModel:
    """One transformer of the classifier."""
    return replace(
        model, states=(model.states[member - 1],), trees=None, additive=None, members=(Member("transformer"),)
    )


def held_out(validation: Rows, member: int) -> np.ndarray:
    """Positions of the validation rows that one of two transformers is stopped by."""
    return np.flatnonzero(folds_of(validation, 2) == member - 1)


def out_of_fold(model: FittedModel, validation: Rows) -> np.ndarray:
    """Log-odds of validation rows, each by the transformer that was not fitted on it."""
    found = np.full(len(validation), np.nan)
    for member in (1, 2):
        index = held_out(validation, member)
        found[index] = scores(alone(model, member), validation.take(index))
    return found


def test_the_same_rows_and_seed_give_the_same_weights(model: FittedModel) -> None:
    torch.manual_seed(123)
    again = fitted()
    assert all(same(one, two) for one, two in zip(model.states, again.states, strict=True))
    assert (model.threshold, model.calibration) == (again.threshold, again.calibration)
    assert model.members == again.members
    other = fitted(seed=1)
    assert not any(same(one, two) for one, two in zip(model.states, other.states, strict=True))


def test_every_transformer_has_its_own_seed_and_the_shares_add_up(model: FittedModel) -> None:
    assert [member.kind for member in model.members] == [*["transformer"] * 2, "boosting", "additive"]
    assert sum(member.weight for member in model.members) == pytest.approx(1)
    assert not same(*model.states)
    assert {epoch.member for epoch in model.history} == {1, 2}


def test_the_settings_limit_rounds_and_folds_of_boosting(model: FittedModel) -> None:
    few = fitted(boosting_rounds=2)
    assert few.trees is not None
    assert model.trees is not None
    assert len(few.trees.roots) <= 2 * (len(KINDS) + 1) < len(model.trees.roots)
    assert not same(fitted(boosting_folds=3).states[0], model.states[0]), "other out-of-fold PDs teach"


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, Stack]]:
    """The outcomes that stacks are fitted on, and the stacks, in the order of their fits."""
    found: list[tuple[np.ndarray, Stack]] = []

    def recorded(rows: StackRows, *others: Any, **more: Any) -> list[Stack]:
        fitted = fit_stacks(rows, *others, **more)
        found.extend(zip((rows.outcome[index] for index in rows.selections), fitted, strict=True))
        return fitted

    monkeypatch.setattr(training, "fit_stacks", recorded)
    return found


def test_the_teacher_is_fitted_on_training_rows_only(stacks: list[tuple[np.ndarray, Stack]]) -> None:
    by_teacher = fitted(teacher=0.5, boosting=False)
    ((outcome, _),) = stacks
    assert (outcome == loans(300).outcome()).all()
    by_label = fitted(teacher=0.0, boosting=False)
    assert len(stacks) == 1
    assert not same(by_teacher.states[0], by_label.states[0])


def test_a_transformer_is_fitted_on_the_validation_rows_that_others_hold_out() -> None:
    validation = loans(200, seed=1)
    config = tiny(teacher=0.0, boosting=False, max_epochs=1)
    encoder = pretrained(loans(300), config)
    plain = fit(encoder, loans(300), validation, config)
    for member in (1, 2):
        label = np.array(validation.label)
        label[held_out(validation, member)] ^= 1
        changed = fit(encoder, loans(300), replace(validation, label=label), config)
        other = 3 - member
        assert same(plain.states[member - 1], changed.states[member - 1]), "it held these rows out"
        assert not same(plain.states[other - 1], changed.states[other - 1]), "it was fitted on them"


def test_the_stack_of_the_classifier_is_fitted_on_validation_rows_too(
    stacks: list[tuple[np.ndarray, Stack]],
) -> None:
    model = fitted(teacher=0.0)
    ((outcome, stack),) = stacks
    validation = loans(200, seed=1)
    assert (outcome == np.concatenate([loans(300).outcome(), validation.outcome()])).all()
    assert model.trees is stack.trees
    # Weights, calibration and threshold are those of rows that the parts of the stack were not fitted on.
    rows = model.encoding.transform(validation.numerical, validation.categorical)
    factor = sum(member.factor for member in model.members if member.kind != "transformer")
    share = sum(member.factor for member in model.members if member.kind == "transformer")
    of_transformers = share * out_of_fold(model, validation)
    logits = of_transformers + factor * stack.log_odds[300:]
    assert model.calibration.slope == pytest.approx(platt(logits, validation.outcome()).slope)
    assert model.threshold == pytest.approx(expected_f1_threshold(model.calibration.probability(logits)))
    seen = of_transformers + factor * stack.logits(rows)
    assert platt(seen, validation.outcome()).slope > 1.05 * model.calibration.slope, "a row that was seen"
    assert model.validation is not None
    assert model.validation.log_odds == pytest.approx(logits)
    assert model.validation.outcome.tolist() == validation.outcome().tolist()


def test_the_process_keeps_its_own_seed_and_threads() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    fitted(threads=threads + 1, max_epochs=1, min_steps=1, pretrain_epochs=0, boosting=False, teacher=0.0)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(3), expected)


def test_the_best_epoch_is_returned(model: FittedModel) -> None:
    validation = loans(200, seed=1)
    for member in (1, 2):
        rows = validation.take(held_out(validation, member))
        assert roc_auc(rows.outcome(), scores(alone(model, member), rows)) == max(aucs(model, member))


def test_patience_ends_the_training() -> None:
    settings = {"max_epochs": 50, "patience": 2, "learning_rate": 0.05, "min_steps": 1}
    model = fitted(**settings, schedule="constant", boosting=False)
    found = aucs(model)
    assert len(found) < 50
    assert int(np.argmax(found)) == len(found) - 3
    # The last epoch is not the best, so weights, calibration and threshold show which one they are of.
    validation = loans(200, seed=1)
    logits = out_of_fold(model, validation)
    assert model.calibration == platt(logits, validation.outcome())
    assert model.threshold == expected_f1_threshold(model.calibration.probability(logits))


def test_two_hundred_rows_can_be_overfitted() -> None:
    rows = loans(200)
    config = tiny(
        d_model=16,
        dropout=0.0,
        attention_dropout=0.0,
        head_dropout=0.0,
        teacher=0.0,
        learning_rate=5e-3,
        max_epochs=12,
        min_steps=50,
    )
    model = fit(pretrained(rows, config), rows, rows, config)
    assert roc_auc(rows.outcome(), scores(model, rows)) > 0.99


def test_pretraining_lowers_its_loss_and_uses_no_label() -> None:
    rows, config = (
        loans(400),
        tiny(pretrain_epochs=4, pretrain_batch_size=64, dropout=0.0, attention_dropout=0.0),
    )
    encoding = encoded(rows, config)
    one = pretrain(rows, encoding, config)
    assert one.losses[-1] < one.losses[0]
    assert same(one.state, pretrain(rows.without_label(), encoding, config).state)
    untouched = pretrain(rows, encoding, replace(config, pretrain_epochs=0))
    assert untouched.losses == ()
    assert not same(one.state, untouched.state)


@pytest.mark.parametrize(("frozen", "unchanged"), [(2, True), (1, False)])
def test_frozen_epochs_leave_the_pretrained_encoder_unchanged(frozen: int, unchanged: bool) -> None:
    rows, config = loans(300), tiny(max_epochs=2, frozen_epochs=frozen, members=1, patience=2)
    encoder = pretrained(rows, config)
    model = fit(encoder, rows, rows, config)
    fitted_encoder = {name: model.states[0][f"encoder.{name}"] for name in encoder.state}
    assert same(encoder.state, fitted_encoder) == unchanged


def test_head_only_leaves_the_encoder_unchanged(model: FittedModel) -> None:
    new = loans(200, seed=7)
    config = model.config.with_seed(9)
    again = fit(pretrained(new, config), new, loans(200, seed=8), config, head_only=True, warm_start=model)
    for before, after in zip(model.states, again.states, strict=True):
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        assert all(name.startswith("head.") for name in changed)
    assert again.encoding is model.encoding
    assert again.history[0].number == 0
    assert max(epoch.validation_auc or 0 for epoch in again.history) >= (again.history[0].validation_auc or 0)


def test_a_warm_start_continues_from_the_fitted_model(model: FittedModel) -> None:
    validation = loans(200, seed=1)
    again = fit(pretrained(validation, model.config), loans(300), validation, model.config, warm_start=model)
    for member in (1, 2):
        rows = validation.take(held_out(validation, member))
        assert aucs(again, member)[0] == roc_auc(rows.outcome(), scores(alone(model, member), rows))


def test_each_epoch_is_reported() -> None:
    seen: list[Epoch] = []
    rows, config = loans(100), tiny(pretrain_epochs=2, max_epochs=3, patience=3)
    encoder = pretrain(rows, encoded(rows, config), config, on_epoch=seen.append)
    fit(encoder, rows, loans(80, seed=1), config, on_epoch=seen.append)
    assert [(e.phase, e.number, e.total) for e in seen] == [
        ("pretrain", 1, 2),
        ("pretrain", 2, 2),
        *[("fit", number, 3) for number in (1, 2, 3)] * 2,
    ]
    # The last epoch of the first of two transformers leaves as many epochs as it has had.
    assert seen[4].seconds_left > 0
    assert [e.member for e in seen] == [0, 0, 1, 1, 1, 2, 2, 2]
    assert seen[1].seconds_left == 0
    assert seen[0].validation_auc is None


def edges() -> Iterator[Any]:
    missing = loans(60)
    missing.numerical[:, 1] = np.nan
    constant = loans(60)
    constant.numerical[:, 2] = 3.0
    constant.categorical[:, 1] = 2
    yield pytest.param(loans(20), id="fewer rows than a batch")
    yield pytest.param(loans(60, numerical=0), id="no numerical features")
    yield pytest.param(loans(60, categorical=0), id="no categorical features")
    yield pytest.param(missing, id="a column without values")
    yield pytest.param(constant, id="constant columns")


@pytest.mark.parametrize("rows", list(edges()))
@pytest.mark.parametrize("view", ["mask", "scarf"])
def test_small_and_degenerate_sets_train_to_finite_scores(rows: Rows, view: str) -> None:
    config = tiny(view=view, max_epochs=1, min_steps=1)
    model = fit(pretrained(rows, config), rows, rows, config)
    unknown = Rows(np.full_like(rows.numerical[:5], np.nan), np.ones_like(rows.categorical[:5]))
    assert np.isfinite(scores(model, concatenate([rows.without_label(), unknown]))).all()
    assert 0 < model.threshold < 1


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.zeros(50, np.int8), "50 rows, 0 defaults"),
        (np.ones(50, np.int8), "50 rows, 50 defaults"),
        (np.array([-1, 0, 1] * 16 + [0, 1], np.int8), "every row needs a label"),
        (None, "every row needs a label"),
    ],
)
@pytest.mark.parametrize("part", ["train", "validation"])
def test_one_class_or_no_label_is_refused(label: np.ndarray | None, message: str, part: str) -> None:
    good, config = loans(50), tiny(pretrain_epochs=0)
    bad = Rows(good.numerical, good.categorical, label)
    train, validation = (bad, good) if part == "train" else (good, bad)
    with pytest.raises(RowsError, match=message):
        fit(pretrained(good, config), train, validation, config)


def test_weights_of_another_shape_are_refused(model: FittedModel) -> None:
    rows, config = loans(50), tiny(pretrain_epochs=0)
    with pytest.raises(ConfigError, match="num_layers: must be 2 as in the weights to start from, got 3"):
        fit(pretrained(rows, config), rows, rows, replace(config, num_layers=3))
    with pytest.raises(ConfigError, match="head_hidden"):
        fit(pretrained(rows, config), rows, rows, replace(config, head_hidden=7), warm_start=model)


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(ConfigError, match="abacus"):
        fitted(device="abacus")


@pytest.mark.parametrize("epochs", range(1, 9))
def test_a_training_of_any_few_steps_has_a_schedule(epochs: int) -> None:
    model = fitted(max_epochs=epochs, min_steps=1, batch_size=300, patience=9, members=1, boosting=False)
    assert len(aucs(model)) == epochs
