"""The portfolio's calendar and Dagster's partitions name the same partitions."""

from datetime import date

import pytest

from loan_default_assets.orchestration.automation_conditions import conditions
from loan_default_assets.orchestration.partitions import completed_keys, partitions_of
from loan_default_assets.settings import Settings
from loan_default_assets_tests.warehouse import samples

CADENCES = ("daily", "weekly", "monthly", "quarterly", "yearly")


@pytest.mark.parametrize("cadence", CADENCES)
def test_keys_agree_with_the_calendar(cadence: str) -> None:
    start, end = date(2019, 5, 17), date(2022, 2, 3)
    p = samples.portfolio().model_copy(update={"cadence": cadence, "start": start, "end": end})
    completed = completed_keys(p, start, None, date(2024, 1, 1))
    assert list(partitions_of(p).get_partition_keys()) == completed
    assert completed[0] == p.partition_of(start)
    assert all(p.partition_bounds(key)[1] <= end for key in completed)


@pytest.mark.parametrize("cadence", CADENCES)
def test_every_cadence_has_conditions(cadence: str) -> None:
    p = samples.portfolio().model_copy(update={"cadence": cadence, "refresh": "0 6 * * *"})
    assert set(conditions(p, Settings())) == {"raw_loans", "processed_features", "evaluation"}
