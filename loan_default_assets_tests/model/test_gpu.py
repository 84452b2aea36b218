"""Training on a GPU: the same function as on a CPU, and a model that a CPU serves."""

import numpy as np
import pytest
import torch

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.fine_tuning import blockwise
from loan_default_assets.model.network import Classifier
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import fit, pretrain

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")


def _loans(rows: int) -> Rows:
    rng = np.random.default_rng(0)
    numerical = rng.normal(size=(rows, 5)).astype(np.float32)
    numerical[::7, 1] = np.nan
    categorical = rng.integers(2, 6, (rows, 3)).astype(np.int16)
    label = numerical[:, 0] + (categorical[:, 0] == 3) > 0.8
    return Rows(numerical, categorical, label.astype(np.int8))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_network_is_the_same_function_on_both_devices(activation: str) -> None:
    rows = _loans(700)
    config = ModelConfig.from_dict({"activation": activation})
    encoding = Encoding.fit(rows, [6, 6, 6], config)
    data = encoding.transform(rows.numerical, rows.categorical)
    model = Classifier(encoding, config)
    on_cpu = blockwise(model, data)
    on_gpu = blockwise(model.to("cuda"), data.to(torch.device("cuda"))).cpu()
    torch.testing.assert_close(on_gpu, on_cpu, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"view": "scarf", "reconstruction_weight": 1.0, "target_weight": 1.0},
        {"frozen_epochs": 1, "attention_dropout": 0.1},
        {"bins": 0, "token_width": 0, "weight_average": 0.0, "schedule": "constant"},
    ],
    ids=["defaults", "all terms of pretraining", "frozen first", "without options"],
)
def test_a_model_trained_on_a_gpu_is_scored_on_a_cpu(settings: dict[str, object]) -> None:
    rows, validation = _loans(2000), _loans(2600).take(np.arange(2000, 2600))
    config = ModelConfig.from_dict(
        {"num_layers": 2, "members": 2, "max_epochs": 3, "device": "cuda", **settings}
    )
    encoding = Encoding.fit(rows, [6, 6, 6], config)
    model = fit(pretrain(rows, encoding, config), rows, validation, config)
    assert {tensor.device.type for state in model.states for tensor in state.values()} == {"cpu"}
    predicted = Predictor(model, "test", {}).predict(validation.numerical, validation.categorical)
    defaults = validation.outcome()
    assert predicted.pd[defaults == 1].mean() > predicted.pd[defaults == 0].mean() + 0.3
    assert all(np.isfinite(epoch.loss) for epoch in model.history)
