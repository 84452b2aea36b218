"""Contrastive pretraining and fine-tuning with early stopping; the weights of the best epoch are returned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from loan_default_assets.model.calibration import Calibration, best_f1_threshold, platt
from loan_default_assets.model.config import ConfigError, ModelConfig
from loan_default_assets.model.contrastive import nt_xent, two_views
from loan_default_assets.model.encoding import EncodedRows, Encoding
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.network import Classifier, TabTransformer, head
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training_loop import (
    Epoch,
    EpochReports,
    OnEpoch,
    OptimizerStep,
    batches,
    cpu_state,
    pick_device,
    reproducible,
)

SCORING_ROWS = 512
SHAPE = ("d_model", "nhead", "num_layers", "dim_feedforward", "activation", "bins")


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder.

    Attributes:
        config: Settings it was pretrained with.
        encoding: The features' encoding.
        state: Weights by name, on the CPU.
        losses: Mean contrastive loss of each epoch.
    """

    config: ModelConfig
    encoding: Encoding
    state: dict[str, Tensor]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class FittedModel:
    """A calibrated classifier with everything that scoring needs.

    Attributes:
        config: Settings it was fitted with.
        encoding: The features' encoding.
        state: Weights by name, on the CPU.
        calibration: From log-odds to PD.
        threshold: PD from which a decision is adverse.
        history: Reports of the epochs.
    """

    config: ModelConfig
    encoding: Encoding
    state: dict[str, Tensor]
    calibration: Calibration
    threshold: float
    history: tuple[Epoch, ...]


def pretrain(
    rows: Rows, encoding: Encoding, config: ModelConfig, *, on_epoch: OnEpoch | None = None
) -> Encoder:
    """Contrastive pretraining.

    Args:
        rows: Rows of any maturity; labels are not used.
        encoding: Encoding fitted on the training rows.
        config: Settings.
        on_epoch: Called with the report of each epoch.

    Returns:
        The encoder; as initialised with fewer than two rows or `pretrain_epochs=0`.

    Raises:
        EncodingError: The rows have other columns than the encoding.
        ConfigError: The device does not exist.

    Examples:
        >>> rows = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> config = ModelConfig(num_layers=1, pretrain_epochs=2, device="cpu")
        >>> encoder = pretrain(rows, Encoding.fit(rows, (4, 4), config), config)
        >>> len(encoder.losses), encoder.state["tokenizer.weight"].shape
        (2, torch.Size([3, 32]))
    """
    device = pick_device(config)
    data = encoding.transform(rows.numerical, rows.categorical).to(device)
    epochs = EpochReports("pretrain", config.pretrain_epochs if len(rows) > 1 else 0, on_epoch)
    with reproducible(config, stream=0) as (generator, noise):
        encoder = TabTransformer(encoding, config).to(device)
        project = head(config.d_model, config.d_model, config.projection).to(device)
        step = OptimizerStep([encoder, project], config.pretrain_learning_rate, config)
        for number in epochs:
            total, seen = 0.0, 0
            for index in batches(len(data), config.pretrain_batch_size, 1, generator):
                views = two_views(encoder, data.take(index.to(device)), data, config, noise, generator)
                a, b = project(views).chunk(2)
                total += step(nt_xent(a, b, config.temperature)) * len(index)
                seen += len(index)
            epochs.report(number, total / seen, None)
    return Encoder(config, encoding, cpu_state(encoder), tuple(epoch.loss for epoch in epochs.history))


