"""Whether near-perfect discrimination is carried by features that are attested as known at application."""

import numpy as np

from loan_default_assets.pipeline.snapshot_leakage import attested_features
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio


def discrimination_is_attested(portfolio: Portfolio, snapshot: TrainingSnapshot, ceiling: float) -> bool:
    """Whether the ROC-AUC of quick boosting without the attested features lies below the ceiling.

    It is measured out of fold on training and validation rows. False where no feature is attested.
    """
    from loan_default_assets.model.leakage import roc_auc_without

    names = (*portfolio.features.numerical, *portfolio.features.categorical)
    attested = attested_features(portfolio)
    if not attested:
        return False
    if attested.issuperset(names):
        return True
    fitted = np.sort(np.concatenate([snapshot.split.train, snapshot.split.validation]))
    cardinalities = portfolio.features.cardinalities
    return roc_auc_without(snapshot.select(fitted), cardinalities, names, attested) < ceiling
