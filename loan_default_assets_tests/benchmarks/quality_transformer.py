"""The chain's own encoding, pretraining, fine-tuning, calibration and threshold, as a model of the comparison."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.rows import concatenate
from loan_default_assets.model.training import fit, pretrain
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import FittedScores


def fit_transformer(data: QualitySet, settings: Mapping[str, Any], seed: int) -> Callable[[], FittedScores]:
    """Encode, pretrain, fine-tune and calibrate as the chain does.

    Returns:
        What scores validation and window rows.
    """
    config = ModelConfig.from_dict(settings).with_seed(seed)
    hidden = np.full(len(data.unlabelled), -1, np.int8)
    encoding = Encoding.fit(data.train, data.cardinalities, config)
    encoder = pretrain(concatenate([data.train, replace(data.unlabelled, label=hidden)]), encoding, config)
    model = fit(encoder, data.train, data.validation, config)

    def scores() -> FittedScores:
        # The model itself is fitted on validation rows too.
        assert model.validation is not None
        validation = model.calibration.probability(model.validation.log_odds)
        window = Predictor(model, "benchmark", {}).predict(data.window.numerical, data.window.categorical).pd
        return FittedScores(validation, window, model.threshold)

    return scores
