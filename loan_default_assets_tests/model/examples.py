"""Random loans with a known signal, and a configuration that fits them within a second."""

from typing import Any

import numpy as np

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import Encoder, FittedModel, fit, pretrain

CARDINALITIES = (6, 4)


def tiny(**overrides: Any) -> ModelConfig:
    """Two transformers of two layers of width 8, two short epochs."""
    small = {
        "d_model": 8,
        "nhead": 2,
        "num_layers": 2,
        "dim_feedforward": 16,
        "head_hidden": 16,
        "projection": 16,
        "token_width": 4,
        "members": 2,
    }
    quick = {"pretrain_epochs": 1, "max_epochs": 2, "min_steps": 10, "device": "cpu"}
    few = {"boosting_rounds": 40, "boosting_folds": 2}
    return ModelConfig.from_dict({**small, **quick, **few, **overrides})


def loans(count: int, *, numerical: int = 3, categorical: int = 2, seed: int = 0) -> Rows:
    """Log-normal numerical features and codes, 10 % missing; the outcome depends on the first of each."""
    rng = np.random.default_rng(seed)
    amounts = rng.lognormal(8, 1.5, (count, numerical)).astype(np.float32)
    codes = np.stack([rng.integers(2, size, count) for size in CARDINALITIES], axis=1)[:, :categorical]
    signal = rng.logistic(0, 0.5, count)
    if numerical:
        signal += np.log(amounts[:, 0]) - 8
    if categorical:
        signal += 2.0 * (codes[:, 0] == 3)
    amounts[rng.random(amounts.shape) < 0.1] = np.nan
    codes[rng.random(codes.shape) < 0.1] = 0
    return Rows(amounts, codes.astype(np.int16), (signal > 1).astype(np.int8))


def encoded(rows: Rows, config: ModelConfig) -> Encoding:
    """Fits an encoding to rows with any number of the example's columns."""
    return Encoding.fit(rows, CARDINALITIES[: rows.categorical.shape[1]], config)


def pretrained(rows: Rows, config: ModelConfig) -> Encoder:
    """Pretrains an encoder on the rows."""
    return pretrain(rows.without_label(), encoded(rows, config), config)


def fitted(**overrides: Any) -> FittedModel:
    """Fits a classifier to the example loans."""
    config, rows = tiny(**overrides), loans(300)
    return fit(pretrained(rows, config), rows, loans(200, seed=1), config)
