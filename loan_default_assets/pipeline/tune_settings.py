"""The step from a training snapshot to the best settings of many short trainings."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from loan_default_assets.engines.task_engine import LOCAL, TaskEngine
from loan_default_assets.pipeline.readiness import require_readiness
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot, read_snapshot
from loan_default_assets.pipeline.trial_queue import Claim, FinishedTrial, TrialQueue
from loan_default_assets.pipeline.trial_storage import open_queue
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loans import Loans

if TYPE_CHECKING:
    from loan_default_assets.model.config import ModelConfig
    from loan_default_assets.model.search_space import Dimension
    from loan_default_assets.model.split_bounds import SplitLimits
    from loan_default_assets.model.training import Encoder
    from loan_default_assets.model.training_loop import Epoch


@dataclass(frozen=True)
class TuningResult:
    """What the trials of a study have found so far.

    Attributes:
        trials: All trials with a result.
        interrupted: Trials without a result; those whose process died were run again.
        present: The trial of the present settings.
        best: The trial with the best validation ROC-AUC among those trained to their end; of equals, the first.
        changes: The settings to give so that a training uses those of the best trial; empty where they are given.
        validation_rows: Rows that decided.
        validation_defaults: Defaults among them.
    """

    trials: tuple[FinishedTrial, ...]
    interrupted: int
    present: FinishedTrial
    best: FinishedTrial
    changes: Mapping[str, Any]
    validation_rows: int
    validation_defaults: int

    @property
    def standard_error(self) -> float:
        """Standard error of the best ROC-AUC on so many rows (Hanley and McNeil 1982)."""
        area, defaults = self.best.value, self.validation_defaults
        others = self.validation_rows - defaults
        variance = (
            area * (1 - area)
            + (defaults - 1) * (area / (2 - area) - area**2)
            + (others - 1) * (2 * area**2 / (1 + area) - area**2)
        )
        return math.sqrt(variance / (defaults * others))


def tune_settings(
    portfolio: Portfolio,
    loans: Loans,
    *,
    url: str,
    config: "ModelConfig",
    limits: "SplitLimits",
    leakage_limit: float,
    trials: int,
    engine: TaskEngine = LOCAL,
    say: Callable[[str], None],
) -> TuningResult:
    """Try settings until the study of this snapshot has `trials` results, and find the best.

    A trial trains on the training rows and is compared by its ROC-AUC on the validation rows; the evaluation window is
    not used. Trials are shared with every process that tunes the same portfolio on the same snapshot from the same
    fixed settings, at the same time or later.

    Args:
        url: The database that holds the trials.
        config: The present settings, derived values not resolved.
        leakage_limit: Fall in ROC-AUC that is acceptable when features with a high ROC-AUC alone are removed.
        trials: Number of results, those of earlier starts included.
        engine: Trains the trials, as many at once as it has workers; each of them uses the database.
        say: Receives a line per trial.

    Raises:
        ChecksFailedError: The snapshot is not ready to train on.
        NoRowsError: No features are materialized.
        WarehouseError: The database cannot be reached or used.
    """
    from loan_default_assets.model.search_space import changes_to, fixed_settings, searched, space_around

    snapshot = read_snapshot(loans, limits)
    if snapshot.sampling is not None:
        say(f"tune: {snapshot.sampling.sentence()}")
    require_readiness(portfolio, snapshot, leakage_limit, say)
    rows = len(snapshot.split.train)
    resolved = trial_config(config.for_rows(rows))
    # A node may have a GPU that the task was not given.
    training = TrialTraining(
        portfolio, snapshot, replace(resolved, device="cpu") if engine.distributed else resolved
    )
    subject = {
        "portfolio": portfolio.name,
        "portfolio_hash": portfolio.hash,
        "snapshot": snapshot.digest,
        "training_rows": rows,
        "fixed": fixed_settings(resolved),
    }
    study = Study(url, subject, space_around(resolved), searched(resolved), config.seed)
    engine.run_tasks(
        run_trials, (study, training, trials), range(min(engine.workers(), trials)), lambda _, line: say(line)
    )
    with study.open() as queue:
        finished = queue.finished()
        present = next(trial for trial in finished if trial.settings == queue.present)
        best = max(
            (t for t in finished if not t.stopped_early), key=lambda trial: (trial.value, -trial.number)
        )
        labels = snapshot.rows.label[snapshot.split.validation]
        return TuningResult(
            trials=tuple(finished),
            interrupted=queue.interrupted(),
            present=present,
            best=best,
            changes=changes_to(config, best.settings, rows),
            validation_rows=len(labels),
            validation_defaults=int((labels == 1).sum()),
        )


@dataclass(frozen=True)
class Study:
    """The arguments of `open_queue`, for every process that runs trials."""

    url: str
    subject: Mapping[str, Any]
    space: Sequence["Dimension"]
    present: Mapping[str, Any]
    seed: int

    def open(self) -> AbstractContextManager[TrialQueue]:
        """The trials; see `open_queue`."""
        return open_queue(self.url, self.subject, self.space, self.present, self.seed)


def run_trials(shared: "tuple[Study, TrialTraining, int]", _worker: int, say: Callable[[str], None]) -> None:
    """Run trials until the study has enough results, beside the other processes that do; the trials of a process that
    was lost are run again by the others.

    Args:
        shared: The study, what trains a trial, and the number of results.
        say: Receives a line per trial.
    """
    study, training, trials = shared
    with study.open() as queue:
        for claim in queue.claims(trials):
            run_trial(queue, claim, training)
            say(_progress(queue.finished(), claim, trials))


def trial_config(config: "ModelConfig") -> "ModelConfig":
    """The settings of a trial: one transformer alone, whatever the ensemble is.

    The members of an ensemble differ in nothing but their seed, and gradient boosting has settings of its own.
    """
    return replace(config, members=1, boosting=False)


class TrialTraining:
    """Trains trials on one snapshot; an encoder is pretrained once per shape and objective of pretraining."""

    def __init__(self, portfolio: Portfolio, snapshot: TrainingSnapshot, config: "ModelConfig") -> None:
        """
        Args:
            config: The present settings of `trial_config`.
        """
        self._cardinalities = portfolio.features.cardinalities
        self._snapshot = snapshot
        self._config = config
        self._encoders: dict[tuple[Any, ...], Encoder] = {}

    def __call__(self, settings: Mapping[str, Any], on_epoch: "Callable[[Epoch], None]") -> float:
        """The best validation ROC-AUC of a training with these settings.

        Args:
            on_epoch: Called with the report of each epoch of fine-tuning; what it raises ends the training.
        """
        from loan_default_assets.model.training import fit

        split = self._snapshot.split
        model = fit(
            self._encoder(settings),
            self._snapshot.select(split.train),
            self._snapshot.select(split.validation),
            replace(self._config, **settings),
            on_epoch=on_epoch,
        )
        return max(epoch.validation_auc or 0.0 for epoch in model.history)

    def _encoder(self, settings: Mapping[str, Any]) -> "Encoder":
        from loan_default_assets.model.config import PRETRAINING_WEIGHTS
        from loan_default_assets.model.encoding import Encoding
        from loan_default_assets.model.training import SHAPE, pretrain

        decisive = {name: settings[name] for name in (*SHAPE, *PRETRAINING_WEIGHTS) if name in settings}
        key = tuple(decisive.values())
        if key not in self._encoders:
            config, train = (
                replace(self._config, **decisive),
                self._snapshot.select(self._snapshot.split.train),
            )
            encoding = Encoding.fit(train, self._cardinalities, config)
            self._encoders[key] = pretrain(self._snapshot.pretraining_rows(), encoding, config)
        return self._encoders[key]


def run_trial(
    queue: TrialQueue,
    claim: Claim,
    training: "Callable[[Mapping[str, Any], Callable[[Epoch], None]], float]",
) -> None:
    """Train one trial and record its result; where the process is stopped instead, the next start runs it again.

    Args:
        training: What `TrialTraining` does.
    """
    from optuna import TrialPruned

    def report(epoch: "Epoch") -> None:
        if epoch.validation_auc is None:
            return
        claim.trial.report(epoch.validation_auc, epoch.number)
        if claim.trial.should_prune() and not claim.present:
            raise TrialPruned

    try:
        value = training(claim.settings, report)
    except TrialPruned:
        queue.stop_early(claim)
    except Exception:
        queue.fail(claim)
        raise
    else:
        queue.complete(claim, value)


def _progress(finished: list[FinishedTrial], claim: Claim, trials: int) -> str:
    """`trial 3 of 20: validation ROC-AUC 0.7812, best 0.7901; learning_rate 0.0012, ...`."""
    trial = next((trial for trial in finished if trial.number == claim.trial.number), None)
    if trial is None:
        return f"trial {claim.trial.number} was taken over by another process"
    best = max((t.value for t in finished if not t.stopped_early), default=trial.value)
    values = ", ".join(f"{name} {value}" for name, value in trial.settings.items())
    stopped = ", stopped early" if trial.stopped_early else ""
    present = "present settings, " if claim.present else ""
    return (
        f"tune: {len(finished)} of {trials} trials, {present}validation ROC-AUC {trial.value:.4f}{stopped}, "
        f"best {best:.4f}; {values}"
    )
