"""Files as people have them, written by our own code: each goes the whole way with the values that a user expects."""

from pathlib import Path

import pytest

from loan_default_assets_tests.cases.case_checks import check_case
from loan_default_assets_tests.cases.case_files import Case
from loan_default_assets_tests.cases.column_cases import COLUMN_CASES
from loan_default_assets_tests.cases.date_cases import DATE_CASES
from loan_default_assets_tests.cases.label_cases import LABEL_CASES
from loan_default_assets_tests.cases.layout_cases import LAYOUT_CASES
from loan_default_assets_tests.cases.missing_cases import MISSING_CASES
from loan_default_assets_tests.cases.number_cases import NUMBER_CASES
from loan_default_assets_tests.cases.typed_cases import TYPED_CASES

CASES = [
    *NUMBER_CASES,
    *DATE_CASES,
    *MISSING_CASES,
    *LAYOUT_CASES,
    *COLUMN_CASES,
    *LABEL_CASES,
    *TYPED_CASES,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_gives_the_expected_values(case: Case, tmp_path: Path, cases_url: str) -> None:
    check_case(case, tmp_path, cases_url)
