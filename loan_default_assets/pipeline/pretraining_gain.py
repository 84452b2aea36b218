"""What contrastive pretraining adds to a classifier, against the same training from random weights."""

from dataclasses import replace
from typing import TYPE_CHECKING

from loan_default_assets.pipeline.development_sample import validation_roc_auc
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
    return validation_roc_auc(model) - validation_roc_auc(untrained)
