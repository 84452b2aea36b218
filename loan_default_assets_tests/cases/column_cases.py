"""Names of columns and of files, and identifiers: every draft is accepted by `run`, and no digit is lost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loan_default_assets_tests.cases.case_files import DATED, Case, column_case, file, loans, text_of

_THREE = loans(rate=[f"{n}.5" for n in range(20)])
_LONG = "amount of the loan in US dollars as stated in the application of the borrower"
_KOREAN_LONG = "대출신청시점기준고객신고연소득금액원화환산값"


def _named(
    name: str, first: str, second: str, third: str, *, into: Sequence[str] | None = None, **expected: Any
) -> Case:
    """Loans whose columns amount, purpose and rate have other names; `into`: their names in the portfolio."""
    given = ["id", "issued", first, second, third, "bad"]
    amount, purpose, rate = into or (first, second, third)
    cells = {amount: {1: 1000.0, 2: 1137.0}, purpose: {1: "car"}, rate: {1: 0.5, 2: 1.5}}
    uses = {amount: "number", purpose: "category", rate: "number"}
    return Case(name, file(text_of(_THREE, given)), uses=uses, cells=cells, **expected)


def _keys(name: str, written: list[str], keys: list[str]) -> Case:
    cells = {"loan_id": dict(enumerate(keys, start=1))}
    return Case(name, file(text_of(loans(len(written), id=written))), uses={"id": "key"}, cells=cells)


_NUMBERS = range(100_001, 100_061)

COLUMN_CASES = [
    _named(
        "dup_cols",
        "rate",
        "purpose",
        "rate",
        into=("rate", "purpose", "rate.1"),
        said=["occurs more than once"],
    ),
    _named(
        "cols_newline", "Loan\nAmount (USD)", "purpose", "rate", into=("Loan Amount (USD)", "purpose", "rate")
    ),
    _named(
        "cols_blank", "", "purpose", " ", into=("unnamed_3", "purpose", "unnamed_5"), said=["has no name"]
    ),
    _named("cols_korean", "대출금액", "용도", "금리(%)"),
    _named(
        "cols_long",
        _LONG,
        "purpose",
        _LONG + "!",
        into=(_LONG[:63], "purpose", _LONG[:61] + "_2"),
        said=["source_name"],
    ),
    _named("cols_long_korean", _KOREAN_LONG, "purpose", "rate", into=(_KOREAN_LONG[:21], "purpose", "rate")),
    _named("cols_case", "Rate", "purpose", "rate", into=("Rate", "purpose", "rate_2")),
    _named("cols_blanks_differ", "loan amount", "purpose", "loan  amount"),
    _named("cols_sql_words", "select", "user", "order"),
    _named(
        "cols_reserved",
        "label",
        "as_of",
        "label_observed_at",
        into=("label_in_file", "as_of_in_file", "label_observed_at_in_file"),
    ),
    _named(
        "cols_system", "xmin", "ctid", "tableoid", into=("xmin_in_file", "ctid_in_file", "tableoid_in_file")
    ),
    _named("cols_yaml_words", "yes", "null", "1.0"),
    _named("cols_signs", "a:b", 'a"b', "a%b"),
    _named("cols_pydantic", "model_config", "__class__", "f1"),
    _named("cols_years", "2019", "2020", "2021"),
    Case(
        "cols_reserved2",
        file(text_of(loans(loan_id=[f"X{n}" for n in range(60)], label=["x"]))),
        uses={"loan_id": "ignored", "label": "ignored"},
    ),
    Case(
        "cols_empty_last", file(text_of(loans()).replace("\n", ",\n")), uses={"amount": "number"}, source={}
    ),
    Case(
        "unnamed_index",
        file(text_of({"": [str(n + 1) for n in range(60)], **loans(id=None)})),
        replace(DATED, key=None),
        uses={"unnamed_1": "ignored"},
        said=["row number"],
    ),
    Case("name_dagster", file(text_of(loans()), "dagster.csv"), portfolio_name="loans_dagster"),
    Case("name_public", file(text_of(loans()), "public.csv"), portfolio_name="loans_public"),
    Case("name_pg", file(text_of(loans()), "pg_loans.csv"), portfolio_name="loans_pg_loans"),
    Case("name_korean", file(text_of(loans()), "대출 2018.csv"), portfolio_name="loans_2018"),
    _keys("key_zeros", [f"{n:08d}" for n in _NUMBERS], [f"{n:08d}" for n in _NUMBERS]),
    _keys(
        "key_long",
        [str(1234567890123450000 + n) for n in _NUMBERS],
        [str(1234567890123450000 + n) for n in _NUMBERS],
    ),
    _keys("ids_float", [f"{n}.0" for n in _NUMBERS], [str(n) for n in _NUMBERS]),
    _keys("key_scientific", [f"{n / 1e5:.5f}E+05" for n in _NUMBERS], [str(n) for n in _NUMBERS]),
    _keys(
        "key_marked_as_text",
        [f'="{n:08d}"' if n % 2 else f"'{n:08d}" for n in _NUMBERS],
        [f"{n:08d}" for n in _NUMBERS],
    ),
    Case(
        "key_lost_digits",
        file(text_of(loans(id=[f"1.{n:02d}E+15" for n in range(60)]))),
        violations=["column id: an identifier written as a number that has lost digits: 60 cells"],
    ),
    column_case(
        "big_account",
        "account",
        {str(1234567890123450000 + n): None for n in range(60)},
        "ignored",
        said=["an identifier"],
    ),
    # A name that says account, application or main income does not make an identifier or an address of an amount.
    *(
        column_case(
            f"amount_named_{number}",
            name,
            {str(20_000 + 977 * n): 20_000.0 + 977 * n for n in range(60)},
            "number",
        )
        for number, name in enumerate(
            ["account_balance", "계좌잔액", "대출신청금액", "주소득", "months_at_address"], start=1
        )
    ),
    column_case(
        "account_scientific",
        "account",
        {f"1.{n:02d}E+15": None for n in range(60)},
        "ignored",
        said=["an identifier"],
    ),
    Case(
        "personal_data",
        file(text_of(loans(email=[f"p{n}@bank.example" for n in range(60)]))),
        uses={"email": "ignored"},
        said=["personal data"],
    ),
    Case(
        "key_repeats",
        file(text_of(loans(id=[f"K{n // 2}" for n in range(60)], issued=["2018-01-01"]))),
        said=["does not identify the rows"],
        uses={"id": "ignored"},
    ),
    Case(
        "bad_key_row",
        file(text_of(loans(id=[*(f"K{n}" for n in range(59)), " "]))),
        violations=["column loan_id: must be not missing; fails on 1 row: 60"],
    ),
]
