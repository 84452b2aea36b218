"""Supervised training of one transformer of a classifier, with early stopping on the validation ROC-AUC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows, Encoding
from loan_default_assets.model.labelled_rows import LabelledRows
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.training_loop import (
    EpochReports,
    OptimizerStep,
    batches,
    cpu_state,
    reproducible,
    steps_per_epoch,
)

SCORING_ROWS = 512
# Rows times features that are scored at once on a CPU: what a layer writes stays in the processor's cache.
SCORING_TOKENS = 4096


@dataclass(frozen=True)
class FittedMember:
    """One fitted transformer.

    Attributes:
        state: Weights by name, on the CPU.
        validation_logits: (k,) float32 log-odds, before calibration, of the validation rows that it was stopped by.
    """

    state: dict[str, Tensor]
    validation_logits: np.ndarray


@dataclass(frozen=True)
class StartingWeights:
    """Weights that a member starts from.

    Attributes:
        state: Weights of an encoder, or of a whole classifier.
        whole: Whether they are those of a classifier, which is evaluated before the first epoch.
        head_only: Leave the encoder's weights unchanged.
    """

    state: Mapping[str, Tensor]
    whole: bool = False
    head_only: bool = False


def fine_tune(
    start: StartingWeights,
    rows: LabelledRows,
    encoding: Encoding,
    config: ModelConfig,
    member: int,
    epochs: EpochReports,
) -> FittedMember:
    """Fit one member; the weights of the epoch with the best validation ROC-AUC are kept.

    With `config.weight_average` the weights are an exponential moving average over the steps (Polyak and Juditsky
    1992): they are what is validated and kept.

    Args:
        start: Weights to start from.
        rows: Training and validation rows.
        encoding: The encoding of both.
        config: Settings, with batch size, learning rate and epochs resolved.
        member: Number of the member, from 0; it chooses the seed.
        epochs: Receives the reports.
    """
    device = rows.target.device
    held_out, fitted = rows.held_out(member), rows.fitted(member)
    outcome = rows.outcome[held_out]
    validation = rows.encoded.take(torch.from_numpy(rows.training + held_out).to(device))
    with reproducible(config, stream=1, member=member) as (generator, noise):
        model = Classifier(encoding, config).to(device)
        (model if start.whole else model.encoder).load_state_dict(dict(start.state))
        frozen = start.head_only or bool(config.frozen_epochs)
        if frozen:
            pooled = blockwise(model.encoder, rows.encoded)
            pooled_validation = blockwise(model.encoder, validation)
        per_epoch = steps_per_epoch(len(fitted), config)
        trained = model.head if start.head_only else model
        step = OptimizerStep([trained], config.learning_rate, config, per_epoch * config.max_epochs)
        average = (
            AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.weight_average))
            if config.weight_average
            else None
        )
        kept = model if average is None else cast(Classifier, average.module)

        def logits(index: Tensor) -> Tensor:
            if frozen:
                return model.classify(pooled[index], noise)
            return model(rows.encoded.take(index), noise)

        def validation_logits() -> np.ndarray:
            with torch.inference_mode():
                if frozen:
                    return kept.classify(pooled_validation).cpu().numpy()
                return blockwise(kept, validation).cpu().numpy()

        best_auc, best_state, epochs_without_gain = -1.0, cpu_state(kept), 0
        if start.whole:
            best_auc = roc_auc(outcome, validation_logits())
            epochs.report(0, float("nan"), best_auc)
        for number in epochs:
            frozen = start.head_only or number <= config.frozen_epochs
            total, seen = 0.0, 0
            for index in batches(len(fitted), config.batch_size, config.min_steps, generator):
                index = fitted[index.to(device)]
                loss = F.binary_cross_entropy_with_logits(logits(index), rows.target[index])
                total += step(loss) * len(index)
                seen += len(index)
                if average is not None:
                    average.update_parameters(model)
            auc = roc_auc(outcome, validation_logits())
            epochs.report(number, total / seen, auc)
            epochs_without_gain += 1
            if auc > best_auc:
                best_auc, best_state, epochs_without_gain = auc, cpu_state(kept), 0
            if epochs_without_gain == config.patience:
                break
        kept.load_state_dict(best_state)
        return FittedMember(best_state, validation_logits())


def blockwise(module: Callable[[EncodedRows], Tensor], rows: EncodedRows) -> Tensor:
    """The module's output for all rows, without dropout, in blocks that stay small in memory."""
    device, size = rows.numerical.device, SCORING_ROWS
    if device.type == "cpu":
        columns = max(rows.numerical.shape[1] + rows.categorical.shape[1], 1)
        size = min(size, max(SCORING_TOKENS // columns, 1))
    with torch.inference_mode():
        blocks = torch.arange(len(rows), device=device).split(size)
        return torch.cat([module(rows.take(index)) for index in blocks])
