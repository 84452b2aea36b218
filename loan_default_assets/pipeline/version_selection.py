"""Which registered version a step works with."""

from collections.abc import Mapping
from logging import Logger
from typing import TYPE_CHECKING, Any, Literal

from loan_default_assets.pipeline.pipeline_errors import ModelFilesError, NoModelError
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.registry import ModelRecord, Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.config import ModelConfig


def select_encoder(
    registry: Registry,
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    config: "ModelConfig",
    store: "ArtifactStore",
    log: Logger,
) -> ModelRecord:
    """The encoder to fine-tune: that of this snapshot and configuration, or the newest that saw no later day.

    An encoder whose files are missing or damaged is passed over.

    Raises:
        NoModelError: There is none.
        ModelFilesError: The files of all of them are missing or damaged.
    """
    last_day = snapshot.split.trained_to
    usable = [
        record
        for record in registry.history()
        if (record.kind, record.portfolio_hash) == ("encoder", portfolio.hash)
        and (last_day is None or record.trained_to is None or record.trained_to <= last_day)
    ]
    if not usable:
        raise NoModelError(
            f"there is no encoder under the current description of portfolio {portfolio.name}; "
            "materialize pretrained_encoder first"
        )

    def closeness(record: ModelRecord) -> tuple[bool, bool]:
        same_rows = record.snapshot_hash == snapshot.digest
        return same_rows, same_rows and record.hyper_parameters == config.as_dict()

    # The history begins with the newest, and equals stay in their order.
    for record in sorted(usable, key=closeness, reverse=True):
        found = store.check(record)
        if found.intact:
            return record
        log.warning(f"classifier: encoder {record.version} is passed over: {found.problem}")
    raise ModelFilesError(store.check(max(usable, key=closeness)).problem)


def pending_challenger(registry: Registry, portfolio: Portfolio) -> ModelRecord | None:
    """The newest classifier that awaits its promotion under the portfolio's current description."""
    for record in registry.history():
        if (record.kind, record.status, record.portfolio_hash) == ("classifier", "candidate", portfolio.hash):
            return record
    return None


def find_same_training(
    registry: Registry,
    kind: Literal["encoder", "classifier"],
    snapshot: TrainingSnapshot,
    hyper_parameters: Mapping[str, Any],
    attempt: int = 0,
) -> ModelRecord | None:
    """The version that a training on the same rows with the same settings made before.

    Args:
        attempt: The attempt that the version must belong to; 0 for any.
    """
    for record in registry.history():
        if (
            record.kind == kind
            and record.snapshot_hash == snapshot.digest
            and attempt in (0, record.attempt)
            and record.hyper_parameters == dict(hyper_parameters)
        ):
            return record
    return None


def next_attempt(registry: Registry, snapshot: TrainingSnapshot, parent: str | None) -> int:
    """The first free number of an attempt on this snapshot under the champion `parent`."""
    numbers = (
        record.attempt
        for record in registry.history()
        if (record.kind, record.parent, record.snapshot_hash) == ("classifier", parent, snapshot.digest)
    )
    return max(numbers, default=0) + 1
