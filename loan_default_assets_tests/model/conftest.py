from collections.abc import Iterator

import pytest
import torch

from loan_default_assets.model import boosting, stacking, symmetric_boosting
from loan_default_assets.model.stacking import stratified_folds

MAX_ROUNDS = boosting.MAX_ROUNDS


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Several threads per process are slow while other processes use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def boosting_of_the_product(short_boosting: None) -> Iterator[None]:
    """As many trees and folds as the product fits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosting, "MAX_ROUNDS", MAX_ROUNDS)
        patch.setattr(symmetric_boosting, "MAX_ROUNDS", MAX_ROUNDS)
        patch.setattr(stacking, "stratified_folds", stratified_folds)
        yield
