"""Contrastive pretraining and fine-tuning with early stopping; the weights of the best epoch are returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loan_default_assets.model.additive_model import AdditiveModel
from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.calibration import Calibration, expected_f1_threshold, platt
from loan_default_assets.model.config import ConfigError, ModelConfig
from loan_default_assets.model.encoding import EncodedRows, Encoding
from loan_default_assets.model.fine_tuning import FittedMember, StartingWeights
from loan_default_assets.model.labelled_rows import LabelledRows, folds_of
from loan_default_assets.model.member_processes import fit_members
from loan_default_assets.model.member_weights import Member, combine, weigh_members
from loan_default_assets.model.network import TabTransformer
from loan_default_assets.model.pretraining_objective import PretrainingObjective
from loan_default_assets.model.row_sampling import as_sampled
from loan_default_assets.model.rows import Rows, concatenate
from loan_default_assets.model.stack_tasks import StackRows
from loan_default_assets.model.stacking import Stack, fit_stacks
from loan_default_assets.model.task_processes import RunTasks
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
from loan_default_assets.model.validation_scores import ValidationScores

SHAPE = ("d_model", "nhead", "num_layers", "dim_feedforward", "activation", "bins", "token_width")
# What a fitted model must have in common with the configuration to continue from it.
FITTED_SHAPE = (*SHAPE, "head_hidden", "members")


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder.

    Attributes:
        config: Settings it was pretrained with.
        encoding: The features' encoding.
        state: Weights by name, on the CPU.
        losses: Mean loss of each epoch.
    """

    config: ModelConfig
    encoding: Encoding
    state: dict[str, Tensor]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class FittedModel:
    """A calibrated classifier with everything that scoring needs.

    Attributes:
        config: Settings it was fitted with, none of them left to be derived.
        encoding: The features' encoding.
        states: Weights by name of each transformer, on the CPU.
        trees: Gradient boosting on encoded rows; None where it is no member.
        additive: Additive model of encoded rows; None where it is no member.
        members: The transformers, then gradient boosting, then the additive model.
        calibration: From the ensemble's log-odds to PD.
        threshold: PD from which a decision is adverse.
        history: Reports of the epochs of all transformers.
        validation: Scores of the validation rows; None for a model of a release that kept none. To score those rows
            with the model itself would measure what it was fitted on.
    """

    config: ModelConfig
    encoding: Encoding
    states: tuple[dict[str, Tensor], ...]
    trees: BoostedTrees | None
    additive: AdditiveModel | None
    members: tuple[Member, ...]
    calibration: Calibration
    threshold: float
    history: tuple[Epoch, ...]
    validation: ValidationScores | None = None


