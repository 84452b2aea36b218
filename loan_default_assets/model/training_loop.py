"""What pretraining and fine-tuning share: device, seeds, threads, batches, steps and the report of an epoch."""

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


@dataclass(frozen=True)
class Epoch:
    """One epoch as it ended: `number` of `of`, mean loss, and the time left if all of them run.

    Number 0 of a fine-tuning that starts warm is the model it started from.
    """

    phase: str
    number: int
    of: int
    loss: float
    validation_auc: float | None
    seconds_left: float


OnEpoch = Callable[[Epoch], None]


class Epochs:
    """Counts the epochs of one phase, keeps their reports and passes each to the caller."""

    def __init__(self, phase: str, of: int, on_epoch: OnEpoch | None) -> None:
        self.phase, self.of, self.on_epoch = phase, of, on_epoch
        self.history: list[Epoch] = []
        self.started = time.monotonic()

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, self.of + 1))

    def report(self, number: int, loss: float, validation_auc: float | None) -> None:
        taken = time.monotonic() - self.started
        left = taken / max(number, 1) * (self.of - number)
        self.history.append(Epoch(self.phase, number, self.of, loss, validation_auc, left))
        if self.on_epoch is not None:
            self.on_epoch(self.history[-1])


class Step:
    """One AdamW step on a loss: gradients clipped, only matrices decay."""

    def __init__(self, modules: list[nn.Module], learning_rate: float, config: ModelConfig) -> None:
        self.parameters = [p for module in modules for p in module.parameters()]
        self.clip = config.gradient_clip
        matrices = [p for p in self.parameters if p.ndim > 1]
        vectors = [p for p in self.parameters if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=learning_rate, fused=True)

    def __call__(self, loss: Tensor) -> float:
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.clip, foreach=True)
        self.optimiser.step()
        return loss.item()


@contextmanager
def reproducible(config: ModelConfig, stream: int) -> Iterator[tuple[torch.Generator, Noise]]:
    """Seeds and threads of one phase; the process's own are as before afterwards.

    Yields a CPU generator for orders and views, and the noise of dropout.
    """
    threads = torch.get_num_threads()
    seed = config.seed * 2 + stream
    device = pick_device(config)
    try:
        torch.set_num_threads(config.threads)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed), Noise(seed)
    finally:
        torch.set_num_threads(threads)


def pick_device(config: ModelConfig) -> torch.device:
    """The configured device; `auto` is CUDA where there is one. Raises ConfigError for one that torch lacks."""
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(config.device)
    except RuntimeError as error:
        raise ConfigError(
            f"device: torch knows no device {config.device!r}; use auto, cpu or cuda"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device: {config.device!r} is asked for and torch sees no GPU; use auto or cpu")
    return device


def batches(rows: int, size: int, least: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Positions of all rows in random order, `size` at a time; again until there were `least` batches."""
    passes = math.ceil(least / math.ceil(rows / size))
    for _ in range(max(passes, 1)):
        yield from torch.randperm(rows, generator=generator).split(size)


def cpu_state(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