def fit(
    encoder: Encoder,
    train: Rows,
    validation: Rows,
    config: ModelConfig,
    *,
    head_only: bool = False,
    warm_start: FittedModel | None = None,
    on_epoch: OnEpoch | None = None,
) -> FittedModel:
    """Fine-tune a classifier; the weights of the epoch with the best validation ROC-AUC are kept.

    Args:
        encoder: Pretrained encoder to start from.
        train: Rows to fit on.
        validation: Rows that decide when to stop and that calibration and threshold are fitted on.
        config: Settings; the shape must be that of the weights to start from.
        head_only: Leave the encoder's weights unchanged.
        warm_start: Fitted model to continue from, with its encoding, in place of `encoder`.
        on_epoch: Called with the report of each epoch.

    Raises:
        RowsError: Training or validation rows lack a class or a label.
        EncodingError: The rows have other columns than the encoding.
        ConfigError: The weights to start from have another shape, or the device does not exist.

    Examples:
        >>> rows = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16), np.array([0, 1] * 3))
        >>> config = ModelConfig(num_layers=1, pretrain_epochs=0, max_epochs=2, min_steps=1, device="cpu")
        >>> encoder = pretrain(rows, Encoding.fit(rows, (4, 4), config), config)
        >>> model = fit(encoder, rows, rows, config)
        >>> len(model.history), 0 < model.threshold < 1
        (2, True)
    """
    start = warm_start or encoder
    _check_shape(start.config, config, (*SHAPE, "head_hidden") if warm_start else SHAPE)
    train_outcome, validation_outcome = train.outcome(), validation.outcome()
    device, encoding = pick_device(config), start.encoding
    train_data = encoding.transform(train.numerical, train.categorical).to(device)
    validation_data = encoding.transform(validation.numerical, validation.categorical).to(device)
    target = torch.from_numpy(train_outcome.astype(np.float32)).to(device)
    epochs = EpochReports("fit", config.max_epochs, on_epoch)
    with reproducible(config, stream=1) as (generator, noise):
        model = Classifier(encoding, config).to(device)
        (model if warm_start else model.encoder).load_state_dict(start.state)
        if head_only:
            pooled_train = _blockwise(model.encoder, train_data)
            pooled_validation = _blockwise(model.encoder, validation_data)
        step = OptimizerStep([model.head if head_only else model], config.learning_rate, config)

        def logits(index: Tensor) -> Tensor:
            return model.classify(pooled_train[index]) if head_only else model(train_data.take(index), noise)

        def validation_logits() -> np.ndarray:
            with torch.inference_mode():
                scored = (
                    model.classify(pooled_validation) if head_only else _blockwise(model, validation_data)
                )
            return scored.cpu().numpy()

        best_auc, best_state, epochs_without_gain = -1.0, cpu_state(model), 0
        if warm_start:
            best_auc = roc_auc(validation_outcome, validation_logits())
            epochs.report(0, float("nan"), best_auc)
        for number in epochs:
            total, seen = 0.0, 0
            for index in batches(len(target), config.batch_size, config.min_steps, generator):
                index = index.to(device)
                total += step(F.binary_cross_entropy_with_logits(logits(index), target[index])) * len(index)
                seen += len(index)
            auc = roc_auc(validation_outcome, validation_logits())
            epochs.report(number, total / seen, auc)
            epochs_without_gain += 1
            if auc > best_auc:
                best_auc, best_state, epochs_without_gain = auc, cpu_state(model), 0
            if epochs_without_gain == config.patience:
                break
        model.load_state_dict(best_state)
        final = validation_logits()
    calibration = platt(final, validation_outcome)
    threshold = best_f1_threshold(validation_outcome, calibration.probability(final))
    return FittedModel(config, encoding, best_state, calibration, threshold, tuple(epochs.history))


def _blockwise(module: Callable[[EncodedRows], Tensor], rows: EncodedRows) -> Tensor:
    """The module's output for all rows, without dropout, in blocks that stay small in memory."""
    with torch.inference_mode():
        blocks = torch.arange(len(rows), device=rows.numerical.device).split(SCORING_ROWS)
        return torch.cat([module(rows.take(index)) for index in blocks])


def _check_shape(present: ModelConfig, requested: ModelConfig, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(present, name) != getattr(requested, name):
            raise ConfigError(
                f"{name}: must be {getattr(present, name)} as in the weights to start from, "
                f"got {getattr(requested, name)}; pretrain again with the new setting"
            )
