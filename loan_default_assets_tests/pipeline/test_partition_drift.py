"""What check and alert say of a partition that drifts: features by their text and their column."""

import pytest

from loan_default_assets.pipeline.partition_drift import describe_check, result_of
from loan_default_assets.warehouse.drift_log import DriftCheck, StoredPsi
from loan_default_assets_tests.bento.small_portfolio import portfolio

INCOME, CHILDREN = StoredPsi("income", 0.9, 0.3, "red"), StoredPsi("children", 0.2, 0.15, "amber")
STABLE, SCORE = StoredPsi("income", 0.02, 0.3, "green"), StoredPsi("pd", 0.4, 0.3, "red")


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (
            DriftCheck("2", "2", 80, (INCOME, CHILDREN), SCORE),
            "partition 2 (80 rows): drift of Income (income) PSI 0.900 (limit 0.300), score (PD) PSI 0.400 (limit "
            "0.300), children PSI 0.200 (limit 0.150)",
        ),
        (DriftCheck("2", "1", 80, ()), "partition 2, pooled from 1 on (80 rows): too few rows to compare"),
        (
            DriftCheck("2", "2", 80, (STABLE,)),
            "partition 2 (80 rows): no feature drifted; in so few rows a PSI up to 0.300 may be chance",
        ),
    ],
)
def test_a_partition_is_described_by_the_texts_of_its_features(check: DriftCheck, text: str) -> None:
    assert describe_check(check, portfolio()) == text
    assert result_of([check], portfolio()).description == text


def test_drift_of_the_score_alone_does_not_fail_the_check_of_the_features() -> None:
    assert result_of([DriftCheck("2", "2", 80, (STABLE,), SCORE)], portfolio()).passed
    assert not result_of([DriftCheck("2", "2", 80, (INCOME,))], portfolio()).passed
