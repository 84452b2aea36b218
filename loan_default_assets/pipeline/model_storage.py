"""Registered models: writing, registering and loading their artifacts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import EXPLAINED_BY, Portfolio
from loan_default_assets.warehouse.registry import ModelRecord, Registry

_NOT_STORED: dict[str, Any] = {
    **dict.fromkeys(
        ("source", "start", "end", "refresh", "segments", "economics", "categories", "documentation"), True
    ),
    "columns": {"__all__": set(EXPLAINED_BY)},
}

if TYPE_CHECKING:
    from loan_default_assets.model.artifact import LoadedArtifact, SavedArtifact
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.reference_rows import ReferenceRows
    from loan_default_assets.model.training import Encoder, FittedModel


def load_encoder(record: ModelRecord, portfolio: Portfolio, store: "ArtifactStore") -> "Encoder":
    """The registered encoder, verified.

    Raises:
        ArtifactError: No intact files of this version are found.
    """
    from loan_default_assets.model.training import Encoder

    model = _load(record, portfolio, store).model
    if not isinstance(model, Encoder):
        raise TypeError(f"{record.version} is registered as an encoder, its artifact is a classifier")
    return model


def load_classifier(record: ModelRecord, portfolio: Portfolio, store: "ArtifactStore") -> "FittedModel":
    """The registered classifier, verified.

    Raises:
        ArtifactError: No intact files of this version are found, or it is an encoder.
    """
    return _load(record, portfolio, store).classifier()


def load_predictor(record: ModelRecord, portfolio: Portfolio, store: "ArtifactStore") -> "Predictor":
    """The registered classifier as it scores, verified.

    Raises:
        ArtifactError: No intact files of this version are found, it is an encoder, or its signature is not accepted.
    """
    from loan_default_assets.model.predictor import Predictor

    return Predictor.from_artifact(
        store.check_served(record).required().path,
        sha256=record.artifact_sha256,
        portfolio_hash=portfolio.hash,
        reason_texts=portfolio.reason_texts(),
    )


def save(
    folder: Path,
    model: "FittedModel | Encoder",
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    extra: Mapping[str, Any] | None = None,
    reference: "ReferenceRows | None" = None,
) -> "SavedArtifact":
    """Write the model to a folder of its own under `folder`.

    The portfolio's source is omitted from the artifact: a URL may contain a password. So is what only reports use: it
    may change without another model.

    Raises:
        ArtifactError: The folder cannot be written.
    """
    from loan_default_assets.model import artifact

    names = portfolio.features
    return artifact.save(
        folder,
        model,
        portfolio_hash=portfolio.hash,
        portfolio=portfolio.model_dump(mode="json", exclude=_NOT_STORED),
        snapshot_hash=snapshot.digest,
        feature_names={"numbers": names.numerical, "categories": names.categorical},
        extra={**(extra or {}), **({"sampling": snapshot.sampling.as_dict()} if snapshot.sampling else {})},
        reference=reference.as_dict() if reference else None,
    )


def register(
    registry: Registry,
    kind: Literal["encoder", "classifier"],
    saved: "SavedArtifact",
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    hyper_parameters: Mapping[str, Any],
    *,
    attempt: int = 1,
    parent: str | None = None,
    threshold: float | None = None,
    metrics: Mapping[str, float],
) -> ModelRecord:
    """Register a saved model; repeating it changes nothing.

    Returns:
        The version as the registry holds it now.

    Raises:
        RegistryError: The version is registered with other content, or the attempt belongs to another version.
    """
    split = snapshot.split
    registry.register(
        ModelRecord(
            version=saved.version,
            kind=kind,
            parent=parent,
            portfolio_hash=portfolio.hash,
            snapshot_hash=snapshot.digest,
            attempt=attempt,
            hyper_parameters=dict(hyper_parameters),
            threshold=threshold,
            metrics={**metrics, **_row_counts(snapshot)},
            trained_from=split.trained_from,
            trained_to=split.trained_to,
            window_from=split.window_from,
            window_to=split.window_to,
            artifact_uri=saved.uri,
            artifact_sha256=saved.sha256,
        )
    )
    return registry.get(saved.version)


def _row_counts(snapshot: TrainingSnapshot) -> dict[str, float]:
    counts: dict[str, float] = {"matured_labels": snapshot.matured}
    if snapshot.sampling is not None:
        counts["rows_before_sampling"] = snapshot.sampling.rows(before=True)
        counts["sampled_rows"] = snapshot.sampling.rows()
    return counts


def _load(record: ModelRecord, portfolio: Portfolio, store: "ArtifactStore") -> "LoadedArtifact":
    from loan_default_assets.model import artifact

    return artifact.load(store.folder(record), sha256=record.artifact_sha256, portfolio_hash=portfolio.hash)
