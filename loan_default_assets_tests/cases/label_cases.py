"""The label: the default by words, codes, thresholds and statuses, and questions instead of guesses."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loan_default_assets_tests.cases.case_files import DATED, UNDATED, Case, column_case, file, loans, text_of


def _label(
    name: str,
    column: str,
    default: Mapping[str, float | None],
    *,
    positive: tuple[str, ...] = (),
    **expected: Any,
) -> Case:
    """A label whose first text stands in every seventh row; each text with the outcome that it is."""
    first, *others = default
    texts = [first if n % 7 == 0 else others[n % len(others)] for n in range(60)]
    cells = {row: default[text] for row, text in enumerate(texts, start=1)}
    columns = loans(**({"bad": None} | {column: texts}))
    request = replace(DATED, label=column, positive=positive)
    return Case(
        name, file(text_of(columns)), request, uses={column: "label"}, cells={"label": cells}, **expected
    )


_CODES = {"2": 1.0, "1": 0.0}
_STATUSES = {
    "Charged Off": 1.0, "Fully Paid": 0.0, "Current": None, "Late (31-120 days)": None, "In Grace Period": None,
}  # fmt: skip

LABEL_CASES = [
    _label(
        "german_12",
        "credit_risk",
        _CODES,
        refused=["default = 2 (15.0 %", "default = 1 (85.0 %", "--positive VALUE"],
    ),
    _label(
        "german_12_answered", "credit_risk", _CODES, positive=("2",), said=["default = 2 (15.0 % of loans)"]
    ),
    _label("label_paid_back", "loan_paid_back", {"0": 1.0, "1": 0.0}, said=["default = 0 (15.0 % of loans)"]),
    _label(
        "label_unknown_word", "bad", {"1": 1.0, "0": 0.0, "unknown": None}, said=["without an outcome yet"]
    ),
    _label(
        "lc_status_iso", "loan_status", _STATUSES, said=["default = Charged Off", "without an outcome yet"]
    ),
    _label("label_korean", "상태", {"부도": 1.0, "상환": 0.0, "진행중": None}),
    _label("label_korean_have", "연체사실", {"있음": 1.0, "없음": 0.0}),
    _label("label_truth", "defaulted", {"TRUE": 1.0, "FALSE": 0.0}),
    _label("label_letters", "default", {"Y": 1.0, "N": 0.0}),
    _label("label_floats", "bad", {"1.0": 1.0, "0.0": 0.0}),
    _label("label_repaid", "Repaid", {"No": 1.0, "Yes": 0.0}, said=["default = No"]),
    _label(
        "label_minus", "class", {"-1": 1.0, "1": 0.0}, refused=["default = -1 (15.0 %", "--positive VALUE"]
    ),
    _label("label_comma", "state", {"Late, 90+": 1.0, "Paid": 0.0}, positive=("Late, 90+",)),
    _label(
        "label_dpd",
        "days_past_due",
        {"95": 1.0, "0": 0.0, "31": 0.0, "12": 0.0, "61": 0.0, "89.5": 0.0},
        said=["days_past_due >= 90"],
    ),
    _label("label_majority", "target", {"0": 0.0, "1": 1.0}, refused=["--positive VALUE"]),
    _label("label_one_value", "bad", {"1": 1.0, "": None}, refused=["has 1 distinct value; it needs two"]),
    Case(
        "label_new_value",
        file(text_of(loans(bad=["0", "1", "0", "0"]))),
        replace(UNDATED, positive=("7",)),
        refused=["'7' is not a value of 'bad'"],
    ),
    # The shape of a peer-to-peer lender's file.
    Case(
        "lc_body",
        file(
            text_of(
                {
                    "member": [""] * 60,
                    **loans(bad=None),
                    "term": [" 36 months", " 60 months"] * 30,
                    "int_rate": [f" {7 + n % 17}.{n % 100:02d}%" for n in range(60)],
                    "emp_length": ["< 1 year", "10+ years", "n/a", "3 years"] * 15,
                    "earliest_cr_line": [
                        f"{['Jan', 'Jun', 'Oct'][n % 3]}-{1971 + n % 30}" for n in range(60)
                    ],
                    "loan_status": ["Charged Off" if n % 6 == 0 else "Fully Paid" for n in range(60)],
                }
                | {"issued": [f"{['Jan', 'Apr', 'Dec'][n % 3]}-2018" for n in range(60)]},
                quote_all=True,
            )
        ),
        replace(DATED, label="loan_status"),
        uses={
            "member": "ignored",
            "term": "number",
            "int_rate": "number",
            "emp_length": "number",
            "earliest_cr_line": "date",
        },
        cells={"term": {1: 36.0, 2: 60.0}, "int_rate": {2: 8.01}, "emp_length": {1: 0.0, 2: 10.0, 3: None}},
        said=["monthly"],
    ),
    column_case("dependents_plus", "dependents", {"0": 0.0, "1": 1.0, "2": 2.0, "3+": 3.0}, "number"),
]
