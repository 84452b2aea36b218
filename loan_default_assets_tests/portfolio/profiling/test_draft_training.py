import pytest

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.portfolio.profiling.draft_training import draft_training


@pytest.mark.parametrize(
    ("rows", "features", "keys"),
    [
        (19_999, 20, None),
        (20_000, 20, {"preset": "fast"}),
        (10_000, 100, {"preset": "fast"}),
        (999_999, 5, {"preset": "fast"}),
        (1_000_000, 5, {"preset": "fast", "pretrain_epochs": 1, "max_epochs": 4}),
    ],
)
def test_a_large_file_gets_settings_that_train_in_minutes(
    rows: int, features: int, keys: dict[str, object] | None
) -> None:
    drafted = draft_training(rows, features)
    assert (drafted.keys if drafted else None) == keys
    if drafted:
        preset, overrides = drafted.keys["preset"], {k: v for k, v in drafted.keys.items() if k != "preset"}
        assert ModelConfig.preset(preset, **overrides).num_layers < ModelConfig().num_layers
        assert "preset fast" in drafted.why
