"""Years, codes and identifiers have no separators; amounts, counts and durations have."""

import pytest

from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.ungrouped_numbers import is_ungrouped


@pytest.mark.parametrize(
    "name",
    [
        "build_year",
        "yearBuilt",
        "ConstructionYear",
        "yr_built",
        "FY",
        "vintage",
        "model_year",
        "설립연도",
        "차량년도",
        "zip",
        "ZipCode",
        "postal_code",
        "branch_code",
        "naics",
        "customer_id",
        "account_number",
        "loan_no",
        "고객번호",
        "지점코드",
    ],
)
def test_years_codes_and_identifiers_are_ungrouped(name: str) -> None:
    assert is_ungrouped(name, Column(kind="number"))
    assert not is_ungrouped(name, Column(kind="number", unit="USD"))
    assert not is_ungrouped(name, Column(kind="category", values=("1", "2")))


@pytest.mark.parametrize(
    "name",
    [
        "loan_amount",
        "income_per_year",
        "income_a_year",
        "annual_income",
        "years_employed",
        "employment_years",
        "num_accounts",
        "number_of_loans",
        "term_months",
        "대출금액",
        "연소득",
    ],
)
def test_quantities_are_grouped(name: str) -> None:
    assert not is_ungrouped(name, Column(kind="number"))


@pytest.mark.parametrize(
    ("low", "high", "ungrouped"),
    [
        (1900, 2030, True),
        (1900, None, True),
        (None, 2030, True),
        (0, 40, False),
        (0, None, False),
        (1900, 9999, False),
    ],
)
def test_a_year_lies_within_calendars(low: float | None, high: float | None, ungrouped: bool) -> None:
    assert is_ungrouped("year", Column(kind="number", min=low, max=high)) == ungrouped
    assert is_ungrouped("year", Column(kind="number", min=low, max=high, unit="year")) == ungrouped
