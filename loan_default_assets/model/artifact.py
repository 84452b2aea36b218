"""A model as a folder of safetensors and JSON, named by its content; nothing in it is executed when it is loaded.

`<root>/<version>/` holds weights.safetensors, encoding.safetensors, model.json, portfolio.json and manifest.json.
The manifest has the SHA-256 of the others, the artefact's SHA-256 is that of the manifest, and the version is the
kind's letter and the first 12 digits of it. No times inside: the same model gives the same version.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.numpy
import safetensors.torch

from loan_default_assets.model.artifact_files import (
    MANIFEST,
    ArtifactError,
    digest_of,
    intact,
    read,
    sweep,
    to_json,
    write,
)
from loan_default_assets.model.calibration import Calibration
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.loop import Epoch
from loan_default_assets.model.training import Encoder, FittedModel

VERSION = re.compile(r"[ce][0-9a-f]{12}")


@dataclass(frozen=True)
class Saved:
    """Where a model lies, and the digest that proves it."""

    version: str
    sha256: str
    path: Path


@dataclass(frozen=True)
class LoadedArtifact:
    """A verified model and what was stored with it; `feature_names` has the keys numbers and categories."""

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
        """The model, when it is one that scores. Raises ArtifactError for a bare encoder."""
        if isinstance(self.model, FittedModel):
            return self.model
        raise ArtifactError(
            f"{self.version} is a pretrained encoder, which scores nothing; name a classifier"
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
) -> Saved:
    """Write `<folder>/<version>` in one rename; the same model is written once. Raises ArtifactError.

    `extra` and `reference` are JSON values of the caller, stored as they are: they count into the version.
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
        "weights.safetensors": safetensors.torch.save(model.state),
        "encoding.safetensors": safetensors.numpy.save(model.encoding.arrays()),
        "model.json": to_json(details),
        "portfolio.json": to_json(dict(portfolio)),
    }
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
            f"{target}: cannot be written ({error.strerror}); free space or set ARTIFACT_ROOT to another folder"
        ) from error
    return Saved(version, digest, target)


def load(path: Path | str, *, sha256: str | None = None, portfolio_hash: str | None = None) -> LoadedArtifact:
    """Read a model folder and verify every byte of it. Raises ArtifactError.

    `sha256` is the digest it must have, `portfolio_hash` the portfolio it must have been trained under.
    """
    path = Path(path)
    files = read(path)
    digest = digest_of(files[MANIFEST])
    if sha256 is not None and digest != sha256:
        raise ArtifactError(
            f"{path}: SHA-256 is {digest[:12]}.., {sha256[:12]}.. is registered; roll back or retrain"
        )
    details = json.loads(files["model.json"])
    version = details["kind"][0] + digest[:12]
    if VERSION.fullmatch(path.name) and path.name != version:
        raise ArtifactError(f"{path}: its content is version {version}; it was altered, roll back or retrain")
    if portfolio_hash is not None and details["portfolio_hash"] != portfolio_hash:
        raise ArtifactError(
            f"{path}: trained under portfolio {details['portfolio_hash'][:12]}.., the rows are made under "
            f"{portfolio_hash[:12]}..; retrain it"
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


def weights_sha256(path: Path | str) -> str:
    """The digest of the weights alone, as the manifest has it. Raises ArtifactError."""
    return str(json.loads(read(Path(path))[MANIFEST])["weights.safetensors"])


def _classifier_details(model: FittedModel) -> dict[str, Any]:
    epochs = [
        [epoch.number, epoch.of, None if math.isnan(epoch.loss) else epoch.loss, epoch.validation_auc]
        for epoch in model.history
    ]
    calibration = {"slope": model.calibration.slope, "offset": model.calibration.offset}
    return {"calibration": calibration, "threshold": model.threshold, "epochs": epochs}


def _model(details: Mapping[str, Any], files: Mapping[str, bytes]) -> FittedModel | Encoder:
    config = ModelConfig.from_dict(details["config"])
    encoding = Encoding.from_arrays(safetensors.numpy.load(files["encoding.safetensors"]))
    state = safetensors.torch.load(files["weights.safetensors"])
    if details["kind"] == "encoder":
        return Encoder(config, encoding, state, tuple(details["losses"]))
    history = tuple(
        Epoch("fit", number, of, math.nan if loss is None else loss, auc, 0.0)
        for number, of, loss, auc in details["epochs"]
    )
    calibration = Calibration(**details["calibration"])
    return FittedModel(config, encoding, state, calibration, details["threshold"], history)
