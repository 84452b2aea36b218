"""The settings of one training: the model's configuration and the attempt that it belongs to."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from loan_default_assets.model.config import ModelConfig

_MODEL_SETTINGS = ("d_model", "nhead", "num_layers", "learning_rate", "batch_size", "seed")


@dataclass(frozen=True)
class TrainingAttempt:
    """Which training a run is.

    Attributes:
        number: 0 for an ordinary training, otherwise the attempt of the retraining policy.
        mode: `full` trains from the pretrained encoder; `head` fits only the champion's head from scratch.
        seed_offset: Added to the configured seed.
        cutoff: Nothing that became known after this date is used; None for all that is materialized.
    """

    number: int = 0
    mode: Literal["full", "head"] = "full"
    seed_offset: int = 0
    cutoff: date | None = None


def model_config(portfolio: Portfolio, settings: Settings, seed_offset: int = 0) -> "ModelConfig":
    """The preset, overridden by what the environment sets, overridden by the portfolio.

    Raises:
        ConfigError: The portfolio names a setting that does not exist or a value that cannot work.
    """
    from loan_default_assets.model.config import ModelConfig

    overrides = {
        name: getattr(settings, name) for name in _MODEL_SETTINGS if name in settings.model_fields_set
    }
    if "ensemble" in settings.model_fields_set:
        overrides["boosting"] = settings.ensemble == "transformer+boosting"
    overrides |= {name: value for name, value in portfolio.training.items() if name != "preset"}
    config = ModelConfig.preset(portfolio.training.get("preset", "default"), **overrides)
    return config.with_seed(config.seed + seed_offset)
