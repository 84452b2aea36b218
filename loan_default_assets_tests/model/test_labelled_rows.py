import numpy as np
import pytest
import torch

from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.labelled_rows import (
    HELD_OUT_BY_ALL,
    LEAST_OF_A_CLASS,
    LabelledRows,
    folds_of,
)
from loan_default_assets.model.rows import Rows, concatenate
from loan_default_assets_tests.model.examples import loans


@pytest.mark.parametrize("members", [2, 3, 5])
def test_every_validation_row_is_held_out_by_one_transformer(members: int) -> None:
    validation = loans(600)
    fold = folds_of(validation, members)
    encoded = EncodedRows(torch.zeros(1000, 1), torch.zeros(1000, 0, dtype=torch.int64))
    rows = LabelledRows(encoded, torch.zeros(1000), validation.outcome(), fold, np.ones(600, bool))
    assert rows.training == 400
    held_out = [rows.held_out(member) for member in range(members)]
    assert sorted(np.concatenate(held_out).tolist()) == list(range(600))
    for member, index in enumerate(held_out):
        assert len(index) == pytest.approx(600 / members, rel=0.3)
        fitted = rows.fitted(member).tolist()
        assert sorted(fitted + (400 + index).tolist()) == list(range(1000))


def test_a_row_has_the_same_fold_in_every_training() -> None:
    validation, more = loans(400), loans(200, seed=1)
    fold = folds_of(validation, 3)
    assert folds_of(concatenate([more, validation, validation]), 3)[200:].tolist() == [*fold, *fold]
    label = np.array(validation.label) ^ 1
    assert folds_of(Rows(validation.numerical, validation.categorical, label), 3).tolist() == fold.tolist()


@pytest.mark.parametrize(
    ("defaults", "others", "members", "divided"),
    [(200, 200, 2, True), (200, 200, 1, False), (3, 400, 2, False), (400, 3, 2, False)],
)
def test_with_too_few_rows_of_a_class_all_are_stopped_by_all(
    defaults: int, others: int, members: int, divided: bool
) -> None:
    values = np.arange(defaults + others, dtype=np.float32)[:, None]
    label = np.repeat([1, 0], [defaults, others]).astype(np.int8)
    validation = Rows(values, np.zeros((len(values), 0), np.int16), label)
    fold = folds_of(validation, members)
    assert (fold != HELD_OUT_BY_ALL).all() == divided
    assert (fold == HELD_OUT_BY_ALL).all() != divided
    if divided:
        for member in range(members):
            assert min(np.bincount(label[fold == member], minlength=2)) >= LEAST_OF_A_CLASS
        return
    encoded = EncodedRows(torch.zeros(500 + len(values), 1), torch.zeros(500 + len(values), 0))
    rows = LabelledRows(encoded, torch.zeros(500 + len(values)), label == 1, fold, fold == fold)
    for member in range(members):
        assert rows.held_out(member).tolist() == list(range(len(values)))
        assert rows.fitted(member).tolist() == list(range(500))


def test_of_a_case_control_sample_no_member_is_fitted_on_the_validation_rows_that_were_left_out() -> None:
    validation = loans(600)
    encoded = EncodedRows(torch.zeros(1000, 1), torch.zeros(1000, 0, dtype=torch.int64))
    like_training = np.arange(600) % 4 == 0
    rows = LabelledRows(
        encoded, torch.zeros(1000), validation.outcome(), folds_of(validation, 2), like_training
    )
    for member in (0, 1):
        fitted = rows.fitted(member).numpy()
        assert (np.sort(fitted)[:400] == np.arange(400)).all()
        others = fitted[fitted >= 400] - 400
        assert set(others) == set(np.flatnonzero(like_training)) - set(rows.held_out(member))
    assert sorted(np.concatenate([rows.held_out(0), rows.held_out(1)])) == list(range(600))
