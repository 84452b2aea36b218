"""The work of the stages of training, as the pipeline does it, with the processor time of its epochs."""

import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from loan_default_assets.limits import split_limits
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.pipeline.pretrain_encoder import pretrain_encoder
from loan_default_assets.pipeline.train_classifier import train_classifier
from loan_default_assets.pipeline.training_settings import Parallelism, TrainingAttempt, model_config
from loan_default_assets_tests.benchmarks.scaling.stage_work import Facts, StageWork

# What a full training costs is computed from the cost of one epoch.
FINE_TUNING_EPOCHS = 2
SAMPLED_ROWS = 20_000


class _EpochClock(logging.Handler):
    """Processor seconds of this process at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[int, float]] = []

    def emit(self, record: logging.LogRecord) -> None:
        epoch = getattr(record, "epoch", None)
        if epoch is not None:
            self.ends.append((epoch.number, time.process_time()))

    def seconds(self) -> float:
        """Median of the epochs that follow another."""
        return statistics.median(
            now - before
            for (_, before), (number, now) in zip(self.ends, self.ends[1:], strict=False)
            if number > 1
        )


def _clocked() -> tuple[logging.Logger, _EpochClock]:
    log, clock = logging.getLogger("scaling epochs"), _EpochClock()
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(clock)
    return log, clock


def _config(work: StageWork, **changes: Any) -> ModelConfig:
    config = model_config(work.session.portfolio, work.session.settings)
    return replace(config, device="cpu", **changes)


def _pretrain(work: StageWork, config: ModelConfig, max_rows: int | None = None) -> Facts:
    limits = split_limits(work.session.settings)
    log, clock = _clocked()
    made = pretrain_encoder(
        work.session.portfolio,
        work.session.loans,
        work.session.registry,
        store=work.session.artifacts,
        config=config,
        limits=limits if max_rows is None else replace(limits, max_rows=max_rows),
        leakage_limit=work.session.settings.leakage_auc_limit,
        log=log,
    )
    if made.reused:
        raise RuntimeError("the encoder was made before")
    facts: Facts = {"pretraining_rows": float(made.pretraining_rows), "epochs": float(config.pretrain_epochs)}
    return facts | ({"epoch_seconds": clock.seconds()} if len(clock.ends) > 1 else {})


def pretraining(work: StageWork) -> Callable[[], Facts]:
    """Pretrain with the default settings."""
    return lambda: _pretrain(work, _config(work))


def sampled_pretraining(work: StageWork) -> Callable[[], Facts]:
    """Pretrain on a sample of SAMPLED_ROWS."""
    # Another seed: with few rows, both snapshots are the same, and the encoder would be taken for that of the other.
    return lambda: _pretrain(work, _config(work, seed=1), SAMPLED_ROWS)


def fine_tuning(work: StageWork) -> Callable[[], Facts]:
    """Fit a classifier with the default settings, for FINE_TUNING_EPOCHS."""
    # The seed tells the trainings with one and two workers apart, so that none is taken for the other.
    config = _config(work, pretrain_epochs=0, max_epochs=FINE_TUNING_EPOCHS, seed=work.workers)
    _pretrain(work, config)

    def run() -> Facts:
        log, clock = _clocked()
        made = train_classifier(
            work.session.portfolio,
            work.session.loans,
            work.session.registry,
            store=work.session.artifacts,
            config=config,
            limits=split_limits(work.session.settings),
            leakage_limit=work.session.settings.leakage_auc_limit,
            attempt=TrainingAttempt(),
            parallelism=Parallelism(work.workers),
            log=log,
        )
        if made.model is None:
            raise RuntimeError("the classifier was trained before")
        train = float(made.snapshot["training_rows"])
        facts: Facts = {"training_rows": train, "epochs": float(FINE_TUNING_EPOCHS)}
        facts["transformers"] = float(config.members)
        facts["derived_epochs"] = float(ModelConfig().for_rows(int(train)).max_epochs)
        return facts | ({"epoch_seconds": clock.seconds()} if work.workers == 1 else {})

    return run
