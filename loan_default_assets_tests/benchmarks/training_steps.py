"""Rows per second of a supervised and of a contrastive step, compared with a plain reference in the same run.

Beside them the share of the machine's matmul peak: the products of forward and backward pass as torch counts them, per
second, divided by those of one large product of single-precision matrices on the same thread.

The reference has the same sizes and regularisation: one module per column in a loop, `nn.TransformerEncoder`, a
DataLoader of single rows, batches of 32, and for pretraining two passes and a broadcast cosine similarity.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.dropout import Noise
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.network import Classifier, head
from loan_default_assets.model.pretraining_objective import PretrainingObjective
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training_loop import OptimizerStep, batches

_ROWS, _NUMBERS, _CATEGORIES, _CODES = 4096, 14, 9, 8
_ROUNDS, _ROWS_PER_ROUND = 9, 512
_CONFIG = ModelConfig(device="cpu")

Run = Callable[[], object]


class _Loans(Dataset[tuple[Tensor, Tensor, Tensor]]):
    def __init__(self, rows: Rows, label: np.ndarray) -> None:
        self.rows, self.label = rows, label

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        return (
            torch.tensor(self.rows.categorical[i], dtype=torch.long),
            torch.tensor(self.rows.numerical[i]),
            torch.tensor(float(self.label[i])),
        )


class _Reference(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d = config.d_model
        self.codes = nn.ModuleList(nn.Embedding(_CODES, d) for _ in range(_CATEGORIES))
        self.amounts = nn.ModuleList(nn.Linear(1, d) for _ in range(_NUMBERS))
        layer = nn.TransformerEncoderLayer(
            d, config.nhead, config.dim_feedforward, config.dropout, batch_first=True, norm_first=True
        )
        self.stack = nn.TransformerEncoder(
            layer, config.num_layers, norm=nn.LayerNorm(d), enable_nested_tensor=False
        )
        self.head, self.project = head(d, config.head_hidden, 1), head(d, d, config.projection)

    def forward(self, codes: Tensor, amounts: Tensor) -> Tensor:
        tokens = [embed(codes[:, i]) for i, embed in enumerate(self.codes)]
        tokens += [embed(amounts[:, i : i + 1]) for i, embed in enumerate(self.amounts)]
        pooled: Tensor = self.stack(torch.stack(tokens, 1)).mean(1)
        return pooled


def main() -> None:
    """Print the table; the speeds are medians over rounds in which every variant runs once."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    numerical = rng.normal(size=(_ROWS, _NUMBERS)).astype(np.float32)
    codes = rng.integers(2, _CODES, (_ROWS, _CATEGORIES)).astype(np.int16)
    rows = Rows(numerical, codes, rng.integers(0, 2, _ROWS).astype(np.int8))
    fast = ModelConfig.preset("fast", device="cpu")
    groups: dict[str, dict[str, Run]] = {
        "supervised step": {
            "reference, batch 32": _reference(rows, contrastive=False),
            "model, default, batch 32": _supervised(rows, _CONFIG, 32),
            "model, default, batch 256": _supervised(rows, _CONFIG, 256),
            "model, fast, batch 256": _supervised(rows, fast, 256),
        },
        "contrastive step": {
            "reference, batch 32": _reference(rows, contrastive=True),
            "model, default, batch 32": _contrastive(rows, _CONFIG, 32),
            "model, default, batch 256": _contrastive(rows, _CONFIG, 256),
            f"model, fast, batch {fast.pretrain_batch_size}": _contrastive(
                rows, fast, fast.pretrain_batch_size
            ),
        },
    }
    peak = _matmul_peak()
    print(f"matmul peak {peak / 1e9:.0f} GFLOP/s on one thread")
    print(f"{'':18}{'':28}{'rows/s':>8}{'x reference':>13}{'of peak':>9}")
    for name, variants in groups.items():
        seconds: dict[str, list[float]] = {variant: [] for variant in variants}
        products = {variant: _products(run) for variant, run in variants.items()}
        for _ in range(_ROUNDS):
            for variant, run in variants.items():
                started = time.perf_counter()
                run()
                seconds[variant].append(time.perf_counter() - started)
        medians = {variant: statistics.median(durations) for variant, durations in seconds.items()}
        plain = medians["reference, batch 32"]
        for variant, median in medians.items():
            share = products[variant] / median / peak
            print(f"{name:18}{variant:28}{_ROWS_PER_ROUND / median:8.0f}{plain / median:13.2f}{share:9.1%}")


