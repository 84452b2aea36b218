from typing import Any

import pytest

from loan_default_assets.model.config import ConfigError, ModelConfig


def test_defaults_are_the_specification() -> None:
    config = ModelConfig()
    assert (config.d_model, config.nhead, config.num_layers, config.dim_feedforward) == (32, 4, 6, 64)
    assert (config.batch_size, config.learning_rate) == (32, 3e-4)
    assert ModelConfig.preset("default") == config
    assert ModelConfig.preset("fast", seed=3).seed == 3


def test_round_trip() -> None:
    config = ModelConfig.preset("fast", bins=8)
    assert ModelConfig.from_dict(config.as_dict()) == config


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"d_modle": 8}, "did you mean 'd_model'"),
        ({"dropout": 1.0}, "dropout: must be in [0, 1)"),
        ({"d_model": 30}, "multiple of nhead=4"),
        ({"bins": 1}, "bins"),
        ({"seed": "7"}, "seed: '7' is str, int is wanted"),
        ({"max_epochs": 2.5}, "int is wanted"),
        ({"max_epochs": 0}, "at least 1"),
        ({"learning_rate": 0}, "above 0"),
        ({"activation": "tanh"}, "relu or gelu"),
        ({"view": "cutmix"}, "mask or scarf"),
        ({"pretrain_batch_size": 1}, "at least 2"),
    ],
)
def test_a_setting_that_cannot_work_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ModelConfig.from_dict(given)
    assert said in str(caught.value)


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="default, fast"):
        ModelConfig.preset("slow")
