"""Numbers as they are written: currencies, separators, signs, percent, units of time, multipliers, and slips."""

import random
from collections.abc import Callable
from typing import Any

from loan_default_assets_tests.cases.case_files import Case, column_case

_DRAWN = random.Random(5).sample(range(1_000, 90_000), 30)


def _amounts(
    write: Callable[[int], str], value: Callable[[int], Any] = float, count: int = 30
) -> dict[str, Any]:
    return {write(number): value(number) for number in _DRAWN[:count]}


def _grouped(number: int, mark: str = ",") -> str:
    return f"{number:,}".replace(",", mark)


def _negative(number: int) -> float:
    return -float(number)


def _number(name: str, values: dict[str, Any], **expected: Any) -> Case:
    return column_case(name, "income", values, "number", **expected)


_DOLLARS = _amounts(lambda n: f"${_grouped(n)}.00", count=22)

NUMBER_CASES = [
    _number(
        "num_dollar", _amounts(lambda n: f"${_grouped(n)}.25", lambda n: n + 0.25), said=["affixes ['$']"]
    ),
    _number("num_eur", _amounts(lambda n: f"€{_grouped(n)}")),
    _number("num_pound", _amounts(lambda n: f"£{_grouped(n)}")),
    _number("num_won", _amounts(lambda n: f"₩{_grouped(n)}")),
    _number("num_won_word", _amounts(lambda n: f"{_grouped(n)}원")),
    _number("num_yen_full_width", _amounts(lambda n: f"￥{_grouped(n)}")),
    _number("num_franc", _amounts(lambda n: f"CHF {_grouped(n, chr(39))}.50", lambda n: n + 0.5)),
    _number("num_franc_dash", _amounts(lambda n: f"Fr. {_grouped(n, '’')}.–")),
    _number("num_krone", _amounts(lambda n: f"{_grouped(n, chr(0xA0))},25 kr", lambda n: n + 0.25)),
    # An amount of a currency has no three decimals.
    _number("num_krone_dot", _amounts(lambda n: f"{_grouped(n, '.')} kr")),
    _number("num_real", _amounts(lambda n: f"R$ {_grouped(n, '.')},75", lambda n: n + 0.75)),
    _number("num_code", _amounts(lambda n: f"USD {_grouped(n)}")),
    _number(
        "num_lakh",
        {
            f"Rs. {n // 1000},{n % 1000:02d},{n * 7 % 1000:03d}": n // 1000 * 1e5
            + n % 1000 * 1e3
            + n * 7 % 1000
            for n in range(1_001, 1_100, 4)
        }
        | {f"Rs. {n}": float(n) for n in range(300, 305)},
    ),
    _number("num_nbsp", _amounts(lambda n: _grouped(n, "\u00a0"))),
    _number("num_thin_space", _amounts(lambda n: _grouped(n, "\u202f"))),
    _number("num_apostrophe", _amounts(lambda n: _grouped(n, "'"))),
    _number("num_underscore", _amounts(lambda n: f"{n}_", count=8) | _amounts(str, count=30)),
    _number("num_quoted_eq", _amounts(lambda n: f'="{n}"')),
    _number("num_k", _amounts(lambda n: f"{n // 1000}k", lambda n: n // 1000 * 1e3)),
    _number("num_man", _amounts(lambda n: f"{n}만원", lambda n: n * 1e4)),
    _number("num_eok_man", {f"{n}억 {n * 100}만원": n * 1e8 + n * 1e6 for n in range(1, 25)}),
    _number("num_trailing_minus", _amounts(lambda n: f"{n}-", _negative, 8) | _amounts(str)),
    _number("num_minus_sign", _amounts(lambda n: f"−{n}", _negative)),
    _number("num_parentheses", _amounts(lambda n: f"(${_grouped(n)}.00)", _negative, 6) | _DOLLARS),
    _number(
        "num_dollar_before_parentheses", _amounts(lambda n: f"$({_grouped(n)}.00)", _negative, 6) | _DOLLARS
    ),
    _number("num_minus_dollar", _amounts(lambda n: f"-${_grouped(n)}.00", _negative, 6) | _DOLLARS),
    _number(
        "num_percent",
        _amounts(lambda n: f"{n / 1e3:.2f}%", lambda n: round(n / 1e3, 2)),
        said=["affixes ['%']"],
    ),
    _number(
        "num_percent_mixed",
        _amounts(lambda n: f"{n / 1e3:.2f}%", lambda n: round(n / 1e3, 2)) | {"12.5": 12.5, "7": 7.0},
        said=["cells have no percent sign"],
    ),
    _number(
        "num_percent_and_fractions",
        {f"{n}.5%": n + 0.5 for n in range(10, 25)} | {f"0.{n}": n / 100 for n in range(11, 20)},
        said=["could also be fractions where the percent sign is missing"],
    ),
    _number("num_basis_points", {f"{n} bps": float(n) for n in range(100, 130)}),
    _number("num_months", {"36 months": 36.0, "60 months": 60.0}),
    _number("num_months_korean", {"36개월": 36.0, "60개월": 60.0, "24개월": 24.0}),
    _number("num_years", {f"{n} yrs": float(n) for n in range(30)}),
    _number("num_ages", {f"{n}yrs {n % 12}mon": 12.0 * n + n % 12 for n in range(1, 30)}, said=["months"]),
    _number(
        "num_employment",
        {"< 1 year": 0.0, "1 year": 1.0, "2 years": 2.0, "5 years": 5.0, "10+ years": 10.0, "n/a": None},
        said=["'< 1 year': 0"],
    ),
    _number("num_full_width", {"".join(chr(0xFEE0 + ord(c)) for c in str(n)): float(n) for n in _DRAWN}),
    _number("num_scientific", {f"{n / 1e3:.3E}": float(f"{n / 1e3:.3E}") for n in _DRAWN}),
    _number("thousands", _amounts(_grouped), said=["thousands ,"]),
    _number(
        "num_european",
        {
            f"{n}.{n % 1000:03d}.{n * 7 % 1000:03d},{n % 100:02d}": n * 1e6
            + n % 1000 * 1e3
            + n * 7 % 1000
            + n % 100 / 100
            for n in range(101, 130)
        },
    ),
    _number("eu_plain_decimal", {f"{n // 100},{n % 100:02d}": n / 100 for n in range(1_234, 1_290, 2)}),
    _number("num_comma_thousandths", {f"0,{n:03d}": n / 1000 for n in range(1, 60, 2)}),
    column_case(
        # One cell of many with two digits after the mark does not turn 32,190 into 32.19.
        "thousands_one_slip",
        "income",
        _amounts(_grouped, count=24) | {"12,34": None},
        "number",
        count=100,
        violations=["column income: not a number: 4 cells (rows 25, 50, 75, 100)"],
        bad_cells={"income": 25},
    ),
    column_case(
        "one_bad_number",
        "income",
        _amounts(str, count=26) | {"12a45": None},
        "number",
        count=27,
        said=["row 27 not converted"],
        violations=["column income: not a number: 1 cell (row 27)"],
        bad_cells={"income": 27},
    ),
    column_case(
        "num_infinite",
        "income",
        _amounts(str, count=29) | {"inf": None},
        "number",
        count=30,
        said=["an infinite number: 1 cell (row 30)"],
        violations=["column income: must be finite; fails on 1 row: 30"],
    ),
    column_case(
        "num_too_many_digits",
        "income",
        _amounts(str, count=29) | {"12345678901234567890": None},
        "number",
        count=30,
        violations=["more than 15 digits", "row 30"],
    ),
    column_case(
        "num_debit_credit",
        "income",
        {text: text for text in _amounts(lambda n: f"{_grouped(n)}.00 {'CR' if n % 3 else 'DR'}")},
        "category",
        said=["could also be numbers, in a way that is not read"],
    ),
    column_case(
        "num_two_currencies",
        "income",
        {text: text for text in _amounts(lambda n: f"{'$' if n % 2 else '€'}{n}")},
        "category",
        said=["could also be numbers, in a way that is not read"],
    ),
    column_case(
        "num_ranges", "income", {f"{n}-{n + 9}": f"{n}-{n + 9}" for n in range(10, 100, 10)}, "category"
    ),
]
