"""Contrastive pretraining and fine-tuning: batches from memory, early stopping, the best weights returned."""

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
from loan_default_assets.model.loop import (
    Epoch,
    Epochs,
    OnEpoch,
    Step,
    batches,
    cpu_state,
    pick_device,
    reproducible,
)
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.network import Classifier, TabTransformer, head
from loan_default_assets.model.rows import Rows

SCORING_ROWS = 512
SHAPE = ("d_model", "nhead", "num_layers", "dim_feedforward", "activation", "bins")


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder; `state` lies on the CPU, `losses` has the mean contrastive loss of each epoch."""

    config: ModelConfig
    encoding: Encoding
    state: dict[str, Tensor]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class FittedModel:
    """A classifier with all that scoring needs; `state` lies on the CPU."""

    config: ModelConfig
    encoding: Encoding
    state: dict[str, Tensor]
    calibration: Calibration
    threshold: float
    history: tuple[Epoch, ...]


def pretrain(
    rows: Rows, encoding: Encoding, config: ModelConfig, *, on_epoch: OnEpoch | None = None
) -> Encoder:
    """Contrastive pretraining; labels are not looked at. Raises EncodingError for rows of other columns.

    With fewer than two rows, or `pretrain_epochs=0`, the encoder comes back as it was initialised.
    """
    device = pick_device(config)
    data = encoding.transform(rows.numerical, rows.categorical).to(device)
    epochs = Epochs("pretrain", config.pretrain_epochs if len(rows) > 1 else 0, on_epoch)
    with reproducible(config, stream=0) as (generator, noise):
        encoder = TabTransformer(encoding, config).to(device)
        project = head(config.d_model, config.d_model, config.projection).to(device)
        step = Step([encoder, project], config.pretrain_learning_rate, config)
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
    """Fine-tune on the training rows; validation rows stop it, calibrate it and set its threshold.

    The weights of the epoch with the best validation ROC-AUC are returned. `warm_start` continues from a fitted
    model, with its encoding, in place of `encoder`; `head_only` leaves the encoder's weights as they are.
    Raises RowsError when either set lacks a class, ConfigError when the weights have another shape.
    """
    start = warm_start or encoder
    _check_shape(start.config, config, (*SHAPE, "head_hidden") if warm_start else SHAPE)
    outcome, judged = train.outcome(), validation.outcome()
    device, encoding = pick_device(config), start.encoding
    data = encoding.transform(train.numerical, train.categorical).to(device)
    held = encoding.transform(validation.numerical, validation.categorical).to(device)
    target = torch.from_numpy(outcome.astype(np.float32)).to(device)
    epochs = Epochs("fit", config.max_epochs, on_epoch)
    with reproducible(config, stream=1) as (generator, noise):
        model = Classifier(encoding, config).to(device)
        (model if warm_start else model.encoder).load_state_dict(start.state)
        if head_only:
            pooled, pooled_held = _blockwise(model.encoder, data), _blockwise(model.encoder, held)
        step = Step([model.head if head_only else model], config.learning_rate, config)

        def logits(index: Tensor) -> Tensor:
            return model.classify(pooled[index]) if head_only else model(data.take(index), noise)

        def score() -> np.ndarray:
            with torch.inference_mode():
                found = model.classify(pooled_held) if head_only else _blockwise(model, held)
            return found.cpu().numpy()

        best, kept, since = -1.0, cpu_state(model), 0
        if warm_start:
            best = roc_auc(judged, score())
            epochs.report(0, float("nan"), best)
        for number in epochs:
            total, seen = 0.0, 0
            for index in batches(len(target), config.batch_size, config.min_steps, generator):
                index = index.to(device)
                total += step(F.binary_cross_entropy_with_logits(logits(index), target[index])) * len(index)
                seen += len(index)
            auc = roc_auc(judged, score())
            epochs.report(number, total / seen, auc)
            since += 1
            if auc > best:
                best, kept, since = auc, cpu_state(model), 0
            if since == config.patience:
                break
        model.load_state_dict(kept)
        found = score()
    calibration = platt(found, judged)
    threshold = best_f1_threshold(judged, calibration.probability(found))
    return FittedModel(config, encoding, kept, calibration, threshold, tuple(epochs.history))


def _blockwise(module: Callable[[EncodedRows], Tensor], rows: EncodedRows) -> Tensor:
    """The module's output for all rows, without dropout, in blocks that stay small in memory."""
    with torch.inference_mode():
        blocks = torch.arange(len(rows), device=rows.numerical.device).split(SCORING_ROWS)
        return torch.cat([module(rows.take(index)) for index in blocks])


def _check_shape(have: ModelConfig, want: ModelConfig, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(have, name) != getattr(want, name):
            raise ConfigError(
                f"{name}: the weights to start from have {getattr(have, name)}, {getattr(want, name)} is asked for; "
                "pretrain again with the new setting"
            )
