"""Training on a GPU beside one CPU thread of the same machine: speed of the steps, whole trainings, and quality.

`python -m loan_default_assets_tests.benchmarks.gpu --write docs/scaling-gpu.json` on a machine with a GPU; the page of
the scaling benchmark shows the record. A set is one of the generated ones of the quality benchmark, or a stored one.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.dropout import Noise
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.fine_tuning import blockwise
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.pretraining_objective import PretrainingObjective
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import fit, pretrain
from loan_default_assets.model.training_loop import OptimizerStep, batches
from loan_default_assets_tests.benchmarks.gpu_record import DeviceFit, GpuRecord, LargeTraining, StepSpeed
from loan_default_assets_tests.benchmarks.quality_comparison import measures
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_transformer import fit_transformer

# The shape of the generated loans that scaling is measured on.
_NUMBERS, _CODES, _CATEGORIES = 19, 12, 8
_STEP_ROWS = {"cpu": 1024, "cuda": 8192}
_ROUNDS, _WARM_UP = 5, 2
_BATCHES = (64, 256, 1024)
_PEAK_SIZE = {"cpu": 1536, "cuda": 8192}

Run = Callable[[], object]


def measure(
    sets: Sequence[str], seeds: Sequence[int], rows: int, processes: int, device: str = "cuda"
) -> GpuRecord:
    """Measure everything; trainings on the CPU run in processes of their own while the GPU works.

    Args:
        sets: Names of generated sets, or files of stored ones.
        seeds: Seeds of the trainings.
        rows: Rows of the epochs over many rows.
        processes: Trainings on the CPU at once, one thread each.
        device: The GPU; `cpu` tries the program without one.
    """
    data = [_read_set(name) for name in sets]
    torch.set_num_threads(1)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        pending: list[Future[DeviceFit]] = [
            pool.submit(_fit, each, "cpu", seed) for each in data for seed in seeds
        ]
        steps = [*_steps(device), *_steps("cpu")]
        large = [_pretraining(rows, device), _fine_tuning(rows, device)]
        fits = [_fit(each, device, seed) for each in data for seed in seeds]
        again = _fit(data[0], device, seeds[0])
        repeatable = fits[0].measures == again.measures
        fits += [each.result() for each in pending]
    return GpuRecord(
        gpu=torch.cuda.get_device_name() if device == "cuda" else device,
        torch=torch.__version__,
        day=datetime.now(UTC).date().isoformat(),
        steps=tuple(steps),
        large=tuple(large),
        fits=tuple(fits),
        repeatable=repeatable,
    )


def _read_set(name: str) -> QualitySet:
    if name.endswith(".npz"):
        return QualitySet.read(Path(name))
    # Imported here: a stored set needs nothing of portfolios.
    from loan_default_assets_tests.benchmarks.quality_sets import generated_set

    return generated_set(name)


def _loans(rows: int) -> Rows:
    rng = np.random.default_rng(0)
    numerical = rng.normal(size=(rows, _NUMBERS)).astype(np.float32)
    codes = rng.integers(2, _CODES, (rows, _CATEGORIES)).astype(np.int16)
    chance = 1 / (1 + np.exp(1.5 - numerical[:, 0] - numerical[:, 1] * (codes[:, 0] % 3)))
    return Rows(numerical, codes, (rng.random(rows) < chance).astype(np.int8))


def _steps(device: str) -> list[StepSpeed]:
    peak = _matmul_peak(device)
    found = []
    for kind, make in (("pretraining", _contrastive), ("fine-tuning", _supervised), ("scoring", _scoring)):
        for size in _BATCHES if kind != "scoring" else (512,):
            run = make(device, size)
            with FlopCounterMode(display=False) as counter:
                run()
            seconds = [_timed(run, device) for _ in range(_WARM_UP + _ROUNDS)]
            median = statistics.median(seconds[_WARM_UP:])
            speed = _STEP_ROWS[device] / median
            busy = _kernel_seconds(run) / median if device == "cuda" else None
            share = counter.get_total_flops() / median / peak
            found.append(StepSpeed(device, kind, size, speed, share, busy))
    return found


def _timed(run: Run, device: str) -> float:
    _wait(device)
    started = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _kernel_seconds(run: Run) -> float:
    """Seconds in which the GPU's kernels ran."""
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        run()
        torch.cuda.synchronize()
    return sum(each.self_device_time_total for each in recorded.key_averages()) / 1e6


def _matmul_peak(device: str) -> float:
    """Floating-point operations per second of the best of several large products in single precision."""
    size = _PEAK_SIZE[device]
    matrix = torch.randn(size, size, device=device)
    return 2 * size**3 / min(_timed(lambda: matrix @ matrix, device) for _ in range(_ROUNDS + _WARM_UP))


