"""A new head is fitted only on an intact champion of the configured shape; otherwise all of the model is trained."""

import logging
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.model.artifact_store import ArtifactCheck, ArtifactStore, RegisteredModel
from loan_default_assets.model.config import FORMER, ModelConfig
from loan_default_assets.pipeline.train_classifier import training_mode
from loan_default_assets.pipeline.training_settings import TrainingAttempt
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests.warehouse.samples import classifier

CONFIG = ModelConfig()
OF_0_1_0 = {name: value for name, value in CONFIG.as_dict().items() if name not in FORMER}


class AlwaysIntact(ArtifactStore):
    def check(self, model: RegisteredModel) -> ArtifactCheck:
        return ArtifactCheck(model.version, "intact", self.root / model.version)


LOG, EMPTY = logging.getLogger(__name__), ArtifactStore(Path("nowhere"), Path("nowhere"))
INTACT = AlwaysIntact(Path("nowhere"), Path("nowhere"))


def champion(hyper_parameters: dict[str, Any]) -> ModelRecord:
    return classifier("c1", hyper_parameters=hyper_parameters)


@pytest.mark.parametrize(
    ("present", "mode"),
    [
        (CONFIG.as_dict(), "head"),
        (CONFIG.as_dict() | {"learning_rate": 0.5, "teacher": 0.0}, "head"),
        (CONFIG.as_dict() | {"num_layers": 2}, "full"),
        (CONFIG.as_dict() | {"members": 5}, "full"),
        (OF_0_1_0, "full"),
    ],
)
def test_the_shape_of_the_champion_decides(present: dict[str, Any], mode: str) -> None:
    attempt = TrainingAttempt(number=1, mode="head")
    assert training_mode(attempt, champion(present), CONFIG, INTACT, LOG) == mode
    assert training_mode(TrainingAttempt(), champion(present), CONFIG, INTACT, LOG) == "full"
    assert training_mode(attempt, champion(present), CONFIG, EMPTY, LOG) == "full"


def test_without_a_champion_all_is_trained() -> None:
    attempt = TrainingAttempt(number=1, mode="head")
    assert training_mode(attempt, None, CONFIG, INTACT, LOG) == "full"
