"""Settings of one model: shape, regularisation, pretraining, fine-tuning."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal


class ConfigError(ValueError):
    """A setting that does not exist or cannot work; the message names it."""


@dataclass(frozen=True)
class ModelConfig:
    """Every setting that the weights depend on; stored with the model.

    `bins` is the number of piecewise-linear bins of a number (0: linear tokens, Gorishniy et al. 2022).
    `view` says how a contrastive view is made: `mask` hides `mask_rate` of the cells behind learned vectors,
    `scarf` redraws `scarf_rate` of them from other rows (Bahri et al. 2022). An epoch of fine-tuning has at least
    `min_steps` steps, so that a small set is not judged after every handful; fewer batches are gone through again.
    """

    d_model: int = 32
    nhead: int = 4
    num_layers: int = 6
    dim_feedforward: int = 64
    dropout: float = 0.3
    attention_dropout: float = 0.3
    activation: Literal["relu", "gelu"] = "relu"
    head_hidden: int = 128
    projection: int = 128
    bins: int = 0
    batch_size: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 1e-5
    gradient_clip: float = 1.0
    pretrain_epochs: int = 4
    pretrain_batch_size: int = 256
    pretrain_learning_rate: float = 1e-3
    view: Literal["mask", "scarf"] = "mask"
    mask_rate: float = 0.15
    scarf_rate: float = 0.6
    temperature: float = 0.5
    max_epochs: int = 16
    min_steps: int = 100
    patience: int = 4
    seed: int = 0
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("d_model", "nhead", "num_layers", "dim_feedforward", "head_hidden", "projection"):
            _require(getattr(self, name) >= 1, name, "at least 1", self)
        for name in ("batch_size", "max_epochs", "min_steps", "patience", "threads"):
            _require(getattr(self, name) >= 1, name, "at least 1", self)
        for name in ("dropout", "attention_dropout", "mask_rate", "scarf_rate"):
            _require(0 <= getattr(self, name) < 1, name, "in [0, 1)", self)
        for name in ("learning_rate", "pretrain_learning_rate", "temperature", "gradient_clip"):
            _require(getattr(self, name) > 0, name, "above 0", self)
        for name in ("bins", "pretrain_epochs", "weight_decay", "seed"):
            _require(getattr(self, name) >= 0, name, "0 or more", self)
        _require(self.pretrain_batch_size >= 2, "pretrain_batch_size", "at least 2", self)
        _require(self.bins != 1, "bins", "0 (off) or at least 2", self)
        _require(self.d_model % self.nhead == 0, "d_model", f"a multiple of nhead={self.nhead}", self)
        _require(self.activation in ("relu", "gelu"), "activation", "relu or gelu", self)
        _require(self.view in ("mask", "scarf"), "view", "mask or scarf", self)

    @classmethod
    def preset(cls, name: str = "default", **overrides: Any) -> ModelConfig:
        """A named configuration with some settings changed. Raises ConfigError for an unknown name or setting."""
        if name not in PRESETS:
            raise ConfigError(f"preset: no preset {name!r}; there is {', '.join(sorted(PRESETS))}")
        return cls.from_dict({**PRESETS[name], **overrides})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Settings by name, whole numbers given for a fraction accepted. Raises ConfigError."""
        defaults = {field.name: field.default for field in fields(cls)}
        for name in values:
            if name not in defaults:
                close = difflib.get_close_matches(str(name), defaults, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(defaults)}"
                raise ConfigError(f"{name}: no such model setting; {hint}")
        return cls(**{name: _typed(name, value, defaults[name]) for name, value in values.items()})

    def as_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values."""
        return asdict(self)

    def with_seed(self, seed: int) -> ModelConfig:
        """The same settings with another seed."""
        return replace(self, seed=seed)


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "fast": {
        "num_layers": 3,
        "dropout": 0.1,
        "attention_dropout": 0.0,
        "batch_size": 256,
        "learning_rate": 1e-3,
        "patience": 3,
    },
}


def _typed(name: str, value: Any, default: Any) -> Any:
    wanted = type(default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise ConfigError(f"{name}: {value!r} is {type(value).__name__}, {wanted.__name__} is wanted")
    return value


def _require(good: bool, name: str, wanted: str, config: ModelConfig) -> None:
    if not good:
        raise ConfigError(f"{name}: must be {wanted}, however: {name}={getattr(config, name)!r}")
