from typing import Any

import numpy as np
import pytest
import torch

from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import Encoder, pretrain
from loan_default_assets_tests.model.examples import encoded, loans, tiny

TERMS: list[dict[str, float]] = [
    {},
    {"reconstruction_weight": 1.0},
    {"contrastive_weight": 0.0, "reconstruction_weight": 1.0},
    {"target_weight": 1.0},
    {"contrastive_weight": 0.0, "target_weight": 1.0},
    {"reconstruction_weight": 1.0, "target_weight": 1.0},
]


def trained(rows: Rows, label: np.ndarray | None, **settings: Any) -> Encoder:
    config = tiny(**{"pretrain_batch_size": 64, **settings})
    return pretrain(Rows(rows.numerical, rows.categorical, label), encoded(rows, config), config)


def same(one: Encoder, two: Encoder) -> bool:
    return all(torch.equal(one.state[name], two.state[name]) for name in one.state)


@pytest.mark.parametrize("view", ["mask", "scarf"])
@pytest.mark.parametrize("terms", TERMS)
def test_every_objective_lowers_its_loss(terms: dict[str, float], view: str) -> None:
    rows = loans(400)
    found = trained(rows, rows.label, **terms, view=view, pretrain_epochs=4, dropout=0.0)
    assert found.losses[-1] < found.losses[0]
    assert not same(found, trained(rows, rows.label, pretrain_epochs=0))


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_only_known_labels_count_and_only_with_a_weight(weight: float) -> None:
    rows = loans(200)
    assert rows.label is not None
    hidden = np.where(np.arange(200) < 100, rows.label, -1).astype(np.int8)
    flipped = np.where(np.arange(200) < 100, 1 - rows.label, -1).astype(np.int8)
    known = trained(rows, hidden, target_weight=weight)
    assert same(known, trained(rows, flipped, target_weight=weight)) == (weight == 0)
    assert same(known, trained(rows, None, target_weight=weight)) == (weight == 0)


def test_a_batch_without_labels_changes_nothing_of_the_outcome() -> None:
    rows = loans(60)
    without = trained(rows, None, contrastive_weight=0.0, target_weight=1.0, weight_decay=0.0)
    assert without.losses == (0.0,)
    assert same(without, trained(rows, None, pretrain_epochs=0))


def test_without_a_weight_there_is_no_pretraining() -> None:
    rows = loans(60)
    without = trained(rows, rows.label, contrastive_weight=0.0)
    assert without.losses == ()
    assert same(without, trained(rows, rows.label, pretrain_epochs=0))


@pytest.mark.parametrize("columns", [{"numerical": 0}, {"categorical": 0}])
def test_rows_of_one_kind_of_column_are_pretrained_on(columns: dict[str, int]) -> None:
    rows = loans(60, **columns)
    found = trained(rows, rows.label, reconstruction_weight=1.0, target_weight=1.0)
    assert np.isfinite(found.losses).all()
