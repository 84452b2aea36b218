from typing import Any

import pytest

from loan_default_assets.model.config import STORED_IF_CHANGED, ConfigError, ModelConfig


def test_defaults_are_the_specification() -> None:
    config = ModelConfig()
    assert (config.d_model, config.nhead, config.num_layers, config.dim_feedforward) == (32, 4, 6, 64)
    assert ModelConfig.preset("default") == config
    assert ModelConfig.preset("fast", seed=3).seed == 3


def test_round_trip() -> None:
    config = ModelConfig.preset("fast", bins=8)
    assert ModelConfig.from_dict(config.as_dict()) == config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"d_modle": 8}, "did you mean 'd_model'"),
        ({"dropout": 1.0}, "dropout: must be in [0, 1), got 1.0"),
        ({"d_model": 30}, "d_model: must be a multiple of nhead=4, got 30"),
        ({"bins": 1}, "bins: must be 0 (off) or >= 2, got 1"),
        ({"seed": "7"}, "seed: must be int, got '7' (str)"),
        ({"max_epochs": 2.5}, "max_epochs: must be int, got 2.5 (float)"),
        ({"max_epochs": -1}, "max_epochs: must be >= 0 (0 derives it from the rows), got -1"),
        ({"learning_rate": -1}, "learning_rate: must be >= 0 (0 derives it from the rows), got -1.0"),
        ({"members": 0}, "members: must be >= 1, got 0"),
        ({"boosting_rounds": 0}, "boosting_rounds: must be >= 1, got 0"),
        ({"boosting_folds": 1}, "boosting_folds: must be >= 2, got 1"),
        ({"teacher": 1.5}, "teacher: must be in [0, 1], got 1.5"),
        ({"schedule": "cosine"}, "must be constant or one_cycle, got 'cosine'"),
        ({"activation": "tanh"}, "must be relu or gelu, got 'tanh'"),
        ({"view": "cutmix"}, "must be mask or scarf, got 'cutmix'"),
        ({"reconstruction_weight": -1}, "reconstruction_weight: must be >= 0, got -1.0"),
        ({"pretrain_batch_size": 1}, "must be >= 2, got 1"),
    ],
)
def test_a_setting_out_of_range_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ModelConfig.from_dict(given)
    assert message in str(refused.value)


@pytest.mark.parametrize("rows", [1, 640, 19_200, 10_000_000])
def test_settings_that_are_derived_have_values_and_the_others_stay(rows: int) -> None:
    derived = ModelConfig().for_rows(rows)
    assert min(derived.batch_size, derived.learning_rate, derived.max_epochs) > 0
    assert derived.for_rows(7) == derived
    given = ModelConfig(batch_size=32, learning_rate=3e-4, max_epochs=5)
    assert given.for_rows(rows) == given


def test_a_setting_that_was_a_constant_is_stored_where_it_is_changed() -> None:
    """Otherwise the hash of every model would change, and an encoder that exists would be pretrained again."""
    assert not ModelConfig().as_dict().keys() & STORED_IF_CHANGED
    changed = ModelConfig(boosting_rounds=40, boosting_folds=2)
    assert ModelConfig.from_dict(changed.as_dict()) == changed
    assert changed.as_dict() == ModelConfig().as_dict() | {"boosting_rounds": 40, "boosting_folds": 2}


def test_an_unknown_preset_names_the_presets() -> None:
    with pytest.raises(ConfigError, match="default, fast"):
        ModelConfig.preset("slow")
