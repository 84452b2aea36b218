import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.search_space import SEARCH_SPACE, Dimension, changes_to, searched, space_around
from loan_default_assets.pipeline.tune_settings import trial_config

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "tuning.md"


@pytest.mark.parametrize("dimension", SEARCH_SPACE, ids=lambda dimension: dimension.name)
def test_every_value_of_the_table_is_a_setting_that_the_model_accepts(dimension: Dimension) -> None:
    for value in dimension.choices or (dimension.low, dimension.high):
        assert getattr(ModelConfig.from_dict({dimension.name: value}), dimension.name) == value
        assert dimension.rounded(value) == value


def test_the_document_shows_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert rows == [(dimension.name, dimension.text) for dimension in SEARCH_SPACE]


@pytest.mark.parametrize("rows", [50, 10_000, 300_000])
def test_the_default_settings_are_inside_the_widened_space(rows: int) -> None:
    present = ModelConfig().for_rows(rows)
    for dimension in space_around(present):
        value = getattr(present, dimension.name)
        assert value in dimension.choices if dimension.choices else dimension.low <= value <= dimension.high


@pytest.mark.parametrize(
    ("given", "best", "changes"),
    [
        ({}, {}, {}),
        ({}, {"dropout": 0.3}, {"dropout": 0.3}),
        # The batch size that the rows give, and the learning rate that it gives.
        ({}, {"batch_size": 64, "learning_rate": 1e-3}, {}),
        ({}, {"batch_size": 256, "learning_rate": 2e-3}, {"batch_size": 256, "learning_rate": 2e-3}),
        ({}, {"batch_size": 256, "learning_rate": 1e-3}, {"batch_size": 256, "learning_rate": 1e-3}),
        ({"batch_size": 256}, {"batch_size": 64}, {"batch_size": 64, "learning_rate": 2e-3}),
        ({"learning_rate": 2e-3}, {"batch_size": 256}, {"batch_size": 256}),
    ],
)
def test_the_changes_lead_to_the_best_settings(
    given: dict[str, Any], best: dict[str, Any], changes: dict[str, Any]
) -> None:
    present = ModelConfig(**given)
    wanted = searched(present.for_rows(1000)) | best
    found = changes_to(present, wanted, 1000)
    assert found == changes
    assert searched(replace(present, **found).for_rows(1000)) == wanted


def test_a_trial_is_one_transformer_alone() -> None:
    config = trial_config(ModelConfig())
    assert (config.members, config.boosting) == (1, False)
