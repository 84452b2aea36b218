"""Missing values by any spelling: what is proposed for a column, and what a portfolio's list does."""

from pathlib import Path

import pytest

from loan_default_assets.portfolio.checks.pandera_schema import partition_violations
from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.ingest.missing_values import (
    is_usual_missing,
    missing_values,
    propose_missing,
    propose_sentinels,
)
from loan_default_assets.portfolio.ingest.number_formats import propose_number_format
from loan_default_assets.portfolio.ingest.type_conversion import parse_cell
from loan_default_assets_tests.portfolio.five_columns import CSV, TODAY, bank, partitions, portfolio

USUAL = [
    *[
        "?",
        "??",
        "-",
        "--",
        "–",
        ".",
        "...",
        "*",
        "**",
        "_",
        "#",
        "NA",
        "n/a",
        "N.A.",
        "Na",
        "NaN",
        "nan",
        "NULL",
    ],
    *[
        "Null",
        "(null)",
        "<null>",
        "[NULL]",
        "'NA'",
        "none",
        "None",
        "NIL",
        "Missing",
        "(missing)",
        "<NA>",
        "XNA",
    ],
    *[
        "#N/A",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "Not Available",
        "not  applicable",
        "n/a years",
        "- %",
        "\\N",
        " NA ",
    ],
    *[
        "0000-00-00",
        "00/00/0000",
        "0000-00-00 00:00:00",
        "1900-01-00",
        "1/0/1900",
        "0000. 00. 00",
        "미상",
        "해당 없음",
    ],
]


@pytest.mark.parametrize("text", USUAL)
def test_a_usual_spelling_is_missing(text: str) -> None:
    assert is_usual_missing(text)
    made = propose_number_format({str(n): 1 for n in range(50)} | {text: 3})
    assert made is not None
    assert (made.rejected, made.converted) == (0, 50)
    column = Column(kind="number", missing=list(made.missing), **made.keys())
    assert parse_cell(column, text) is None
    assert parse_cell(column, "7") == 7


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-1",
        "999",
        "no",
        "other",
        "nonesuch",
        "A",
        "+",
        "N",
        "NO",
        "2000-01-01",
        "1900-01-01",
        "(5)",
        "x%",
    ],
)
def test_other_texts_are_not_missing(text: str) -> None:
    assert not is_usual_missing(text)


def test_one_spelling_is_proposed_in_one_case() -> None:
    counts = {"n/a": 2, "N/A ": 1, "NULL": 3, "Null": 1, "car": 40, "home": 50}
    assert propose_missing(counts) == ("n/a", "Null")
    assert propose_missing({"guarantor": 10, "co-applicant": 12, "none": 90}) == ()
    assert propose_missing({"guarantor": 50, "co-applicant": 40, "none": 3}) == ("none",)
    assert propose_missing({"1": 10, "2": 12, "none": 90}) == ("none",)


