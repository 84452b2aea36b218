from pathlib import Path

import numpy as np
import pytest

from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.model.splits import split
from loan_default_assets.pipeline.attestation import discrimination_is_attested
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets_tests import small_bank


def snapshot(portfolio: Portfolio) -> TrainingSnapshot:
    frame = small_bank.loans()
    as_of = frame["issued"].to_numpy("datetime64[D]")
    features = transform(portfolio, frame, as_of)
    rows = LoanRows(
        partition_key=as_of.astype(str),
        loan_id=frame["loan"].to_numpy(),
        as_of=as_of,
        numerical=features.numerical,
        categorical=features.categorical,
        label=frame["defaulted"].to_numpy(np.int8),
        label_observed_at=as_of,
    )
    parts = split(rows.as_of, rows.loan_id, rows.label, rows.label_observed_at, None, SplitLimits(300, 30))
    return TrainingSnapshot(rows, parts, None, rows.digest())


@pytest.mark.parametrize(
    ("attested", "expected"),
    [
        ([], False),
        (["income", "amount"], False),
        (["income", "amount", "collected"], True),
        (["collected"], True),
    ],
)
def test_near_perfect_discrimination_needs_the_attestation_of_what_carries_it(
    tmp_path: Path, attested: list[str], expected: bool
) -> None:
    portfolio = small_bank.bank(tmp_path, known_after_outcome=[], known_at_application=attested)
    assert discrimination_is_attested(portfolio, snapshot(portfolio), ceiling=0.985) is expected