def pretrain(
    rows: Rows, encoding: Encoding, config: ModelConfig, *, on_epoch: OnEpoch | None = None
) -> Encoder:
    """Pretraining: contrastive, with the further terms that the settings give a weight.

    Args:
        rows: Rows of any maturity. Labels count only with `target_weight`, and only those of training rows may be
            given: every other row has -1, or no row has a label.
        encoding: Encoding fitted on the training rows.
        config: Settings.
        on_epoch: Called with the report of each epoch.

    Returns:
        The encoder; as initialised with fewer than two rows or where the settings ask for no pretraining.

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
    unknown = np.full(len(rows), -1)
    label = torch.from_numpy(unknown if rows.label is None else rows.label.astype(np.int64)).to(device)
    epochs = EpochReports(
        "pretrain", config.pretrain_epochs if len(rows) > 1 and config.pretrains else 0, on_epoch
    )
    with reproducible(config, stream=0) as (generator, noise):
        encoder = TabTransformer(encoding, config).to(device)
        objective = PretrainingObjective(encoder, encoding, config).to(device)
        step = OptimizerStep([encoder, objective], config.pretrain_learning_rate, config)
        for number in epochs:
            total, seen = 0.0, 0
            for index in batches(len(data), config.pretrain_batch_size, 1, generator):
                index = index.to(device)
                loss = objective(encoder, data.take(index), label[index], data, noise, generator)
                total += step(loss) * len(index)
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
    processes: int = 1,
    run_tasks: RunTasks | None = None,
    prior_odds: float = 1.0,
) -> FittedModel:
    """Fit the members of a classifier, weigh and calibrate them, and choose the threshold.

    Every transformer starts from the same pretrained encoder and has a seed of its own. Where a teacher is configured,
    part of the target is the out-of-fold PD of the stack of gradient boosting and additive models (Hinton et al. 2015);
    the teacher never sees the row it teaches, nor a validation row. The members are fitted on validation rows too, the
    newest loans with an outcome: each transformer on those that it does not hold out, the stack on all. Weights,
    calibration and threshold take what was said of each of these rows by members that were not fitted on it.

    Args:
        encoder: Pretrained encoder to start from.
        train: Rows to fit on.
        validation: Rows that decide when to stop and that calibration and threshold are fitted on, and that are fitted
            on too.
        config: Settings; the shape must be that of the weights to start from.
        head_only: Leave the encoder's weights unchanged.
        warm_start: Fitted model to continue from, with its encoding, in place of `encoder`.
        on_epoch: Called with the report of each epoch.
        processes: Most processes that fit its parts side by side, which changes no bit of the result; 0 for as many
            as are worthwhile on this machine.
        run_tasks: Fits transformers as tasks of a cluster instead, which changes no bit of the result either.
        prior_odds: `RowSampling.prior_odds`, where the training rows are a case-control sample and the validation rows
            are a uniform one: all members are then fitted on a like sample of the validation rows.

    Raises:
        RowsError: Training or validation rows lack a class or a label.
        EncodingError: The rows have other columns than the encoding.
        ConfigError: The weights to start from have another shape, or the device does not exist.

    Examples:
        >>> rows = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16), np.array([0, 1] * 3))
        >>> config = ModelConfig(num_layers=1, pretrain_epochs=0, max_epochs=1, min_steps=1, members=2, device="cpu")
        >>> encoder = pretrain(rows, Encoding.fit(rows, (4, 4), config), config)
        >>> model = fit(encoder, rows, rows, config)
        >>> len(model.history), 0 < model.threshold < 1
        (2, True)
    """
    start = warm_start or encoder
    _check_shape(start.config, config, FITTED_SHAPE if warm_start else SHAPE)
    config = config.for_rows(len(train))
    validation_outcome = validation.outcome()
    device, encoding = pick_device(config), start.encoding
    both = concatenate([train, validation])
    encoded = encoding.transform(both.numerical, both.categorical)
    # Beside a case-control sample of training rows, all validation rows would make new loans seem good ones.
    more = as_sampled(validation_outcome, prior_odds, config.seed)
    outcome = np.concatenate([train.outcome(), validation_outcome])
    target = outcome.astype(np.float64)
    teacher, stack = _fit_stacks(encoded, outcome, len(train), more, encoding, config, processes, run_tasks)
    if teacher is not None:
        target[: len(train)] *= 1 - config.teacher
        target[: len(train)] += config.teacher * teacher.out_of_fold
    rows = LabelledRows(
        encoded.to(device),
        torch.from_numpy(target.astype(np.float32)).to(device),
        validation_outcome,
        folds_of(validation, config.members),
        np.isin(np.arange(len(validation)), more),
    )
    starts = [
        StartingWeights(
            encoder.state if warm_start is None else warm_start.states[number],
            whole=warm_start is not None,
            head_only=head_only,
        )
        for number in range(config.members)
    ]
    fitted, history = fit_members(starts, rows, encoding, config, on_epoch, processes, run_tasks)
    transformers = _held_out_logits(fitted, rows)
    parts = list(transformers)
    trees = additive = None
    if stack is not None:
        stacked = _stacked_logits(stack, encoded.split(len(train))[1], more)
        members = weigh_members(transformers, stacked, validation_outcome, stack.trees_share)
        trees, additive = stack.trees, stack.additive
        # The factors of the stack's members sum to that of the whole stack.
        parts += [stacked] * (len(members) - len(parts))
    else:
        members = weigh_members(transformers, None, validation_outcome)
    logits = combine(members, parts)
    calibration = platt(logits, validation_outcome)
    threshold = expected_f1_threshold(calibration.probability(logits))
    return FittedModel(
        config,
        encoding,
        tuple(member.state for member in fitted),
        trees,
        additive,
        members,
        calibration,
        threshold,
        tuple(history),
        ValidationScores(logits, validation_outcome),
    )


def _held_out_logits(fitted: Sequence[FittedMember], rows: LabelledRows) -> np.ndarray:
    """(k, m) log-odds of m validation rows by k transformers that were not fitted on them.

    A row that one transformer alone held out has the log-odds of that one in all places.
    """
    found = np.empty((len(fitted), len(rows.outcome)))
    for number, member in enumerate(fitted):
        index = rows.held_out(number)
        found[number if len(index) == len(rows.outcome) else slice(None), index] = member.validation_logits
    return found


def _fit_stacks(
    encoded: EncodedRows,
    outcome: np.ndarray,
    training: int,
    more: np.ndarray,
    encoding: Encoding,
    config: ModelConfig,
    processes: int,
    run_tasks: RunTasks | None,
) -> tuple[Stack | None, Stack | None]:
    """The stack that teaches, of training rows, and the one that is a member, of validation rows at `more` too.

    Args:
        training: Number of training rows, which come first.
    """
    of_training = np.arange(training)
    selections = {
        "teacher": of_training if config.teacher else None,
        "member": np.concatenate([of_training, training + more]) if config.boosting else None,
    }
    wanted = {name: index for name, index in selections.items() if index is not None}
    if not wanted:
        return None, None
    rows = StackRows(encoded, outcome, encoding.cardinalities, tuple(wanted.values()))
    fitted = dict(
        zip(wanted, fit_stacks(rows, config, processes=processes, run_tasks=run_tasks), strict=True)
    )
    return fitted.get("teacher"), fitted.get("member")


def _stacked_logits(stack: Stack, validation: EncodedRows, more: np.ndarray) -> np.ndarray:
    """Log-odds of all validation rows; those at `more`, the last rows of the stack, by what was not fitted on them."""
    out_of_fold = stack.log_odds[len(stack.log_odds) - len(more) :]
    if len(more) == len(validation):
        return out_of_fold
    stacked = stack.logits(validation)
    stacked[more] = out_of_fold
    return stacked


def _check_shape(present: ModelConfig, requested: ModelConfig, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(present, name) != getattr(requested, name):
            raise ConfigError(
                f"{name}: must be {getattr(present, name)} as in the weights to start from, "
                f"got {getattr(requested, name)}; pretrain again with the new setting"
            )
