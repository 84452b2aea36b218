"""What the model assets share: settings of a training, the record of a version, and how it is shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from loan_default_assets.orchestration.resources import Attempt
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.registry import ModelRecord, Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact import LoadedArtifact, Saved
    from loan_default_assets.model.config import ModelConfig
    from loan_default_assets.model.loop import Epoch
    from loan_default_assets.model.splits import SplitLimits
    from loan_default_assets.model.training import Encoder, FittedModel

_MODEL_SETTINGS = ("d_model", "nhead", "num_layers", "learning_rate", "batch_size", "seed")


def model_config(portfolio: Portfolio, settings: Settings, attempt: Attempt) -> "ModelConfig":
    """The preset, then what the environment sets, then what the portfolio overrides.

    Raises: ConfigError for a setting of the portfolio that does not exist.
    """
    from loan_default_assets.model.config import ModelConfig

    wanted = {name: getattr(settings, name) for name in _MODEL_SETTINGS if name in settings.model_fields_set}
    wanted |= {name: value for name, value in portfolio.training.items() if name != "preset"}
    config = ModelConfig.preset(portfolio.training.get("preset", "default"), **wanted)
    return config.with_seed(config.seed + attempt.seed_offset)


def split_limits(settings: Settings) -> "SplitLimits":
    """What a window needs before it may judge."""
    from loan_default_assets.model.splits import SplitLimits

    return SplitLimits(
        min_rows=settings.retraining_sample_threshold, min_positives=settings.retraining_positive_threshold
    )


def encoder_for(
    registry: Registry, portfolio: Portfolio, snapshot: TrainingSnapshot, config: "ModelConfig"
) -> ModelRecord:
    """The encoder to fine-tune: that of this snapshot and configuration, or the newest that saw no later day.

    Raises: Failure where there is none.
    """
    last = snapshot.split.trained_to
    fitting = [
        record
        for record in registry.history()
        if (record.kind, record.portfolio_hash) == ("encoder", portfolio.hash)
        and (last is None or record.trained_to is None or record.trained_to <= last)
    ]
    if not fitting:
        raise dg.Failure(
            f"there is no encoder under the current description of portfolio {portfolio.name}; "
            "materialize pretrained_encoder first",
            allow_retries=False,
        )

    def closeness(record: ModelRecord) -> tuple[bool, bool]:
        same_rows = record.snapshot_hash == snapshot.digest
        return same_rows, same_rows and record.hyper_parameters == config.as_dict()

    # The history begins with the newest, and of equals the first is taken.
    return max(fitting, key=closeness)


def pending(registry: Registry, portfolio: Portfolio) -> ModelRecord | None:
    """The newest classifier that waits for a verdict under the portfolio's current description."""
    for record in registry.history():
        if (record.kind, record.status, record.portfolio_hash) == ("classifier", "candidate", portfolio.hash):
            return record
    return None


def load_encoder(version: ModelRecord, portfolio: Portfolio) -> "Encoder":
    """The registered encoder, verified. Raises: ArtifactError where it is not what was registered."""
    from loan_default_assets.model.training import Encoder

    model = _load(version, portfolio).model
    if not isinstance(model, Encoder):
        raise TypeError(f"{version.version} is registered as an encoder, its artefact is a classifier")
    return model


def load_classifier(version: ModelRecord, portfolio: Portfolio) -> "FittedModel":
    """The registered classifier, verified. Raises: ArtifactError where it is not what was registered."""
    return _load(version, portfolio).classifier()


def _load(version: ModelRecord, portfolio: Portfolio) -> "LoadedArtifact":
    from loan_default_assets.model import artifact

    path = Path(version.artifact_uri)
    return artifact.load(path, sha256=version.artifact_sha256, portfolio_hash=portfolio.hash)


