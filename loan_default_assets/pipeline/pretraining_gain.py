"""What contrastive pretraining adds to a classifier, against the same training from random weights."""

from dataclasses import replace
from typing import TYPE_CHECKING

from loan_default_assets.pipeline.training_settings import Parallelism
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot

if TYPE_CHECKING:
    from loan_default_assets.model.training import FittedModel


def pretraining_gain(model: "FittedModel", snapshot: TrainingSnapshot, parallelism: Parallelism) -> float:
    """ROC-AUC on the validation rows minus that of the same training whose transformers start from random weights.

    Both stop on these rows, and are measured by members that were not fitted on them. The evaluation window is not
    used.

    Args:
        model: As its training returned it.
        parallelism: How the transformers are fitted.
    """
    from loan_default_assets.model.training import fit, pretrain

    train = snapshot.select(snapshot.split.train)
    config = replace(model.config, pretrain_epochs=0)
    untrained = fit(
        pretrain(train, model.encoding, config),
        train,
        snapshot.select(snapshot.split.validation),
        config,
        processes=parallelism.processes,
        run_tasks=parallelism.run_tasks,
        prior_odds=snapshot.prior_odds,
    )
    return _roc_auc(model) - _roc_auc(untrained)


def _roc_auc(model: "FittedModel") -> float:
    from loan_default_assets.model.metrics import roc_auc

    scores = model.validation
    if scores is None:
        raise ValueError("the model must be as its training returns it, with scores of its validation rows")
    return roc_auc(scores.outcome, scores.log_odds)
