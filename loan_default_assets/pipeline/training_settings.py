"""The settings of one training: the model's configuration, its attempt, and how its transformers are fitted."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from loan_default_assets.engines.engine_choice import engine_of
from loan_default_assets.engines.task_engine import LOCAL, TaskEngine
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from loan_default_assets.model.config import ModelConfig
    from loan_default_assets.model.task_processes import RunTasks

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


@dataclass(frozen=True)
class Parallelism:
    """How the transformers of a classifier are fitted; the model is the same.

    Attributes:
        processes: Most processes that fit them side by side; 0 for as many as are worthwhile.
        engine: Fits them as its tasks instead, where it is a distributed one.
    """

    processes: int = 1
    engine: TaskEngine = LOCAL

    @property
    def run_tasks(self) -> "RunTasks | None":
        """What fits them as tasks; None where processes do."""
        return self.engine.run_tasks if self.engine.distributed else None


def parallelism(settings: Settings) -> Parallelism:
    """That of the settings."""
    return Parallelism(settings.training_processes, engine_of(settings.engine))


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