def _products(run: Run) -> int:
    """Floating-point operations of the matrix products of one run."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def _matmul_peak(size: int = 1536) -> float:
    """Floating-point operations per second of the best of several large products."""
    matrix = torch.randn(size, size)
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds)


def _supervised(rows: Rows, config: ModelConfig, size: int) -> Run:
    encoding = Encoding.fit(rows, [_CODES] * _CATEGORIES, config)
    data = encoding.transform(rows.numerical, rows.categorical)
    target = torch.from_numpy(rows.outcome().astype(np.float32))
    model, noise = Classifier(encoding, config), Noise(0)
    step = OptimizerStep([model], config.learning_rate, config)

    def run() -> None:
        for index in batches(_ROWS_PER_ROUND, size, 1, torch.Generator()):
            step(F.binary_cross_entropy_with_logits(model(data.take(index), noise), target[index]))

    return run


def _contrastive(rows: Rows, config: ModelConfig, size: int) -> Run:
    encoding = Encoding.fit(rows, [_CODES] * _CATEGORIES, config)
    data = encoding.transform(rows.numerical, rows.categorical)
    encoder, noise = Classifier(encoding, config).encoder, Noise(0)
    objective = PretrainingObjective(encoder, encoding, config)
    step = OptimizerStep([encoder, objective], config.pretrain_learning_rate, config)
    no_label = torch.full((len(data),), -1)

    def run() -> None:
        generator = torch.Generator()
        for index in batches(_ROWS_PER_ROUND, size, 1, generator):
            step(objective(encoder, data.take(index), no_label[index], data, noise, generator))

    return run


def _reference(rows: Rows, *, contrastive: bool) -> Run:
    loader = DataLoader(_Loans(rows, rows.outcome()), batch_size=32, shuffle=True)
    model = _Reference(_CONFIG)
    optimiser = torch.optim.AdamW(model.parameters(), lr=_CONFIG.learning_rate)
    turn: Iterator[tuple[Tensor, Tensor, Tensor]] = iter(())

    def view(codes: Tensor, amounts: Tensor) -> Tensor:
        codes = torch.where(torch.rand(codes.shape) < _CONFIG.mask_rate, 0, codes)
        amounts = torch.where(torch.rand(amounts.shape) < _CONFIG.mask_rate, 0.0, amounts)
        projected: Tensor = model.project(model(codes, amounts))
        return projected

    def loss(codes: Tensor, amounts: Tensor, label: Tensor) -> Tensor:
        if not contrastive:
            return F.binary_cross_entropy_with_logits(model.head(model(codes, amounts)).squeeze(1), label)
        both = torch.cat([view(codes, amounts), view(codes, amounts)])
        similarity = F.cosine_similarity(both[:, None], both[None], dim=2) / _CONFIG.temperature
        similarity = similarity.masked_fill(torch.eye(len(both), dtype=torch.bool), -torch.inf)
        return F.cross_entropy(similarity, torch.arange(len(both)).roll(len(codes)))

    def run() -> None:
        nonlocal turn
        done = 0
        while done < _ROWS_PER_ROUND:
            batch = next(turn, None)
            if batch is None:
                turn = iter(loader)
                continue
            optimiser.zero_grad()
            loss(*batch).backward()
            nn.utils.clip_grad_norm_(model.parameters(), _CONFIG.gradient_clip)
            optimiser.step()
            done += len(batch[0])

    return run
