"""Settings of one model: shape, regularisation, pretraining, fine-tuning."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal


class ConfigError(ValueError):
    """A model setting that does not exist or is out of range; the message names it."""


@dataclass(frozen=True)
class ModelConfig:
    """Every setting that the weights depend on; stored with the model.

    Attributes:
        d_model: Width D of a token.
        nhead: Attention heads; a divisor of `d_model`.
        num_layers: Transformer layers.
        dim_feedforward: Width of the feed-forward part of a layer.
        dropout: Rate after the attention, inside and after the feed-forward part.
        attention_dropout: Rate on the attention weights.
        activation: Non-linearity of the feed-forward part.
        head_hidden: Width of the classification head's hidden layer.
        projection: Width of the vectors that the contrastive loss compares.
        bins: Most piecewise-linear bins per numerical feature, their edges from a decision tree on the training rows;
            0 for linear tokens (Gorishniy et al. 2022).
        token_width: Width per token of the concatenation that the head reads beside the mean of the tokens; 0 for the
            mean alone.
        head_dropout: Rate before both layers of the head.
        members: Transformers of the classifier, each with a seed of its own.
        boosting: Whether gradient boosting and additive models are members of the classifier too.
        boosting_rounds: Most rounds of each kind of gradient boosting; held-out folds choose how many are fitted.
        boosting_folds: Folds of the training rows, each scored by gradient boosting and additive models that were
            fitted on the others.
        teacher: Share of the training target that is their out-of-fold PD; the rest is the label.
        weight_average: Decay per step of the exponential moving average of the weights; 0 for the last weights.
        schedule: How the learning rate runs over the epochs: `one_cycle` (Smith 2018) or `constant`.
        batch_size: Rows per step of fine-tuning; 0 derives it from the number of training rows.
        learning_rate: Largest step size of AdamW in fine-tuning; 0 derives it from the batch size.
        weight_decay: Weight decay of matrices; vectors have none.
        gradient_clip: Largest norm of a step's gradient.
        pretrain_epochs: Epochs of pretraining; 0 for none. There is none either where the three weights below are 0.
        pretrain_batch_size: Rows per step of pretraining.
        pretrain_learning_rate: Step size of AdamW in pretraining.
        contrastive_weight: Weight of the contrastive loss in pretraining; 0 for none.
        reconstruction_weight: Weight of the reconstruction of altered cells in pretraining; 0 for none.
        target_weight: Weight of the outcome of labelled training rows in pretraining; 0 for none.
        view: How a contrastive view is made. `mask` replaces cells by learned vectors, `scarf` redraws them from
            other rows (Bahri et al. 2022).
        mask_rate: Share of cells that `mask` replaces.
        scarf_rate: Share of cells that `scarf` redraws.
        temperature: Temperature of the contrastive loss.
        max_epochs: Largest number of fine-tuning epochs; 0 derives it from the number of training rows.
        frozen_epochs: Epochs at the start of fine-tuning that leave the encoder's weights unchanged.
        min_steps: Fewest steps per fine-tuning epoch, so that a small data set is not evaluated after a few batches;
            its rows are repeated as needed.
        patience: Epochs without a better validation ROC-AUC after which fine-tuning stops.
        seed: Seed of all randomness.
        threads: Threads of torch during training.
        device: `auto`, or a device name of torch.

    Raises:
        ConfigError: A value is out of range.

    Examples:
        >>> ModelConfig(d_model=16).d_model
        16
        >>> ModelConfig(patience=0)
        Traceback (most recent call last):
        loan_default_assets.model.config.ConfigError: patience: must be >= 1, got 0
    """

    d_model: int = 32
    nhead: int = 4
    num_layers: int = 6
    dim_feedforward: int = 64
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation: Literal["relu", "gelu"] = "relu"
    head_hidden: int = 128
    projection: int = 128
    bins: int = 24
    token_width: int = 8
    head_dropout: float = 0.3
    members: int = 3
    boosting: bool = True
    boosting_rounds: int = 600
    boosting_folds: int = 5
    teacher: float = 0.5
    weight_average: float = 0.99
    schedule: Literal["constant", "one_cycle"] = "constant"
    batch_size: int = 0
    learning_rate: float = 0.0
    weight_decay: float = 1e-5
    gradient_clip: float = 1.0
    pretrain_epochs: int = 2
    pretrain_batch_size: int = 256
    pretrain_learning_rate: float = 1e-3
    contrastive_weight: float = 1.0
    reconstruction_weight: float = 0.0
    target_weight: float = 0.0
    view: Literal["mask", "scarf"] = "mask"
    mask_rate: float = 0.15
    scarf_rate: float = 0.6
    temperature: float = 0.5
    max_epochs: int = 0
    frozen_epochs: int = 0
    min_steps: int = 50
    patience: int = 4
    seed: int = 0
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in (
            "d_model",
            "nhead",
            "num_layers",
            "dim_feedforward",
            "head_hidden",
            "projection",
            "members",
        ):
            _require(getattr(self, name) >= 1, name, ">= 1", self)
        for name in ("min_steps", "patience", "threads"):
            _require(getattr(self, name) >= 1, name, ">= 1", self)
        for name in (
            "dropout",
            "attention_dropout",
            "head_dropout",
            "mask_rate",
            "scarf_rate",
            "weight_average",
        ):
            _require(0 <= getattr(self, name) < 1, name, "in [0, 1)", self)
        for name in ("pretrain_learning_rate", "temperature", "gradient_clip"):
            _require(getattr(self, name) > 0, name, "> 0", self)
        for name in ("bins", "token_width", "pretrain_epochs", "weight_decay", "frozen_epochs", "seed"):
            _require(getattr(self, name) >= 0, name, ">= 0", self)
        for name in PRETRAINING_WEIGHTS:
            _require(getattr(self, name) >= 0, name, ">= 0", self)
        for name in ("batch_size", "learning_rate", "max_epochs"):
            _require(getattr(self, name) >= 0, name, ">= 0 (0 derives it from the rows)", self)
        _require(self.boosting_rounds >= 1, "boosting_rounds", ">= 1", self)
        _require(self.boosting_folds >= 2, "boosting_folds", ">= 2", self)
        _require(0 <= self.teacher <= 1, "teacher", "in [0, 1]", self)
        _require(self.schedule in ("constant", "one_cycle"), "schedule", "constant or one_cycle", self)
        _require(self.pretrain_batch_size >= 2, "pretrain_batch_size", ">= 2", self)
        _require(self.bins != 1, "bins", "0 (off) or >= 2", self)
        _require(self.d_model % self.nhead == 0, "d_model", f"a multiple of nhead={self.nhead}", self)
        _require(self.activation in ("relu", "gelu"), "activation", "relu or gelu", self)
        _require(self.view in ("mask", "scarf"), "view", "mask or scarf", self)

    @classmethod
    def preset(cls, name: str = "default", **overrides: Any) -> ModelConfig:
        """Take a named configuration and change some of its settings.

        Args:
            name: A key of `PRESETS`.
            overrides: Settings by name.

        Raises:
            ConfigError: The preset or a setting does not exist, or a value is out of range.

        Examples:
            >>> config = ModelConfig.preset("fast", seed=3)
            >>> config.num_layers, config.seed
            (3, 3)
        """
        if name not in PRESETS:
            raise ConfigError(f"preset: must be one of {', '.join(sorted(PRESETS))}, got {name!r}")
        return cls.from_dict({**PRESETS[name], **overrides})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Build a configuration from settings by name; an integer is accepted for a float.

        Args:
            values: Settings by name; the others keep their defaults.

        Raises:
            ConfigError: A setting does not exist, has another type, or is out of range.

        Examples:
            >>> ModelConfig.from_dict({"dropout": 0}).dropout
            0.0
        """
        defaults = {field.name: field.default for field in fields(cls)}
        for name in values:
            if name not in defaults:
                close = difflib.get_close_matches(str(name), defaults, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"the settings are {', '.join(defaults)}"
                raise ConfigError(f"{name}: unknown model setting; {hint}")
        return cls(**{name: _typed(name, value, defaults[name]) for name, value in values.items()})

    def as_dict(self) -> dict[str, Any]:
        """Settings as plain JSON values, the inverse of `from_dict`: all but those of `STORED_IF_CHANGED` that have
        their default.

        Examples:
            >>> ModelConfig().as_dict()["d_model"]
            32
            >>> "boosting_folds" in ModelConfig().as_dict(), ModelConfig(boosting_folds=2).as_dict()["boosting_folds"]
            (False, 2)
        """
        kept = {name: getattr(type(self), name) for name in STORED_IF_CHANGED}
        return {name: value for name, value in asdict(self).items() if kept.get(name) != value}

    @property
    def pretrains(self) -> bool:
        """Whether there is something to pretrain for.

        Examples:
            >>> ModelConfig().pretrains, ModelConfig(contrastive_weight=0.0).pretrains
            (True, False)
        """
        weighted = any(getattr(self, name) for name in PRETRAINING_WEIGHTS)
        return bool(self.pretrain_epochs) and weighted

    def for_rows(self, rows: int) -> ModelConfig:
        """The settings of a training on so many rows: what was left to be derived has a value.

        Larger batches use the processor better, smaller ones make more of few rows. The epochs shrink as the rows grow,
        so that a large portfolio is not read more often than it takes to learn it.

        Args:
            rows: Training rows, at least one.

        Examples:
            >>> derived = ModelConfig().for_rows(19200)
            >>> derived.batch_size, derived.learning_rate, derived.max_epochs
            (256, 0.002, 8)
            >>> ModelConfig(batch_size=32).for_rows(19200).batch_size
            32
        """
        batch = self.batch_size or min(max(2 ** round(math.log2(rows / ROWS_PER_STEP)), 64), 1024)
        return replace(
            self,
            batch_size=batch,
            learning_rate=self.learning_rate or 2e-3 * min(math.sqrt(batch / 256), 1.0),
            max_epochs=self.max_epochs or min(8, max(3, DERIVED_STEPS // math.ceil(rows / batch))),
        )

    def with_seed(self, seed: int) -> ModelConfig:
        """The same settings with another seed.

        Examples:
            >>> ModelConfig().with_seed(7).seed
            7
        """
        return replace(self, seed=seed)


# They were constants before: a model that was stored without them has the defaults, and one that is fitted with the
# defaults keeps its hash.
STORED_IF_CHANGED = ("boosting_rounds", "boosting_folds")
# The terms of the pretraining loss.
PRETRAINING_WEIGHTS = ("contrastive_weight", "reconstruction_weight", "target_weight")
# Training rows per row of a derived batch.
ROWS_PER_STEP = 64
# Steps of fine-tuning that the derived number of epochs aims at.
DERIVED_STEPS = 4000

# What the settings were before they existed; a model that was stored without them has these.
FORMER: dict[str, Any] = {
    "token_width": 0,
    "head_dropout": 0.0,
    "members": 1,
    "boosting": False,
    "teacher": 0.0,
    "weight_average": 0.0,
    "schedule": "constant",
    "contrastive_weight": 1.0,
    "reconstruction_weight": 0.0,
    "target_weight": 0.0,
    "frozen_epochs": 0,
}

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "fast": {"num_layers": 3, "patience": 3},
}


def _typed(name: str, value: Any, default: Any) -> Any:
    expected = type(default)
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not expected:
        raise ConfigError(f"{name}: must be {expected.__name__}, got {value!r} ({type(value).__name__})")
    return value


def _require(valid: bool, name: str, requirement: str, config: ModelConfig) -> None:
    if not valid:
        raise ConfigError(f"{name}: must be {requirement}, got {getattr(config, name)!r}")