@pytest.mark.parametrize(
    ("numbers", "sentinels"),
    [
        ({-1: 5} | dict.fromkeys(range(40), 2), ("-1",)),
        ({-1: 5} | dict.fromkeys(range(-20, 40), 2), ()),
        ({999: 40} | dict.fromkeys(range(300, 850), 2), ("999",)),
        ({9999: 1} | {n / 10: 2 for n in range(300)}, ("9999",)),
        ({99999999: 3} | {n * 1000: 1 for n in range(90)}, ("99999999",)),
        ({999: 1} | dict.fromkeys(range(900, 1100), 1), ()),
        ({-99: 4, -98: 2, 5: 9, 7: 9}, ("-99", "-98")),
        ({1: 5, 2: 5, 9: 5}, ()),
        ({365243: 55} | dict.fromkeys(range(-9000, -100, 100), 2), ("365243",)),
        ({365243: 55} | dict.fromkeys(range(0, 9000, 100), 2), ("365243",)),
        ({365243: 1} | dict.fromkeys(range(-9000, -100, 100), 2), ()),
        ({0: 55} | dict.fromkeys(range(-9000, -100, 100), 2), ()),
        ({40_000: 55} | dict.fromkeys(range(0, 9000, 100), 2), ()),
        ({1_000_000: 60, 0: 900}, ()),
        ({96: 2, 98: 13} | {n: 900 // (n + 1) for n in range(14)}, ("96", "98")),
        ({98: 1} | {n: 900 // (n + 1) for n in range(14)}, ()),
        ({98: 9} | dict.fromkeys(range(90), 3), ()),
        ({98: 9} | {n / 10: 3 for n in range(90)}, ()),
        ({-1: 50, -2: 20} | dict.fromkeys(range(9), 40), ()),
        ({-1: 50} | dict.fromkeys(range(9), 40), ("-1",)),
        ({-7: 5, -8: 5, -9: 5} | dict.fromkeys(range(40), 2), ("-9", "-8", "-7")),
    ],
)
def test_sentinel_numbers_are_proposed(numbers: dict[float, int], sentinels: tuple[str, ...]) -> None:
    assert propose_sentinels({float(number): count for number, count in numbers.items()}) == sentinels


def test_sentinels_are_not_applied_unless_listed() -> None:
    made = propose_number_format({"-1": 5} | {str(n): 2 for n in range(40)})
    assert made is not None
    assert (made.missing, made.sentinels) == ((), ("-1",))
    assert parse_cell(Column(kind="number"), "-1") == -1
    listed = Column(kind="number", missing=[-1, 999.0])
    assert [parse_cell(listed, text) for text in ("-1", "-1.0", "999", 999, "1")] == [
        None,
        None,
        None,
        None,
        1,
    ]


def test_a_value_of_a_category_is_never_missing() -> None:
    own = missing_values(["none", "?"], ["None", "NA", "car"])
    assert (own.has("none"), own.has("NA"), own.has("?"), own.has("N/A")) == (False, False, True, True)
    with pytest.raises(ValueError, match="missing: '\\?' is one of values too"):
        Column(kind="category", values=("?", "a"), missing=["?"])
    category = Column(kind="category", values=("car", "true"), missing=["?"])
    assert [parse_cell(category, x) for x in ("car ", "?", True, "True", "boat")] == [
        "car",
        None,
        "true",
        "true",
        "boat",
    ]


def test_what_is_missing_is_missing_in_every_kind_of_column(tmp_path: Path) -> None:
    p = bank(
        tmp_path,
        CSV.replace("70000", "?")
        .replace("1999-05-05", " ? ")
        .replace(",first", ",XNA")
        .replace("가,,", "xna,,"),
        ("key: id\n", "key: id\nmissing: ['?', xna]\n"),
        ("max: 1000000}", "max: 1000000, nullable: true}"),
        ("values: [A, B, 가]}", "values: [A, B, 가], nullable: true, unknown: forbid}"),
    )
    frame = partitions(p, ["2024-01-03"])[0].frame
    assert frame.loc[3, ["income", "grade"]].isna().all()
    assert frame.loc[5, "hired"] is not None
    assert frame["hired"].isna().tolist() == [False, True, False]
    assert partitions(p, ["2024-01-01"])[0].frame["note"].isna().tolist() == [True, True, False]
    rules = {v.rule for v in partition_violations(p, frame, "2024-01-03", TODAY)}
    assert "not missing" not in rules


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hired: {kind: date,", "hired: {kind: date, decimal: ',',", "decimal: only for kind number"),
        (
            "income: {kind: number,",
            "income: {kind: number, decimal: ',', thousands: ',',",
            "the same character",
        ),
        (
            "income: {kind: number,",
            "income: {kind: number, affixes: [a1],",
            "affixes must be texts without digits",
        ),
        (
            "income: {kind: number,",
            "income: {kind: number, multipliers: {k: 0},",
            "multipliers must be greater than 0",
        ),
        ("income: {kind: number,", "income: {kind: number, thousands: ';',", "thousands"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(PortfolioError, match=message):
        portfolio(tmp_path, (old, new))


def test_options_are_part_of_the_hash_only_when_given(tmp_path: Path) -> None:
    plain = portfolio(tmp_path).hash
    for old, new in [
        ("income: {kind: number,", "income: {kind: number, thousands: ',',"),
        ("income: {kind: number,", "income: {kind: number, missing: [-1],"),
        ("key:", "missing: ['?']\nkey:"),
    ]:
        assert portfolio(tmp_path, (old, new)).hash != plain
    assert portfolio(tmp_path, ("key:", "missing: []\nkey:")).hash == plain
