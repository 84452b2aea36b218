"""The process that scores a challenger once before its promotion: not started, but where a test asks for it."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from loan_default_assets.model.smoke import smoke
from loan_default_assets.pipeline import model_evaluation


def _smoke_failure(folder: Path, sha256: str) -> str:
    """What the fresh process of an evaluation says, without its start."""
    try:
        return "" if math.isfinite(smoke(folder, sha256)) else "exit code 1"
    except Exception as error:  # noqa: BLE001 - as the process does
        return f"{type(error).__name__}: {error}"


_STARTED = model_evaluation._smoke_failure


@pytest.fixture(scope="session", autouse=True)
def smoke_in_this_process() -> Iterator[None]:
    """Evaluations score in the present process: another one imports torch again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_evaluation, "_smoke_failure", _smoke_failure)
        yield


@pytest.fixture
def smoke_in_fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluations of this test start the process, as the product does."""
    monkeypatch.setattr(model_evaluation, "_smoke_failure", _STARTED)
