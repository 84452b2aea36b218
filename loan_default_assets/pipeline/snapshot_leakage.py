"""The leakage assessment of a training snapshot, and the doubt that it leaves."""

from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    from loan_default_assets.model.leakage import LeakageAssessment


def assess_snapshot(
    portfolio: Portfolio, snapshot: TrainingSnapshot, limit: float, *, search: bool = True
) -> "LeakageAssessment":
    """The evidence on the features of a snapshot; for arguments and errors see `assess_leakage`.

    Training and validation rows are examined together: a column that knew the outcome in some years only may lie in
    either. Of several rows of a loan with the same outcome one is examined: a model would recognise the loan by the
    others, and every column would seem to know the outcome.
    """
    from loan_default_assets.model.leakage import assess_leakage
    from loan_default_assets.model.splits import one_row_per_loan

    split, as_of = snapshot.split, snapshot.rows.as_of
    fitted = np.sort(np.concatenate([split.train, split.validation]))
    fitted = fitted[one_row_per_loan(snapshot.rows.loan_id[fitted], snapshot.rows.label[fitted])]
    dated = not np.isnat(as_of).any()
    features = portfolio.features
    return assess_leakage(
        snapshot.select(fitted),
        features.cardinalities,
        (*features.numerical, *features.categorical),
        known_at_application=attested_features(portfolio),
        dates=[name for name, column in portfolio.columns.items() if column.kind == "date"],
        as_of=as_of[fitted] if dated else None,
        immature=snapshot.select(split.immature) if dated else None,
        immature_as_of=as_of[split.immature] if dated else None,
        other_weight=snapshot.sampling.other_weight() if snapshot.sampling else 1.0,
        limit=limit,
        search=search,
    )


def leakage_doubt(portfolio: Portfolio, snapshot: TrainingSnapshot) -> LeakageDoubt | None:
    """Why leakage is not excluded on the fitted rows although no feature is accused; None where it is.

    Attested features are not doubted.
    """
    from loan_default_assets.model.leakage_search import ORDINARY

    found = assess_snapshot(portfolio, snapshot, limit=0.0, search=False)
    if not found.suspicion:
        return None
    telling = tuple((entry.feature, entry.roc_auc_alone) for entry in found.most_telling)
    return LeakageDoubt(found.roc_auc_without, ORDINARY, telling)


def attested_features(portfolio: Portfolio) -> frozenset[str]:
    """Features that are attested as known at application.

    They are the columns under `known_at_application`, and what is derived from such columns alone. A generator draws
    the outcome from the features, so all features of a synthetic source are attested.
    """
    features = (*portfolio.features.numerical, *portfolio.features.categorical)
    if portfolio.source.kind == "synthetic":
        return frozenset(features)
    columns = set(portfolio.known_at_application)
    derived = {name for name, expression in portfolio.derived.items() if columns.issuperset(expression.names)}
    return frozenset(features) & (columns | derived)
