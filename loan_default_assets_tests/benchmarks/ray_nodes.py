"""What ENGINE=ray costs on one node of one CPU, and what a second node gains, for members, batch scoring and Ray Data.

Run with `python -m loan_default_assets_tests.benchmarks.ray_nodes` where the extra `[ray]` is installed. Wall and
processor seconds of the same work in one process, on one node and on two; start-up is shown apart. The processor
seconds count the driver and all processes of the cluster. With `--scored-batches 200`, 2,000,000 rows are scored on one
node and on two, with `--member-epochs 6` the members are fitted so long, and nothing else is measured.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import psutil

from loan_default_assets.engines.ray_engine import RayEngine
from loan_default_assets.engines.task_engine import LOCAL, TaskEngine
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import Encoder, FittedModel, fit, pretrain
from loan_default_assets.pipeline.batch_scoring import score_features
from loan_default_assets_tests.engines.two_nodes import head_node

_TRAIN, _VALIDATION, _MEMBERS = 12_000, 3_000, 4
_BATCHES, _ROWS_PER_BATCH = 12, 10_000
_NUMERICAL, _CODES = 14, (8,) * 9
_CONFIG = ModelConfig(
    device="cpu", boosting=False, teacher=0.0, members=_MEMBERS, pretrain_epochs=0, max_epochs=1, patience=1
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.ray_nodes")
    parser.add_argument("--scored-batches", type=int, help=f"batches of {_ROWS_PER_BATCH:,} rows")
    parser.add_argument("--member-epochs", type=int, help="epochs of each member, on one node and on two")
    arguments = parser.parse_args()
    # Ray gives its workers the lowest priority; beside other programs, that and not Ray would be measured.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - as Ray spells it
    train, validation = _rows(_TRAIN, 0), _rows(_VALIDATION, 1)
    encoder = pretrain(train, Encoding.fit(train, _CODES, _CONFIG), _CONFIG)
    if arguments.scored_batches:
        predictor = Predictor(_fit(encoder, train, validation, LOCAL), "measured", {})
        batches = arguments.scored_batches
        what = f"scoring of {batches * _ROWS_PER_BATCH:,} rows"
        _on_one_node_and_two(what, lambda engine: _score(predictor, engine, batches))
        return
    if arguments.member_epochs:
        epochs = arguments.member_epochs
        config = replace(_CONFIG, max_epochs=epochs, patience=epochs)
        _on_one_node_and_two(
            f"{_MEMBERS} members of {epochs} epochs",
            lambda engine: _fit(encoder, train, validation, engine, config).threshold,
        )
        return
    local, seconds = _measured("members, one process", lambda: _fit(encoder, train, validation, LOCAL))
    predictor = Predictor(local, "measured", {})
    scores, scoring = _measured("scoring, one process", lambda: _score(predictor, LOCAL))
    with ExitStack() as stack:
        started = time.perf_counter()
        cluster = stack.enter_context(head_node())
        for nodes in (1, 2):
            cluster.add_node(num_cpus=1, object_store_memory=200 << 20)
            cluster.wait_for_nodes()
            engine = RayEngine(None)
            engine.workers()
            if nodes == 1:
                print(f"start of the cluster and its connection: {time.perf_counter() - started:.1f} s")
            few = [_features(0, 100)] * 8
            _measured(
                f"first tasks on {nodes} nodes: workers start and load libraries",
                lambda engine=engine, few=few: list(engine.map_tasks(score_features, predictor, few)),
            )
            napping = [_features(0, _ROWS_PER_BATCH)] * 12
            _measured(
                f"12 tasks with a batch each that sleep a second, {nodes} nodes",
                lambda engine=engine, napping=napping: list(engine.map_tasks(nap, None, napping)),
            )
            model, _ = _measured(
                f"members, {nodes} nodes",
                lambda engine=engine: _fit(encoder, train, validation, engine),
                seconds,
            )
            assert model.threshold == local.threshold
            found, _ = _measured(
                f"scoring, {nodes} nodes", lambda engine=engine: _score(predictor, engine), scoring
            )
            assert found == scores
        found, _ = _measured("scoring by Ray Data, 2 nodes", lambda: _score_by_ray_data(predictor), scoring)
        assert np.isclose(found, scores, rtol=0, atol=1e-6)


def _fit(
    encoder: Encoder, train: Rows, validation: Rows, engine: TaskEngine, config: ModelConfig = _CONFIG
) -> FittedModel:
    tasks = engine.run_tasks if engine.distributed else None
    return fit(encoder, train, validation, config, run_tasks=tasks)


def _on_one_node_and_two(what: str, work: Callable[[TaskEngine], float]) -> None:
    """Measure the same work twice, on workers that have loaded their libraries, and compare its result."""
    found: set[float] = set()
    one: tuple[float, float] | None = None
    with head_node() as cluster:
        for nodes in (1, 2):
            cluster.add_node(num_cpus=1, object_store_memory=200 << 20)
            cluster.wait_for_nodes()
            engine = RayEngine(None)
            list(engine.map_tasks(nap, None, [_features(0, 100)] * 4 * nodes))
            result, taken = _measured(f"{what}, {nodes} nodes", lambda engine=engine: work(engine), one)
            found, one = found | {result}, taken
    assert len(found) == 1


def _score(predictor: Predictor, engine: TaskEngine, count: int = _BATCHES) -> float:
    batches = (_features(number, _ROWS_PER_BATCH) for number in range(count))
    return sum(float(pd.sum()) for pd, _ in engine.map_tasks(score_features, predictor, batches))


def _score_by_ray_data(predictor: Predictor) -> float:
    """The same rows read in tasks, scored in tasks of the same size, and returned in order."""
    import ray

    stored = ray.put(predictor)

    def read(row: dict[str, int]) -> dict[str, np.ndarray]:
        numerical, categorical = _features(int(row["id"][0]), _ROWS_PER_BATCH)
        return {"numerical": numerical, "categorical": categorical}

    def scored(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        pd, decision = score_features(ray.get(stored), (batch["numerical"], batch["categorical"]))
        return {"pd": pd, "decision": decision}

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order, context.enable_progress_bars = True, False
    numbers = ray.data.range(_BATCHES, override_num_blocks=_BATCHES)
    result = numbers.map_batches(read, batch_size=1).map_batches(scored, batch_size=_ROWS_PER_BATCH)
    return sum(float(batch["pd"].sum()) for batch in result.iter_batches(batch_size=_ROWS_PER_BATCH))


def nap(_: None, batch: tuple[np.ndarray, np.ndarray]) -> int:
    """The size of a batch, after a second without work: what tasks wait for is Ray, not other programs."""
    time.sleep(1.0)
    return len(batch[0])


def _features(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rows = _rows(count, seed + 2)
    return rows.numerical, rows.categorical


def _rows(count: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    numerical = rng.standard_normal((count, _NUMERICAL)).astype(np.float32)
    categorical = np.stack([rng.integers(2, size, count) for size in _CODES], axis=1).astype(np.int16)
    label = (numerical[:, 0] + rng.logistic(0, 0.5, count) > 1).astype(np.int8)
    return replace(Rows(numerical, categorical), label=label)


def _measured(
    what: str, work: Callable[[], Any], alone: tuple[float, float] | None = None
) -> tuple[Any, tuple[float, float]]:
    before, started = dict(_processor_seconds()), time.perf_counter()
    result = work()
    wall = time.perf_counter() - started
    processor = sum(seconds - before.get(process, 0.0) for process, seconds in _processor_seconds())
    ratios = "" if alone is None else f"; {wall / alone[0]:.2f} and {processor / alone[1]:.2f} of the first"
    print(f"{what}: {wall:.1f} s, {processor:.1f} s of processors{ratios}", flush=True)
    return result, (wall, processor)


def _processor_seconds() -> Iterator[tuple[int, float]]:
    """Of this process and its living descendants, to which the whole cluster belongs."""
    own = psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        times = process.cpu_times()
        yield process.pid, times.user + times.system


if __name__ == "__main__":
    main()
