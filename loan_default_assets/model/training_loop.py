"""What pretraining and fine-tuning share: device, seeds, threads, batches, optimizer steps and epoch reports."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from loan_default_assets.model.config import ConfigError, ModelConfig
from loan_default_assets.model.dropout import Noise
from loan_default_assets.model.optimizer import EagerAdamW

# Share of the steps in which a one-cycle learning rate rises.
WARM_UP_SHARE = 0.2
# Far from the seeds that a user counts up from 0.
MEMBER_SEED = 1_000_003


@dataclass(frozen=True)
class Epoch:
    """Report of one epoch.

    Attributes:
        phase: `pretrain` or `fit`.
        number: From 1; 0 is the model that a warm start begins with.
        total: Epochs of the phase without early stopping.
        loss: Mean loss per row; NaN for number 0.
        validation_auc: ROC-AUC on the validation rows that the member is stopped by; None in pretraining.
        seconds_left: Time that the remaining epochs of the phase, of all transformers, take at the present rate; in
            what a training reports, with that of the other members, which are fitted after them.
        member: Number of the transformer, from 1; 0 where there is one encoder only.

    Examples:
        >>> Epoch("fit", 3, 16, 0.41, 0.78, 12.0).validation_auc
        0.78
    """

    phase: str
    number: int
    total: int
    loss: float
    validation_auc: float | None
    seconds_left: float
    member: int = 0


OnEpoch = Callable[[Epoch], None]


class EpochReports:
    """Numbers the epochs of one phase, keeps their reports and passes each to a callback.

    Args:
        phase: `pretrain` or `fit`.
        total: Number of epochs.
        on_epoch: Called with the report of each epoch.
        member: Number of the transformer, from 1.
        members: Transformers of the phase.

    Examples:
        >>> reports = EpochReports("pretrain", 2, None)
        >>> for number in reports:
        ...     reports.report(number, 0.5, None)
        >>> [(epoch.number, epoch.total) for epoch in reports.history]
        [(1, 2), (2, 2)]
    """

    def __init__(
        self, phase: str, total: int, on_epoch: OnEpoch | None, member: int = 0, members: int = 0
    ) -> None:
        self.phase, self.total, self.on_epoch, self.member = phase, total, on_epoch, member
        self.later_epochs = (members - member) * total
        self.history: list[Epoch] = []
        self.started = time.monotonic()

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, self.total + 1))

    def report(self, number: int, loss: float, validation_auc: float | None) -> None:
        """Record the end of an epoch.

        Args:
            number: Number of the epoch.
            loss: Mean loss per row.
            validation_auc: ROC-AUC on the validation rows that the member is stopped by, None in pretraining.
        """
        elapsed = time.monotonic() - self.started
        left = elapsed / max(number, 1) * (self.total - number + self.later_epochs)
        epoch = Epoch(self.phase, number, self.total, loss, validation_auc, left, self.member)
        self.history.append(epoch)
        if self.on_epoch is not None:
            self.on_epoch(epoch)


class OptimizerStep:
    """One AdamW step on a loss: gradients are clipped, only matrices decay.

    Args:
        modules: Modules whose parameters are trained.
        learning_rate: Step size.
        config: Weight decay, gradient clip and schedule.
        steps: Steps of the schedule; 0 for a constant learning rate.

    Examples:
        >>> layer = nn.Linear(3, 1)
        >>> step = OptimizerStep([layer], 0.1, ModelConfig())
        >>> first, second = (step(layer(torch.ones(2, 3)).square().mean()) for _ in range(2))
        >>> isinstance(first, float), first != second
        (True, True)
    """

    def __init__(
        self, modules: list[nn.Module], learning_rate: float, config: ModelConfig, steps: int = 0
    ) -> None:
        self.parameters = [p for module in modules for p in module.parameters()]
        self.clip = config.gradient_clip
        matrices = [p for p in self.parameters if p.ndim > 1]
        vectors = [p for p in self.parameters if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = EagerAdamW(groups, lr=learning_rate, fused=True)
        self.schedule = (
            torch.optim.lr_scheduler.OneCycleLR(
                self.optimizer, learning_rate, total_steps=steps, pct_start=WARM_UP_SHARE
            )
            # torch divides by the length of the rise less one step.
            if steps * WARM_UP_SHARE > 1 and config.schedule == "one_cycle"
            else None
        )

    def __call__(self, loss: Tensor) -> float:
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.clip, foreach=True)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        return loss.item()


@contextmanager
def reproducible(
    config: ModelConfig, stream: int, member: int = 0
) -> Iterator[tuple[torch.Generator, Noise]]:
    """Set the seeds and threads of one phase, and restore those of the process afterwards.

    Args:
        config: Seed, threads and device.
        stream: 0 for pretraining, 1 for fine-tuning, so that the two differ.
        member: Number of the transformer, from 0.

    Yields:
        A CPU generator for the order of rows and for views, and the source of dropout masks.

    Examples:
        >>> with reproducible(ModelConfig(device="cpu"), stream=0) as (generator, noise):
        ...     torch.rand(2, 3, generator=generator).shape
        torch.Size([2, 3])
    """
    threads = torch.get_num_threads()
    seed = config.seed * 2 + stream + MEMBER_SEED * member
    device = pick_device(config)
    try:
        torch.set_num_threads(config.threads)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed), Noise(seed)
    finally:
        torch.set_num_threads(threads)


def pick_device(config: ModelConfig) -> torch.device:
    """The configured device; `auto` is CUDA where there is one.

    Raises:
        ConfigError: Torch does not know the device or has no access to it.

    Examples:
        >>> pick_device(ModelConfig(device="cpu"))
        device(type='cpu')
    """
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(config.device)
    except RuntimeError:
        raise ConfigError(
            f"device: must be auto or a device of torch (cpu, cuda), got {config.device!r}"
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device: must be auto or cpu where torch finds no GPU, got {config.device!r}")
    return device


def batches(rows: int, size: int, min_batches: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Positions of all rows in random order, in batches; in whole passes until there are enough batches.

    Args:
        rows: Number of rows, at least one.
        size: Rows per batch; the last batch of a pass may be smaller.
        min_batches: Fewest batches.
        generator: CPU generator of the order.

    Yields:
        (B,) int64 positions.

    Examples:
        >>> [len(index) for index in batches(5, 2, 4, torch.Generator())]
        [2, 2, 1, 2, 2, 1]
    """
    for _ in range(_passes(rows, size, min_batches)):
        yield from torch.randperm(rows, generator=generator).split(size)


def steps_per_epoch(rows: int, config: ModelConfig) -> int:
    """Number of the batches of one fine-tuning epoch.

    Examples:
        >>> steps_per_epoch(5, ModelConfig(batch_size=2, min_steps=4))
        6
    """
    return _passes(rows, config.batch_size, config.min_steps) * math.ceil(rows / config.batch_size)


def _passes(rows: int, size: int, min_batches: int) -> int:
    return max(math.ceil(min_batches / math.ceil(rows / size)), 1)


def cpu_state(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights on the CPU, by name.

    Examples:
        >>> {name: tuple(value.shape) for name, value in cpu_state(nn.Linear(3, 1)).items()}
        {'weight': (1, 3), 'bias': (1,)}
    """
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
