"""What contrastive pretraining adds to a classifier, against the same training from random weights."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.pipeline.training_settings import Parallelism
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot

if TYPE_CHECKING:
    from loan_default_assets.model.training import FittedModel


def pretraining_gain(model: "FittedModel", snapshot: TrainingSnapshot, parallelism: Parallelism) -> float:
    """ROC-AUC on the validation rows minus that of the same training whose transformers start from random weights.

    Both stop on these rows. The evaluation window is not used.

    Args:
        parallelism: How the transformers are fitted.
    """
    from loan_default_assets.model.metrics import roc_auc
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.training import fit, pretrain

    train = snapshot.select(snapshot.split.train)
    validation = snapshot.select(snapshot.split.validation)
    config = replace(model.config, pretrain_epochs=0)
    untrained = fit(
        pretrain(train, model.encoding, config),
        train,
        validation,
        config,
        processes=parallelism.processes,
        run_tasks=parallelism.run_tasks,
    )
    with_pretraining, without = (
        roc_auc(
            np.asarray(validation.label),
            Predictor(fitted, "", {}).predict(validation.numerical, validation.categorical).pd,
        )
        for fitted in (model, untrained)
    )
    return with_pretraining - without