def _supervised(device: str, size: int) -> Run:
    config = ModelConfig(device=device)
    rows = _loans(_STEP_ROWS[device])
    encoding = Encoding.fit(rows, [_CODES] * _CATEGORIES, config)
    data = encoding.transform(rows.numerical, rows.categorical).to(torch.device(device))
    target = torch.from_numpy(rows.outcome().astype(np.float32)).to(device)
    model, noise = Classifier(encoding, config).to(device), Noise(0)
    step = OptimizerStep([model], 1e-3, config)

    def run() -> None:
        for index in batches(_STEP_ROWS[device], size, 1, torch.Generator()):
            index = index.to(device)
            step(F.binary_cross_entropy_with_logits(model(data.take(index), noise), target[index]))

    return run


def _contrastive(device: str, size: int) -> Run:
    config = ModelConfig(device=device)
    rows = _loans(_STEP_ROWS[device])
    encoding = Encoding.fit(rows, [_CODES] * _CATEGORIES, config)
    data = encoding.transform(rows.numerical, rows.categorical).to(torch.device(device))
    encoder, noise = Classifier(encoding, config).encoder.to(device), Noise(0)
    objective = PretrainingObjective(encoder, encoding, config).to(device)
    step = OptimizerStep([encoder, objective], 1e-3, config)
    label = torch.full((_STEP_ROWS[device],), -1, device=device)

    def run() -> None:
        generator = torch.Generator()
        for index in batches(_STEP_ROWS[device], size, 1, generator):
            index = index.to(device)
            step(objective(encoder, data.take(index), label[index], data, noise, generator))

    return run


def _scoring(device: str, size: int) -> Run:
    """Scores one transformer in the blocks of its device; `size` is what the product takes on a GPU."""
    config = ModelConfig(device=device)
    rows = _loans(_STEP_ROWS[device])
    encoding = Encoding.fit(rows, [_CODES] * _CATEGORIES, config)
    data = encoding.transform(rows.numerical, rows.categorical).to(torch.device(device))
    model = Classifier(encoding, config).to(device)
    return lambda: blockwise(model, data)


def _pretraining(rows: int, device: str) -> LargeTraining:
    config = ModelConfig(device=device, pretrain_epochs=1)
    loans = _loans(rows).without_label()
    encoding = Encoding.fit(loans, [_CODES] * _CATEGORIES, config)
    return _large("pretraining", rows, lambda: pretrain(loans, encoding, config))


def _fine_tuning(rows: int, device: str) -> LargeTraining:
    config = ModelConfig(
        device=device, pretrain_epochs=0, max_epochs=1, members=1, boosting=False, teacher=0.0
    )
    loans = _loans(rows + rows // 10)
    train, validation = loans.take(np.arange(rows)), loans.take(np.arange(rows, len(loans)))
    encoding = Encoding.fit(train, [_CODES] * _CATEGORIES, config)
    encoder = pretrain(train, encoding, config)
    return _large("fine-tuning", rows, lambda: fit(encoder, train, validation, config))


def _large(phase: str, rows: int, run: Run) -> LargeTraining:
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    return LargeTraining(phase, rows, seconds, torch.cuda.max_memory_allocated() if on_gpu else 0)


def _fit(data: QualitySet, device: str, seed: int) -> DeviceFit:
    """Fit the classifier as the chain does, boosting and additive models included, and score the window."""
    torch.set_num_threads(1)
    started, processor = time.perf_counter(), time.process_time()
    scores = fit_transformer(data, {"device": device, "threads": 1}, seed)
    seconds, used = time.perf_counter() - started, time.process_time() - processor
    fitted = scores()
    found = measures(data.window.outcome(), fitted.window, fitted.threshold)
    return DeviceFit(data.name, device, seed, seconds, used, found)


def main() -> None:
    """Measure, print the record and write it."""
    parser = argparse.ArgumentParser(description="Training on a GPU beside one CPU thread.")
    parser.add_argument(
        "--sets", default="sharp_thresholds,many_categories", help="names, or files of stored sets"
    )
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rows", type=int, default=300_000, help="rows of the epochs over many rows")
    parser.add_argument("--processes", type=int, default=6, help="trainings on the CPU at once")
    parser.add_argument("--device", default="cuda", help="cpu tries the program without a GPU")
    parser.add_argument("--write", type=Path, required=True, help="file of the record")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    measure(asked.sets.split(","), seeds, asked.rows, asked.processes, asked.device).write(asked.write)


if __name__ == "__main__":
    main()
