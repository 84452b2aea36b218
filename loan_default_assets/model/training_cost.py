"""What a training costs on this machine: a few real steps are timed and multiplied by the number of steps."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from loan_default_assets.model import stack_tasks
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.fine_tuning import SCORING_ROWS, blockwise
from loan_default_assets.model.member_processes import processes_for
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.task_processes import PROCESS_START, free_cores
from loan_default_assets.model.training import fit, pretrain
from loan_default_assets.model.training_loop import pick_device, reproducible, steps_per_epoch

# Steps per timed epoch: enough for the costs of an epoch itself to be small, as they are in a real one.
_STEPS = 4
_MOST_REPEATS = 40
# Rows of a timed step where the batch is derived from the rows of the training.
_TIMED_BATCH = 256
# Attention scores (rows times features squared) per head of a timed step. A wide network is timed on fewer rows, to
# which the time of a step is proportional.
_MOST_SCORES = 1 << 18


@dataclass(frozen=True)
class StepCost:
    """Seconds of one training on this machine, per unit of work.

    Attributes:
        config: The settings that the steps were timed with.
        pretrain_step: Seconds of one step of pretraining.
        fit_row: Seconds per row of fine-tuning one transformer.
        scored_row: Seconds of scoring one validation row with one transformer.
        processes: Most processes that fit parts of a classifier side by side; 0 for as many as are worthwhile.

    Examples:
        >>> config = ModelConfig(pretrain_epochs=2, max_epochs=3, min_steps=1, members=2)
        >>> cost = StepCost(config, 0.5, 0.25, 0.0)
        >>> cost.pretraining(512), cost.fine_tuning(64, 0)
        (2.0, 96.0)
    """

    config: ModelConfig
    pretrain_step: float
    fit_row: float
    scored_row: float
    processes: int = 1

    def pretraining(self, rows: int) -> float:
        """Seconds of pretraining on `rows` rows."""
        if rows < 2 or not self.config.pretrains:
            return 0.0
        # A batch that is not full takes less.
        steps = rows / self.config.pretrain_batch_size
        return self.config.pretrain_epochs * steps * self.pretrain_step

    def fine_tuning(self, rows: int, validation_rows: int) -> float:
        """Seconds of fine-tuning all transformers without early stopping, which can only shorten it.

        Args:
            rows: Training rows.
            validation_rows: Rows of which each transformer holds out its part, scored after every epoch, and is fitted
                on the others.
        """
        if not rows:
            return 0.0
        config = self.config.for_rows(rows)
        scored = validation_rows / config.members
        fitted = rows + round(validation_rows - scored)
        trained = steps_per_epoch(fitted, config) / math.ceil(fitted / config.batch_size) * fitted
        epoch = trained * self.fit_row + scored * self.scored_row
        member = config.max_epochs * epoch
        count = processes_for(config, config.members, member, self.processes)
        return config.members * member if count == 1 else self._side_by_side(config.members, member, count)

    def stacks(self, rows: Sequence[int], features: int) -> float:
        """Seconds of the stacks of boosting and additive models, with all rounds.

        Args:
            rows: Rows of each stack.
            features: Numerical and categorical features.
        """
        seconds = sum(
            stack_tasks.longest_seconds(count, features, self.config.boosting_rounds) for count in rows
        )
        count = stack_tasks.processes_for(rows, features, self.processes)
        return seconds if count == 1 else PROCESS_START + seconds / min(count, free_cores())

    def _side_by_side(self, members: int, seconds: float, count: int) -> float:
        """Seconds of members in `count` processes at a time, which take turns where there are fewer cores."""
        cores = free_cores()
        rounds = [min(count, members - first) for first in range(0, members, count)]
        return PROCESS_START + sum(seconds * max(size / cores, 1.0) for size in rounds)


def measure_steps(
    numerical: int,
    cardinalities: Sequence[int],
    config: ModelConfig,
    *,
    seconds: float = 0.3,
    processes: int = 1,
) -> StepCost:
    """Time steps of both phases on random rows of the real width.

    The time of an epoch is the difference between a long and a short training, so that what a training costs once,
    and the first use of torch, do not count; that of a scored row is the median of several blocks. The randomness of
    the process stays as it was.

    Args:
        numerical: Number of numerical features.
        cardinalities: Number of codes of each categorical feature.
        config: The settings of the training.
        seconds: About how long each of the three measurements takes; a slow network takes longer.
        processes: Most processes that fit parts side by side in the training; the measurement uses none.

    Examples:
        >>> config = ModelConfig(num_layers=1, d_model=8, dim_feedforward=8, device="cpu")
        >>> cost = measure_steps(3, (4, 4), config, seconds=0.01)
        >>> cost.fit_row > 0, cost.pretrain_step > 0
        (True, True)
    """
    timed_batch = config.batch_size or _TIMED_BATCH
    most = max(_MOST_SCORES // (numerical + len(cardinalities)) ** 2, 2)
    first, train, few, many = (
        _rows(count, numerical, cardinalities)
        for count in (
            min(config.pretrain_batch_size, most),
            min(timed_batch, most),
            2,
            2 * min(SCORING_ROWS, most),
        )
    )
    encoding = Encoding.fit(many, cardinalities, config)
    start = pretrain(few, encoding, replace(config, pretrain_epochs=0))

    def pretraining(epochs: int) -> None:
        pretrain(first, encoding, replace(config, pretrain_epochs=epochs))

    def fitting(epochs: int) -> None:
        timed = replace(
            config,
            batch_size=len(train),
            min_steps=_STEPS,
            max_epochs=epochs,
            patience=epochs,
            members=1,
            boosting=False,
            teacher=0.0,
        )
        fit(start, train, few, timed)

    pretrain_step = _seconds_per_epoch(pretraining, seconds) * config.pretrain_batch_size / len(first)
    scored_row = _seconds_per_scored_row(many, encoding, config, seconds)
    fit_epoch = _seconds_per_epoch(fitting, seconds)
    fit_row = max(fit_epoch - len(few) * scored_row, 1e-6) / _STEPS / len(train)
    return StepCost(
        config, pretrain_step, fit_row, scored_row, processes if pick_device(config).type == "cpu" else 1
    )


def _seconds_per_scored_row(rows: Rows, encoding: Encoding, config: ModelConfig, seconds: float) -> float:
    """The median of as many passes as fit into `seconds`, after a first one."""
    device = pick_device(config)
    with reproducible(config, stream=1):
        network = Classifier(encoding, config).to(device)
        encoded = encoding.transform(rows.numerical, rows.categorical).to(device)

        def score() -> None:
            # The copy to the host waits for the device.
            blockwise(network, encoded).cpu()

        score()
        took = [_timed(score)]
        while sum(took) < seconds and len(took) < _MOST_REPEATS:
            took.append(_timed(score))
    return statistics.median(took) / len(rows)


def _seconds_per_epoch(train: Callable[[int], None], seconds: float) -> float:
    train(1)
    shortest = _timed(lambda: train(1))
    more = min(max(round(seconds / max(shortest, 1e-3)), 1), _MOST_REPEATS)
    return max(_timed(lambda: train(1 + more)) - shortest, 1e-6) / more


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _rows(count: int, numerical: int, cardinalities: Sequence[int]) -> Rows:
    """Random rows with both outcomes."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, np.array(cardinalities, np.int64), (count, len(cardinalities)))
    label = (np.arange(count) % 2).astype(np.int8)
    return Rows(rng.standard_normal((count, numerical)).astype(np.float32), codes.astype(np.int16), label)
