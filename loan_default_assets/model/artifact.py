"""A model as a folder of safetensors and JSON, named by its content; loading it executes nothing in it.

`<root>/<version>/` holds weights.safetensors, encoding.safetensors, model.json, portfolio.json and manifest.json; of a
classifier also validation.safetensors, and trees.safetensors and additive.safetensors where gradient boosting and an
additive model are members.
The manifest has the SHA-256 of the others, the artifact's SHA-256 is that of the manifest, and the version is c
(classifier) or e (encoder) and the first 12 digits of it. No file holds a time, so the same model gives the same
version. docs/decisions/no-pickle.md has the reasons.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.numpy
import safetensors.torch
from torch import Tensor

from loan_default_assets.model.additive_model import AdditiveModel
from loan_default_assets.model.artifact_files import (
    ADDITIVE,
    MANIFEST,
    TREES,
    VALIDATION,
    VERSION,
    ArtifactError,
    digest_of,
    intact,
    read,
    sweep,
    to_json,
    write,
)
from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.calibration import Calibration
from loan_default_assets.model.config import FORMER, ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.member_weights import Member
from loan_default_assets.model.training import Encoder, FittedModel
from loan_default_assets.model.training_loop import Epoch
from loan_default_assets.model.validation_scores import ValidationScores


@dataclass(frozen=True)
class SavedArtifact:
    """A model on disk.

    Attributes:
        version: Its version.
        sha256: Digest of the artifact.
        path: Its folder.
        uri: Where it can be found by others.
    """

    version: str
    sha256: str
    path: Path
    uri: str


@dataclass(frozen=True)
class LoadedArtifact:
    """A verified model and what is stored with it.

    Attributes:
        model: The classifier or encoder.
        version: Its version.
        sha256: Digest of the artifact.
        portfolio_hash: Hash of the portfolio it was trained under.
        portfolio: That portfolio.
        snapshot_hash: Hash of the training snapshot.
        feature_names: Under the keys `numbers` and `categories`, the numerical and the categorical features.
        extra: JSON values of the caller.
        reference: JSON values of the caller that describe the training data.
    """

    model: FittedModel | Encoder
    version: str
    sha256: str
    portfolio_hash: str
    portfolio: dict[str, Any]
    snapshot_hash: str
    feature_names: dict[str, tuple[str, ...]]
    extra: dict[str, Any]
    reference: dict[str, Any]

    def classifier(self) -> FittedModel:
        """The model where it is a classifier.

        Raises:
            ArtifactError: It is a bare encoder.
        """
        if isinstance(self.model, FittedModel):
            return self.model
        raise ArtifactError(
            f"{self.version} is a pretrained encoder and cannot score; use the version of a classifier (c...)"
        )


def save(
    folder: Path,
    model: FittedModel | Encoder,
    *,
    portfolio_hash: str,
    portfolio: Mapping[str, Any],
    snapshot_hash: str,
    feature_names: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    reference: Mapping[str, Any] | None = None,
) -> SavedArtifact:
    """Write `<folder>/<version>` in one rename; a version that exists is not written again.

    Args:
        folder: Root of the artifacts.
        model: The model.
        portfolio_hash: Hash of the portfolio it was trained under.
        portfolio: That portfolio as JSON values.
        snapshot_hash: Hash of the training snapshot.
        feature_names: Names of numerical and categorical features, under the keys `numbers` and `categories`.
        extra: JSON values of the caller; part of the version, as everything else is.
        reference: JSON values of the caller that describe the training data.

    Raises:
        ArtifactError: The folder cannot be written.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from loan_default_assets.model.rows import Rows
        >>> from loan_default_assets.model.training import pretrain
        >>> rows = Rows(np.ones((6, 3), np.float32), np.full((6, 2), 2, np.int16))
        >>> config = ModelConfig(num_layers=1, pretrain_epochs=0)
        >>> encoder = pretrain(rows, Encoding.fit(rows, (4, 4), config), config)
        >>> with tempfile.TemporaryDirectory() as root:
        ...     saved = save(Path(root), encoder, portfolio_hash="", portfolio={}, snapshot_hash="", feature_names={})
        ...     loaded = load(saved.path, sha256=saved.sha256)
        >>> saved.version == loaded.version, loaded.model.encoding.cardinalities
        (True, (4, 4))
    """
    details = {
        "kind": "classifier" if isinstance(model, FittedModel) else "encoder",
        "config": model.config.as_dict(),
        "portfolio_hash": portfolio_hash,
        "snapshot_hash": snapshot_hash,
        "feature_names": {kind: list(names) for kind, names in feature_names.items()},
        "extra": dict(extra or {}),
        "reference": dict(reference or {}),
        **(_classifier_details(model) if isinstance(model, FittedModel) else {"losses": list(model.losses)}),
    }
    files = {
        "weights.safetensors": safetensors.torch.save(_weights(model)),
        "encoding.safetensors": safetensors.numpy.save(model.encoding.arrays()),
        "model.json": to_json(details),
        "portfolio.json": to_json(dict(portfolio)),
    }
    if isinstance(model, FittedModel):
        parts = {TREES: model.trees, ADDITIVE: model.additive, VALIDATION: model.validation}
        files |= {name: safetensors.numpy.save(part.arrays()) for name, part in parts.items() if part}
    files[MANIFEST] = to_json({name: digest_of(content) for name, content in files.items()})
    digest = digest_of(files[MANIFEST])
    version = details["kind"][0] + digest[:12]
    target = folder / version
    try:
        sweep(folder)
        if not intact(target, digest):
            write(target, files)
    except OSError as error:
        raise ArtifactError(
            f"{target}: cannot be written ({error.strerror}); free disk space or set ARTIFACT_ROOT to another folder"
        ) from None
    return SavedArtifact(version, digest, target, str(target))


def load(path: Path | str, *, sha256: str | None = None, portfolio_hash: str | None = None) -> LoadedArtifact:
    """Read an artifact and verify every byte of it.

    Args:
        path: Folder of the artifact.
        sha256: Digest that it must have.
        portfolio_hash: Portfolio that the model must have been trained under.

    Raises:
        ArtifactError: The folder is missing, damaged, another version or of another portfolio.
    """
    path = Path(path)
    files = read(path)
    digest = digest_of(files[MANIFEST])
    if sha256 is not None and digest != sha256:
        raise ArtifactError(
            f"{path}: SHA-256 must be {sha256[:12]}.. as registered, got {digest[:12]}..; roll back or retrain",
            "replaced",
        )
    details = json.loads(files["model.json"])
    version = details["kind"][0] + digest[:12]
    if sha256 is None and VERSION.fullmatch(path.name) and path.name != version:
        raise ArtifactError(
            f"{path}: its content is version {version}: it was altered; roll back or retrain", "replaced"
        )
    if portfolio_hash is not None and details["portfolio_hash"] != portfolio_hash:
        raise ArtifactError(
            f"{path}: trained under portfolio {details['portfolio_hash'][:12]}.., the rows are of portfolio "
            f"{portfolio_hash[:12]}..; retrain"
        )
    return LoadedArtifact(
        model=_model(details, files),
        version=version,
        sha256=digest,
        portfolio_hash=details["portfolio_hash"],
        portfolio=json.loads(files["portfolio.json"]),
        snapshot_hash=details["snapshot_hash"],
        feature_names={kind: tuple(names) for kind, names in details["feature_names"].items()},
        extra=details["extra"],
        reference=details["reference"],
    )


def _weights(model: FittedModel | Encoder) -> dict[str, Tensor]:
    """Weights by name; those of several transformers begin with its number."""
    if isinstance(model, Encoder):
        return model.state
    if len(model.states) == 1:
        return model.states[0]
    return {
        f"{number}.{name}": value
        for number, state in enumerate(model.states)
        for name, value in state.items()
    }


def _states(weights: Mapping[str, Tensor], count: int) -> tuple[dict[str, Tensor], ...]:
    if count == 1:
        return (dict(weights),)
    states: tuple[dict[str, Tensor], ...] = tuple({} for _ in range(count))
    for numbered, value in weights.items():
        number, _, name = numbered.partition(".")
        states[int(number)][name] = value
    return states


def _classifier_details(model: FittedModel) -> dict[str, Any]:
    epochs = [
        [
            epoch.number,
            epoch.total,
            None if math.isnan(epoch.loss) else epoch.loss,
            epoch.validation_auc,
            epoch.member,
        ]
        for epoch in model.history
    ]
    return {
        "calibration": {"slope": model.calibration.slope, "offset": model.calibration.offset},
        "threshold": model.threshold,
        "epochs": epochs,
        "members": [asdict(member) for member in model.members],
    }


def _model(details: Mapping[str, Any], files: Mapping[str, bytes]) -> FittedModel | Encoder:
    config = ModelConfig.from_dict(FORMER | details["config"])
    encoding = Encoding.from_arrays(safetensors.numpy.load(files["encoding.safetensors"]))
    weights = safetensors.torch.load(files["weights.safetensors"])
    if details["kind"] == "encoder":
        return Encoder(config, encoding, weights, tuple(details["losses"]))
    # A model of a release without ensembles has one transformer, and epochs without a member.
    members = tuple(Member(**member) for member in details.get("members", [{"kind": "transformer"}]))
    history = tuple(
        Epoch("fit", number, total, math.nan if loss is None else loss, auc, 0.0, *member)
        for number, total, loss, auc, *member in details["epochs"]
    )
    kinds = {member.kind for member in members}
    trees = BoostedTrees.from_arrays(safetensors.numpy.load(files[TREES])) if "boosting" in kinds else None
    additive = (
        AdditiveModel.from_arrays(safetensors.numpy.load(files[ADDITIVE])) if "additive" in kinds else None
    )
    validation = (
        ValidationScores.from_arrays(safetensors.numpy.load(files[VALIDATION]))
        if VALIDATION in files
        else None
    )
    return FittedModel(
        config=config,
        encoding=encoding,
        states=_states(weights, sum(member.kind == "transformer" for member in members)),
        trees=trees,
        additive=additive,
        members=members,
        calibration=Calibration(**details["calibration"]),
        threshold=details["threshold"],
        history=history,
        validation=validation,
    )
