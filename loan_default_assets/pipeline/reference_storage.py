"""The reference rows that a classifier is stored with: made after its training, read without the model."""

import json
from typing import TYPE_CHECKING

from loan_default_assets.pipeline.development_sample import development_sample
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.reference_rows import ReferenceRows
    from loan_default_assets.model.training import FittedModel


def reference_rows(portfolio: Portfolio, snapshot: TrainingSnapshot, model: "FittedModel") -> "ReferenceRows":
    """What later partitions are compared with: features of the training rows, PDs of the validation rows.

    A case-control sample of training rows does not have the features of its period; the validation rows, which are a
    uniform sample, then stand in for it.

    Args:
        model: As its training returned it.
    """
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.reference_rows import ReferenceRows

    names = portfolio.features
    development = development_sample(Predictor(model, "", {}), snapshot)
    return ReferenceRows.of(
        names.numerical,
        dict(zip(names.categorical, names.cardinalities, strict=True)),
        snapshot.select(snapshot.split.validation if snapshot.sampling else snapshot.split.train),
        development.pd,
        development.label,
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
