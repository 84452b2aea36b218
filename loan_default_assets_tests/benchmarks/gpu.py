"""Training on a GPU and on one CPU thread: speed of the steps, epochs over many rows, and the measures of the models.

`python -m loan_default_assets_tests.benchmarks.gpu --device cuda --write docs/scaling-gpu.jsonl` on a machine with a
GPU, the same with `--device cpu` on one that does nothing else; the page of the scaling benchmark shows the findings.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.dropout import Noise
from loan_default_assets.model.encoding import EncodedRows, Encoding
from loan_default_assets.model.fine_tuning import SCORING_ROWS, blockwise
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.pretraining_objective import PretrainingObjective
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import fit, pretrain
from loan_default_assets.model.training_loop import OptimizerStep, batches
from loan_default_assets_tests.benchmarks.gpu_record import (
    DeviceFit,
    EpochCost,
    Finding,
    GpuRecord,
    StepSpeed,
)
from loan_default_assets_tests.benchmarks.quality_comparison import measures
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_transformer import fit_transformer

# The shape of the generated loans that scaling is measured on.
NUMBERS, CODES, CATEGORIES = 19, 12, 8
BATCHES = (64, 256, 1024)
_STEP_ROWS = {"cpu": 1024, "cuda": 8192}
_PEAK_SIZE = {"cpu": 1536, "cuda": 8192}
_ROUNDS, _WARM_UP = 3, 1

Run = Callable[[], object]


def findings(
    device: str, epoch_rows: int, sets: list[str], seeds: list[int], processes: int
) -> Iterator[Finding]:
    """Measure one after the other, whole trainings side by side where asked.

    Args:
        device: `cpu` or `cuda`.
        epoch_rows: Rows of the epochs over many rows; 0 for none.
        sets: Generated sets of the quality benchmark, or files of stored ones.
        seeds: Seeds of the trainings on each set.
        processes: Trainings side by side.
    """
    torch.set_num_threads(1)
    machine = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    yield from _steps(device, machine)
    if epoch_rows:
        yield _pretraining(device, machine, epoch_rows)
        yield _fine_tuning(device, machine, epoch_rows)
    fits = [(name, seed) for name in sets for seed in seeds]
    beside = min(processes, len(fits)) - 1
    if beside < 1:
        yield from (_fit(device, machine, 0, *each) for each in fits)
        return
    # A process that was forked cannot use the GPU.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_fit, repeat(device), repeat(machine), repeat(beside), *zip(*fits, strict=True))


def _steps(device: str, machine: str) -> Iterator[StepSpeed]:
    rows, size = _STEP_ROWS[device], _PEAK_SIZE[device]
    matrix = torch.randn(size, size, device=device)
    peak = 2 * size**3 / min(_seconds(lambda: matrix @ matrix, device) for _ in range(_WARM_UP + _ROUNDS))
    data, label, encoding = _loans_on(device, rows)
    makers = {"pretraining": _contrastive, "fine-tuning": _supervised}
    jobs = [(kind, batch, make) for kind, make in makers.items() for batch in BATCHES]
    for kind, batch, make in [*jobs, ("scoring", SCORING_ROWS, _scoring)]:
        run = make(device, data, label, encoding, batch)
        with FlopCounterMode(display=False) as counter:
            run()
        median = statistics.median([_seconds(run, device) for _ in range(_WARM_UP + _ROUNDS)][_WARM_UP:])
        busy = _kernel_seconds(run) / median if device == "cuda" else None
        yield StepSpeed(machine, kind, batch, rows / median, counter.get_total_flops() / median / peak, busy)


def _seconds(run: Run, device: str) -> float:
    """Wall seconds on a GPU, where the kernels run beside the program; processor seconds of one thread on a CPU."""
    if device == "cpu":
        started = time.process_time()
        run()
        return time.process_time() - started
    torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def _kernel_seconds(run: Run) -> float:
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        run()
        torch.cuda.synchronize()
    return sum(each.self_device_time_total for each in recorded.key_averages()) / 1e6


def _loans(rows: int) -> Rows:
    rng = np.random.default_rng(0)
    numerical = rng.normal(size=(rows, NUMBERS)).astype(np.float32)
    codes = rng.integers(2, CODES, (rows, CATEGORIES)).astype(np.int16)
    chance = 1 / (1 + np.exp(1.5 - numerical[:, 0] - numerical[:, 1] * (codes[:, 0] % 3)))
    return Rows(numerical, codes, (rng.random(rows) < chance).astype(np.int8))


def _loans_on(device: str, rows: int) -> tuple[EncodedRows, np.ndarray, Encoding]:
    loans = _loans(rows)
    encoding = Encoding.fit(loans, [CODES] * CATEGORIES, ModelConfig())
    encoded = encoding.transform(loans.numerical, loans.categorical).to(torch.device(device))
    return encoded, loans.outcome().astype(np.float32), encoding


def _supervised(device: str, data: EncodedRows, label: np.ndarray, encoding: Encoding, size: int) -> Run:
    config = ModelConfig()
    target = torch.from_numpy(label).to(device)
    model, noise = Classifier(encoding, config).to(device), Noise(0)
    step = OptimizerStep([model], 1e-3, config)

    def run() -> None:
        for index in batches(len(data), size, 1, torch.Generator()):
            index = index.to(device)
            step(F.binary_cross_entropy_with_logits(model(data.take(index), noise), target[index]))

    return run


def _contrastive(device: str, data: EncodedRows, label: np.ndarray, encoding: Encoding, size: int) -> Run:
    config = ModelConfig()
    encoder, noise = Classifier(encoding, config).encoder.to(device), Noise(0)
    objective = PretrainingObjective(encoder, encoding, config).to(device)
    step = OptimizerStep([encoder, objective], 1e-3, config)
    unknown = torch.full((len(data),), -1, device=device)

    def run() -> None:
        generator = torch.Generator()
        for index in batches(len(data), size, 1, generator):
            index = index.to(device)
            step(objective(encoder, data.take(index), unknown[index], data, noise, generator))

    return run


def _scoring(device: str, data: EncodedRows, label: np.ndarray, encoding: Encoding, size: int) -> Run:
    """Scoring as in validation, which chooses smaller blocks than `size` on a CPU."""
    model = Classifier(encoding, ModelConfig()).to(device)
    return lambda: blockwise(model, data)


def _pretraining(device: str, machine: str, rows: int) -> EpochCost:
    config = ModelConfig(device=device, pretrain_epochs=1)
    loans = _loans(rows).without_label()
    encoding = Encoding.fit(loans, [CODES] * CATEGORIES, config)
    return _epoch(device, machine, "pretraining", rows, lambda: pretrain(loans, encoding, config))


def _fine_tuning(device: str, machine: str, rows: int) -> EpochCost:
    config = ModelConfig(
        device=device, pretrain_epochs=0, max_epochs=1, members=1, boosting=False, teacher=0.0
    )
    loans = _loans(rows + rows // 10)
    train, validation = loans.take(np.arange(rows)), loans.take(np.arange(rows, len(loans)))
    encoding = Encoding.fit(train, [CODES] * CATEGORIES, config)
    encoder = pretrain(train, encoding, config)
    return _epoch(device, machine, "fine-tuning", rows, lambda: fit(encoder, train, validation, config))


def _epoch(device: str, machine: str, kind: str, rows: int, run: Run) -> EpochCost:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(run, device)
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return EpochCost(machine, kind, rows, seconds, peak)


def _read_set(name: str) -> QualitySet:
    if name.endswith(".npz"):
        return QualitySet.read(Path(name))
    # Imported here: a stored set can be read where the libraries of portfolios are not installed.
    from loan_default_assets_tests.benchmarks.quality_sets import generated_set

    return generated_set(name)


def _fit(device: str, machine: str, beside: int, name: str, seed: int) -> DeviceFit:
    """Fit the classifier as the chain does, boosting and additive models included, and score the window."""
    torch.set_num_threads(1)
    data, scored = _read_set(name), []
    settings = {"device": device, "threads": 1}
    seconds = _seconds(lambda: scored.append(fit_transformer(data, settings, seed)), device)
    scores = scored[0]()
    found = measures(data.window.outcome(), scores.window, scores.threshold)
    values = {measure: float(value) for measure, value in found.items()}
    return DeviceFit(machine, data.name, seed, seconds, values, beside)


def main() -> None:
    """Measure, and append each finding as it is made."""
    parser = argparse.ArgumentParser(description="Training on a GPU and on one CPU thread.")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument(
        "--rows", type=int, default=100_000, help="rows of the epochs over many rows; 0 for none"
    )
    parser.add_argument("--sets", default="many_categories", help="generated or stored sets; empty for none")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--processes", type=int, default=1, help="whole trainings side by side")
    parser.add_argument("--write", type=Path, required=True, help="file that findings are appended to")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    sets = [name for name in asked.sets.split(",") if name]
    record = GpuRecord(asked.write)
    for finding in findings(asked.device, asked.rows, sets, seeds, asked.processes):
        record.append(finding)
        print(finding, flush=True)


if __name__ == "__main__":
    main()
