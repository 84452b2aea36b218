"""The portfolio's calendar and Dagster's partitions name the same partitions."""

from datetime import date

import pytest

from loan_default_assets.orchestration.automation_conditions import conditions
from loan_default_assets.orchestration.partitions import completed_keys, partitions_of, with_history
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.settings import Settings
from loan_default_assets_tests import small_bank
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


@pytest.mark.parametrize(
    ("cadence", "stored", "first"),
    [
        ("daily", None, "2026-02-01"),
        ("daily", "2026-05-05", "2026-02-01"),
        ("daily", "2025-11-30", "2025-11-30"),
        ("daily", "2024-01-01", "2024-01-01"),
        ("weekly", None, "2026-01-26"),
        ("monthly", "2025-03-01", "2025-03-01"),
    ],
)
def test_a_generated_history_starts_with_its_rows(cadence: str, stored: str | None, first: str) -> None:
    today = date(2026, 9, 29)
    p = load("demo").model_copy(update={"cadence": cadence})
    shown = with_history(p, stored, today)
    assert partitions_of(shown).get_first_partition_key() == first
    assert shown.hash == p.hash
    # What a run loads without a request for an earlier day is shown.
    assert first <= completed_keys(p, None, None, today)[0]
    assert completed_keys(shown, None, None, today) == completed_keys(p, None, None, today)


def test_a_generated_history_that_has_ended_keeps_its_partitions() -> None:
    p = load("demo").model_copy(update={"end": date(2025, 3, 1)})
    keys = completed_keys(p, None, None, date(2026, 9, 29))
    assert (keys[0], keys[-1]) == ("2024-07-04", "2025-02-28")
    assert partitions_of(with_history(p, None, date(2026, 9, 29))).get_partition_keys() == keys


def test_the_history_of_a_source_with_rows_starts_on_its_start_date() -> None:
    p = Portfolio.model_validate(small_bank.DESCRIPTION)
    assert with_history(p, "2021-01-01", date(2026, 9, 29)) is p
