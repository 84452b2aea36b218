"""Missing values by their spellings and by sentinels, in numbers and in texts, and columns of codes."""

from loan_default_assets_tests.cases.case_files import Case, column_case, file, loans, text_of

_NUMBERS = {str(20_000 + 977 * n): 20_000.0 + 977 * n for n in range(23)}
_WORDS = ["car", "home", "study", "medical", "wedding"]

# The spellings of the listed cases, and others of the kind.
_SPELLINGS = {
    "na_01": "?", "na_04": "XNA", "na_05": "#N/A", "na_07": "none", "na_08": ".", "na_10": "missing", "na_11": "--",
    "na_13": "(null)", "na_14": "#DIV/0!", "na_16": "N.A.", "na_17": "nil", "na_19": "Not Available", "na_20": "*",
    "na_dash": "-", "na_dotted": "n.a.", "na_nat": "NaT", "na_korean": "결측", "na_korean_none": "없음",
    "na_unknown": "unknown", "na_null_mark": "\\N", "na_angle": "<NA>",
    "na_reference": "#REF!", "na_blank_word": "(blank)",
}  # fmt: skip


def _spelling(name: str, mark: str) -> Case:
    """A mark in a column of numbers and in one of texts."""
    return Case(
        name,
        file(text_of(loans(income=[*_NUMBERS, mark], purpose=[*_WORDS, mark]))),
        uses={"income": "number", "purpose": "category"},
        cells={
            "income": dict(enumerate([*_NUMBERS.values(), None], start=1)),
            "purpose": dict(enumerate([*_WORDS, None], start=1)),
        },
    )


MISSING_CASES = [
    *(_spelling(name, mark) for name, mark in _SPELLINGS.items()),
    column_case("na_case", "income", _NUMBERS | dict.fromkeys(["n/a", "na", "Null", "NAN"]), "number"),
    column_case("na_padded", "income", _NUMBERS | dict.fromkeys([" NA ", "  "]), "number"),
    column_case(
        "na_sentinel_below", "income", _NUMBERS | {"-999": None}, "number", said=["read as missing: -999"]
    ),
    column_case(
        "na_sentinel_above",
        "income",
        _NUMBERS | {"99999999": None},
        "number",
        said=["read as missing: 99999999"],
    ),
    column_case("na_no_sentinel", "income", _NUMBERS | {"29999": 29_999.0, "9999": 9_999.0}, "number"),
    column_case(
        "numeric_in_text",
        "fico",
        _NUMBERS | {"not scored": None},
        "number",
        count=96,
        said=["texts read as missing in 4 cells"],
    ),
    column_case(
        "na_korean_phrase",
        "income",
        _NUMBERS | {"미제출": None},
        "number",
        count=96,
        said=["texts read as missing in 4 cells"],
    ),
    # "none" is a value of its own where it is frequent.
    column_case(
        "na_none_is_a_value",
        "guarantor",
        {"none": "none", "spouse": "spouse", "parent": "parent"},
        "category",
    ),
    column_case("code_zeros", "branch", {f"{n:05d}": f"{n:05d}" for n in range(100, 120)}, "category"),
    column_case("code_truth", "own_car", {"TRUE": "TRUE", "FALSE": "FALSE"}, "category"),
    column_case("code_letters", "own_car", {"Y": "Y", "N": "N"}, "category"),
    column_case("code_korean", "own_car", {"예": "예", "아니오": "아니오"}, "category"),
    column_case("code_norway", "country", {"NO": "NO", "SE": "SE", "DK": "DK"}, "category"),
    column_case("code_grades", "grade", {"A+": "A+", "A": "A", "A-": "A-"}, "category"),
    column_case("code_padded", "grade", {"A": "A", " B ": "B"}, "category"),
    Case("code_protected", file(text_of(loans(sex=["F", "M"]))), uses={"sex": "protected"}),
]
