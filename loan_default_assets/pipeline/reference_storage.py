"""The reference rows that a classifier is stored with: made after its training, read without the model."""

import json
from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.reference_rows import ReferenceRows
    from loan_default_assets.model.training import FittedModel

# More validation rows would cost the time of scoring them, and make no limit visibly lower.
VALIDATION_ROWS = 5_000


def reference_rows(portfolio: Portfolio, snapshot: TrainingSnapshot, model: "FittedModel") -> "ReferenceRows":
    """What later partitions are compared with: features of the training rows, PDs of the validation rows.

    A case-control sample of training rows does not have the features of its period; the validation rows, which are a
    uniform sample, then stand in for it.
    """
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.reference_rows import ReferenceRows

    names = portfolio.features
    validation = snapshot.split.validation
    if len(validation) > VALIDATION_ROWS:
        chosen = np.random.default_rng(0).choice(len(validation), VALIDATION_ROWS, replace=False)
        validation = validation[np.sort(chosen)]
    scored = snapshot.select(validation)
    return ReferenceRows.of(
        names.numerical,
        dict(zip(names.categorical, names.cardinalities, strict=True)),
        snapshot.select(snapshot.split.validation if snapshot.sampling else snapshot.split.train),
        Predictor(model, "", {}).predict(scored.numerical, scored.categorical).pd,
        snapshot.rows.label[validation],
        model.threshold,
    )


def stored_reference(record: ModelRecord, store: "ArtifactStore") -> "ReferenceRows | None":
    """The reference rows in the verified files of a version; None for a model of a release that kept none.

    Raises:
        ArtifactError: No intact files of this version are found.
        ArtifactRootError: The root of the artifacts cannot be reached or refuses.
    """
    from loan_default_assets.model.reference_rows import ReferenceRows

    details = json.loads((store.folder(record) / "model.json").read_bytes())
    return ReferenceRows.from_dict(details["reference"]) if details["reference"] else None
