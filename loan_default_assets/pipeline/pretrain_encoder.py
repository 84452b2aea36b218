"""The step from features to a registered encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from logging import Logger
from typing import TYPE_CHECKING, Any

from loan_default_assets.pipeline.check_results import CheckResult
from loan_default_assets.pipeline.epoch_log import log_epochs
from loan_default_assets.pipeline.model_storage import register, save
from loan_default_assets.pipeline.pipeline_errors import ModelFilesError
from loan_default_assets.pipeline.readiness import require_readiness
from loan_default_assets.pipeline.training_snapshot import read_snapshot
from loan_default_assets.pipeline.version_selection import find_same_training
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import ModelRecord, Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.config import ModelConfig
    from loan_default_assets.model.split_bounds import SplitLimits


@dataclass(frozen=True)
class PretrainedEncoder:
    """The registered encoder of a training snapshot.

    Attributes:
        snapshot: Counts and dates of the snapshot, of `TrainingSnapshot.describe`.
        checks: The readiness checks that the snapshot passed.
        reused: An earlier training on the same snapshot made this version; the two fields below are empty then.
        pretraining_rows: Rows of pretraining.
        losses: Mean loss of each epoch.
    """

    record: ModelRecord
    snapshot: Mapping[str, Any]
    checks: tuple[CheckResult, ...]
    reused: bool = False
    pretraining_rows: int = 0
    losses: tuple[float, ...] = ()


def pretrain_encoder(
    portfolio: Portfolio,
    loans: Loans,
    registry: Registry,
    *,
    store: "ArtifactStore",
    config: "ModelConfig",
    limits: "SplitLimits",
    leakage_limit: float,
    cutoff: date | None = None,
    log: Logger,
) -> PretrainedEncoder:
    """Pretrain an encoder contrastively and register it, unless the same training was made before.

    A version whose files are missing or damaged is trained again.

    The encoding is fitted on training rows; immature and unlabelled rows are pretrained on as well, rows of the
    validation set and of the evaluation window are not. Labels of training rows count where `target_weight` is set.

    Args:
        store: Where the files of the models are.
        leakage_limit: Fall in ROC-AUC that is acceptable when features with a high ROC-AUC alone are removed.
        cutoff: Nothing that became known after this date is used; None for all that is materialized.

    Raises:
        ChecksFailedError: The snapshot is not ready to train on; nothing is pretrained.
        ModelFilesError: The version was trained before, and its signature is not accepted.
        NoRowsError: No features are materialized.
        ArtifactRootError: The root of the artifacts cannot be reached or refuses.
    """
    from loan_default_assets.model.encoding import Encoding
    from loan_default_assets.model.training import pretrain

    snapshot = read_snapshot(loans, limits, cutoff)
    if snapshot.sampling is not None:
        log.info(f"pretrained_encoder: {snapshot.sampling.sentence()}")
    checks = require_readiness(portfolio, snapshot, leakage_limit, log.warning)
    split = snapshot.split
    config = config.for_rows(len(split.train))
    known = find_same_training(registry, "encoder", snapshot, config.as_dict())
    if known is not None:
        found = store.check(known)
        if found.intact:
            log.info(f"pretrained_encoder: {known.version} was trained on the same snapshot and is reused")
            return PretrainedEncoder(known, snapshot.describe(), checks, reused=True)
        if found.state == "untrusted":
            # The same files would have the same signature.
            raise ModelFilesError(found.problem)
        log.warning(f"pretrained_encoder: {found.problem}\nIt is trained again")
    encoding = Encoding.fit(snapshot.select(split.train), portfolio.features.cardinalities, config)
    rows = snapshot.pretraining_rows()
    encoder = pretrain(rows, encoding, config, on_epoch=log_epochs(log))
    record = register(
        registry,
        "encoder",
        store.publish(save(store.root, encoder, portfolio, snapshot)),
        portfolio,
        snapshot,
        config.as_dict(),
        metrics={"loss": encoder.losses[-1]} if encoder.losses else {},
    )
    return PretrainedEncoder(
        record, snapshot.describe(), checks, pretraining_rows=len(rows), losses=tuple(encoder.losses)
    )