def save(
    folder: Path,
    model: "FittedModel | Encoder",
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    extra: Mapping[str, Any] | None = None,
) -> "Saved":
    """The model in a folder of its own. Where the loans came from stays out of it: a URL may hold a password."""
    from loan_default_assets.model import artifact

    names = portfolio.features
    return artifact.save(
        folder,
        model,
        portfolio_hash=portfolio.hash,
        portfolio=portfolio.model_dump(mode="json", exclude={"source", "start", "end", "refresh"}),
        snapshot_hash=snapshot.digest,
        feature_names={"numbers": names.numerical, "categories": names.categorical},
        extra=extra,
    )


def register(registry: Registry, version: ModelRecord) -> ModelRecord:
    """The version as the registry has it now; to register it again changes nothing."""
    registry.register(version)
    return registry.get(version.version)


def same_training(
    registry: Registry,
    kind: str,
    snapshot: TrainingSnapshot,
    hyper_parameters: Mapping[str, Any],
    attempt: Attempt,
) -> ModelRecord | None:
    """A version that this very training made before: the same rows, settings and (numbered) attempt."""
    for record in registry.history():
        if (
            record.kind == kind
            and record.snapshot_hash == snapshot.digest
            and attempt.number in (0, record.attempt)
            and record.hyper_parameters == dict(hyper_parameters)
        ):
            return record
    return None


def attempt_number(
    registry: Registry, snapshot: TrainingSnapshot, parent: str | None, attempt: Attempt
) -> int:
    """The attempt's own number; an ordinary training takes the next one that is free for this champion and snapshot."""
    if attempt.number:
        return attempt.number
    made = (
        record.attempt
        for record in registry.history()
        if (record.kind, record.parent, record.snapshot_hash) == ("classifier", parent, snapshot.digest)
    )
    return max(made, default=0) + 1


def record(
    kind: Literal["encoder", "classifier"],
    saved: "Saved",
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    hyper_parameters: Mapping[str, Any],
    *,
    attempt: int = 1,
    parent: str | None = None,
    threshold: float | None = None,
    metrics: Mapping[str, float],
) -> ModelRecord:
    """A new version as the registry keeps it."""
    split = snapshot.split
    return ModelRecord(
        version=saved.version,
        kind=kind,
        parent=parent,
        portfolio_hash=portfolio.hash,
        snapshot_hash=snapshot.digest,
        attempt=attempt,
        hyper_parameters=dict(hyper_parameters),
        threshold=threshold,
        metrics=dict(metrics) | {"matured_labels": snapshot.matured},
        trained_from=split.trained_from,
        trained_to=split.trained_to,
        window_from=split.window_from,
        window_to=split.window_to,
        artifact_uri=str(saved.path),
        artifact_sha256=saved.sha256,
    )


def metadata(version: ModelRecord) -> dict[str, Any]:
    """A version for the asset's page."""
    return {
        "version": version.version,
        "artifact": version.artifact_uri,
        "sha256": version.artifact_sha256,
        "hyper_parameters": dg.MetadataValue.json(version.hyper_parameters),
    }


def epoch_line(epoch: "Epoch") -> str:
    """One line an epoch."""
    auc = "" if epoch.validation_auc is None else f", validation ROC-AUC {epoch.validation_auc:.4f}"
    return (
        f"{epoch.phase}: epoch {epoch.number} of {epoch.of}, loss {epoch.loss:.4f}{auc}, "
        f"about {epoch.seconds_left:.0f} s left"
    )


def curve(columns: Mapping[str, Sequence[float | None]]) -> dg.MetadataValue:
    """A table with a row an epoch."""
    names = list(columns)
    rows = [
        dg.TableRecord(
            {"epoch": number, **{n: v for n, v in zip(names, values, strict=True) if v is not None}}
        )
        for number, values in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    return dg.MetadataValue.table(
        records=rows,
        schema=dg.TableSchema([dg.TableColumn("epoch", "int"), *(dg.TableColumn(n, "float") for n in names)]),
    )
