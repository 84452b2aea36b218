"""The step from a pretrained encoder and matured labels to a registered challenger."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from logging import Logger
from typing import TYPE_CHECKING, Any, Literal

from loan_default_assets.pipeline.check_results import CheckResult
from loan_default_assets.pipeline.development_sample import validation_roc_auc
from loan_default_assets.pipeline.epoch_log import log_epochs
from loan_default_assets.pipeline.model_storage import load_classifier, load_encoder, register, save
from loan_default_assets.pipeline.pipeline_errors import ModelFilesError
from loan_default_assets.pipeline.pretraining_gain import pretraining_gain
from loan_default_assets.pipeline.readiness import require_readiness
from loan_default_assets.pipeline.reference_storage import reference_rows
from loan_default_assets.pipeline.training_settings import Parallelism, TrainingAttempt
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot, read_snapshot
from loan_default_assets.pipeline.version_selection import find_same_training, next_attempt, select_encoder
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import ModelRecord, Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.config import ModelConfig
    from loan_default_assets.model.reference_rows import ReferenceRows
    from loan_default_assets.model.split_bounds import SplitLimits
    from loan_default_assets.model.training import FittedModel


@dataclass(frozen=True)
class TrainedClassifier:
    """The registered classifier of a training snapshot.

    Attributes:
        snapshot: Counts and dates of the snapshot, of `TrainingSnapshot.describe`.
        checks: The readiness checks that the snapshot passed.
        model: None where an earlier training on the same snapshot made this version.
    """

    record: ModelRecord
    snapshot: Mapping[str, Any]
    checks: tuple[CheckResult, ...]
    model: "FittedModel | None" = None


def train_classifier(
    portfolio: Portfolio,
    loans: Loans,
    registry: Registry,
    *,
    store: "ArtifactStore",
    config: "ModelConfig",
    limits: "SplitLimits",
    leakage_limit: float,
    attempt: TrainingAttempt,
    measure_pretraining: bool = False,
    parallelism: Parallelism,
    doubt_is_logged: bool = False,
    log: Logger,
) -> TrainedClassifier:
    """Fine-tune, calibrate and register a classifier, unless the same training was made before.

    A version whose files are missing or damaged is trained again, and its files are restored where the training gives
    the same bytes; otherwise, as on another machine, the result is a new attempt.

    Args:
        measure_pretraining: Fit a second time from random weights and record the gain of pretraining.
        parallelism: How the transformers are fitted.
        doubt_is_logged: Whether the pretraining of this training has logged the doubt of leakage.
        store: Where the files of the models are.
        leakage_limit: Fall in ROC-AUC that is acceptable when features with a high ROC-AUC alone are removed.

    Raises:
        ChecksFailedError: The snapshot is not ready to train on.
        ModelFilesError: The version was trained before, and its signature is not accepted.
        NoRowsError: No features are materialized.
        NoModelError: There is no pretrained encoder.
    """
    snapshot = read_snapshot(loans, limits, attempt.cutoff)
    if snapshot.sampling is not None:
        log.info(f"classifier: {snapshot.sampling.sentence()}")
    checks = require_readiness(
        portfolio, snapshot, leakage_limit, log.debug if doubt_is_logged else log.warning
    )
    champion = registry.champion()
    config = config.for_rows(len(snapshot.split.train))
    encoder = select_encoder(registry, portfolio, snapshot, config, store, log)
    mode = training_mode(attempt, champion, config, store, log)
    hyper_parameters = config.as_dict() | {"encoder": encoder.version, "mode": mode}
    known = find_same_training(registry, "classifier", snapshot, hyper_parameters, attempt.number)
    if known is not None:
        found = store.check(known)
        if found.intact:
            log.info(f"classifier: {known.version} was trained on the same snapshot and is reused")
            return TrainedClassifier(known, snapshot.describe(), checks)
        if found.state == "untrusted":
            # The same files would have the same signature.
            raise ModelFilesError(found.problem)
        log.warning(f"classifier: {found.problem}\nIt is trained again")
    parent = known.parent if known else champion.version if champion else None
    warm_start = registry.get(parent) if mode == "head" and parent else None
    model = _fit(portfolio, snapshot, config, encoder, warm_start, parallelism, store, log)
    metrics = {
        "validation_roc_auc": validation_roc_auc(model),
        **{
            f"{kind}_weight": sum(member.weight for member in model.members if member.kind == kind)
            for kind in ("boosting", "additive")
        },
    }
    if measure_pretraining and mode == "full":
        metrics["pretraining_gain"] = pretraining_gain(model, snapshot, parallelism)
    reference = reference_rows(portfolio, snapshot, model)
    if known is not None and _restored(known, model, portfolio, snapshot, reference, store, log):
        return TrainedClassifier(known, snapshot.describe(), checks, model)
    parent = champion.version if champion else None
    number = next_attempt(registry, snapshot, parent) if known else attempt.number
    number = number or next_attempt(registry, snapshot, parent)
    record = register(
        registry,
        "classifier",
        store.publish(
            save(store.root, model, portfolio, snapshot, {"attempt": number, "parent": parent}, reference)
        ),
        portfolio,
        snapshot,
        hyper_parameters,
        attempt=number,
        parent=parent,
        threshold=model.threshold,
        metrics=metrics,
    )
    return TrainedClassifier(record, snapshot.describe(), checks, model)


def _restored(
    known: ModelRecord,
    model: "FittedModel",
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    reference: "ReferenceRows",
    store: "ArtifactStore",
    log: Logger,
) -> bool:
    """Whether the model is the registered version again, whose files are then in their place."""
    extra = {"attempt": known.attempt, "parent": known.parent}
    saved = save(store.root, model, portfolio, snapshot, extra, reference)
    if saved.version == known.version:
        store.publish(saved)
        log.info(f"classifier: the training gave {known.version} again; its files are restored")
        return True
    log.warning(
        f"classifier: the training gave another model than {known.version}, which becomes a new attempt"
    )
    shutil.rmtree(saved.path, ignore_errors=True)
    return False


def training_mode(
    attempt: TrainingAttempt,
    champion: ModelRecord | None,
    config: "ModelConfig",
    store: "ArtifactStore",
    log: Logger,
) -> Literal["full", "head"]:
    """`head` only where the champion can be loaded and has the shape of the configuration.

    The champion of a former release may have another shape.
    """
    from loan_default_assets.model.config import FORMER
    from loan_default_assets.model.training import FITTED_SHAPE

    if attempt.mode == "full" or champion is None:
        return "full"
    present, requested = FORMER | dict(champion.hyper_parameters), config.as_dict()
    if changed := [name for name in FITTED_SHAPE if present.get(name) != requested[name]]:
        log.info(f"classifier: the champion has other {', '.join(changed)}; all of the model is trained")
        return "full"
    found = store.check(champion)
    if not found.intact:
        log.warning(f"classifier: {found.problem}\nAll of the model is trained")
        return "full"
    return "head"


def _fit(
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    config: "ModelConfig",
    encoder: ModelRecord,
    warm_start: ModelRecord | None,
    parallelism: Parallelism,
    store: "ArtifactStore",
    log: Logger,
) -> "FittedModel":
    """The classifier; with `warm_start`, only the head of that version is fitted again."""
    from loan_default_assets.model.training import fit

    if config.teacher:
        log.info("fit: first boosting and additive models, which teach the transformers")
    return fit(
        load_encoder(encoder, portfolio, store),
        snapshot.select(snapshot.split.train),
        snapshot.select(snapshot.split.validation),
        config,
        head_only=warm_start is not None,
        warm_start=None if warm_start is None else load_classifier(warm_start, portfolio, store),
        on_epoch=log_epochs(log),
        processes=parallelism.processes,
        run_tasks=parallelism.run_tasks,
        prior_odds=snapshot.prior_odds,
    )
