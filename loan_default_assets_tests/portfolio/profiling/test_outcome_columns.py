"""Columns that hold an outcome beside the label, and those that only sound like it."""

from collections import Counter

import pytest

from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.outcome_columns import holds_outcome


def column(counts: dict[str, int], empty: int = 0) -> ColumnProfile:
    return ColumnProfile(rows=sum(counts.values()) + empty, counts=Counter(counts), empty=empty)


ANSWERS = column({"Yes": 4, "No": 96})
STATUSES = column({"Charged Off": 4, "Fully Paid": 96})
OUTCOMES = (
    "Bankrupt?", "Settled?", "Charged off?", "defaulted", "is_default", "Default", "loan_default_flag", "Defaulted Y/N",
    "foreclosed", "repossessed", "written_off", "WrittenOff", "bankruptcy", "npl_flag", "late", "delinquent",
    "fully_paid", "not.fully.paid", "loan_paid_back", "default payment next month", "SeriousDlqin2yrs", "default_12m",
    "delinquent_within_12_months", "target", "label", "bad", "ausgefallen", "in_collections", "unpaid", "부도여부",
    "부실여부", "연체여부", "파산여부", "대출상환여부", "상각",
)  # fmt: skip
LEGITIMATE = (
    "previous_default", "default_history", "prior_bankruptcy", "bankruptcies_before_application",
    "cb_person_default_on_file", "has_defaulted_before", "ever_bankrupt", "existing_default", "Credit_History",
    "current_account", "paid_by_debit", "late_fee_waived", "loss_payee", "co_applicant_default", "spouse_default",
    "past_due_before", "public_record_bankruptcy", "bankruptcy_last_7y", "delinq_2yrs", "late_12m",
    "default_last_12_months", "credit_in_default_elsewhere", "previous_loan_paid", "closed_accounts", "approved",
    "owns_car", "loan", "income_verified", "high_risk_region", "과거연체여부", "기대출연체여부", "타행부도여부",
    "연체이력여부",
)  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_column_that_names_an_outcome_and_answers_it_is_one(name: str) -> None:
    assert holds_outcome(name, ANSWERS)


@pytest.mark.parametrize("name", LEGITIMATE)
def test_a_column_of_another_time_loan_or_person_is_none(name: str) -> None:
    assert not holds_outcome(name, ANSWERS)


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("loan_status", True),
        ("Payment Status", True),
        ("final result", True),
        ("계좌상태", True),
        ("previous_loan_status", False),
        ("credit_history_status", False),
        ("status_at_application", False),
        ("purpose", False),
    ],
)
def test_a_status_that_says_how_the_loan_ended_is_an_outcome(name: str, holds: bool) -> None:
    assert holds_outcome(name, STATUSES) == holds


@pytest.mark.parametrize(
    ("counts", "empty", "holds"),
    [
        ({"1": 4, "0": 96}, 0, True),
        ({"1.0": 4, "0.0": 96}, 0, True),
        ({"Y": 4}, 96, True),
        ({"Y": 100}, 0, False),
        ({"bankrupt": 4, "performing": 96}, 0, True),
        ({"2019-01-01": 4, "2019-02-01": 96}, 0, False),
        ({"0": 90, "1": 8, "2": 2}, 0, False),
        ({"high": 4, "low": 96}, 0, False),
        ({}, 100, False),
    ],
)
def test_the_values_must_answer_the_name(counts: dict[str, int], empty: int, holds: bool) -> None:
    assert holds_outcome("Bankrupt?", column(counts, empty)) == holds
