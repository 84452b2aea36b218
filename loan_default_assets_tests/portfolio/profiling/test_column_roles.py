"""What a column becomes, by its name and its cells."""

from collections import Counter

import pytest

from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.column_roles import role_of
from loan_default_assets.portfolio.profiling.study_columns import MODEL_PREDICTION

ROWS = 300


def role(name: str, cells: list[str], *, dated: bool = True) -> ColumnRole:
    filled = [cell for cell in cells if cell]
    profile = ColumnProfile(len(cells), Counter(filled), empty=len(cells) - len(filled))
    return role_of(name, name, profile, dated=dated)


def repeated(values: list[str]) -> list[str]:
    return [values[n % len(values)] for n in range(ROWS)]


def thinning(most: int) -> list[str]:
    return [str(value) for value in range(most + 1) for _ in range(2 ** (most + 2 - value))]


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("account", [str(1234567890123450001 + n) for n in range(ROWS)], "identifier"),
        ("contract_no", [f"{n:08d}" for n in range(ROWS)], "identifier"),
        ("customer_id", [str(5 + 7 * n) for n in range(ROWS)], "identifier"),
        ("고객번호", [str(5 + 7 * n) for n in range(ROWS)], "identifier"),
        ("n", [str(1 + n) for n in range(ROWS)], "row number"),
        ("contact", [f"user{n}@bank.example" for n in range(ROWS)], "e-mail"),
        ("x", [f"010-{1000 + n}-{2000 + n}" for n in range(ROWS)], "telephone"),
        ("x", [f"{n % 90 + 10}0315-1{n:06d}" for n in range(ROWS)], "resident"),
        ("borrower_name", [f"Person {n}" for n in range(ROWS)], "names of persons"),
        ("성명", [f"김{chr(0xAC00 + n)}수" for n in range(ROWS)], "names of persons"),
        ("고객명", [f"김{chr(0xAC00 + n % 30)}수" for n in range(ROWS)], "names of persons"),
        ("first_name", repeated(["Ann", "Bob", "Cid"]), "names of persons"),
        ("lname", repeated([f"Smith {n % 40}" for n in range(ROWS)]), "names of persons"),
        ("x", [f"DE{10 + n % 80}5001 0517 {1000 + n} 0012 34" for n in range(ROWS)], "account numbers"),
        ("ssn", [f"{(n * 7919 + 123456789) % 10**9:09d}" for n in range(ROWS)], "social security"),
        ("email", [f"u{n}@x.example" if n % 3 else "" for n in range(ROWS)], "e-mail"),
        ("loan_id", repeated([str(7000 + n) for n in range(30)]), "identifier by its name"),
        ("address", [f"{n} High Street" for n in range(ROWS)], "addresses"),
        ("desc", [f"I need a loan for reason number {n} and so on" for n in range(ROWS)], "free text"),
        ("title", [f"Clerk {n}x" for n in range(ROWS)], "hardly repeat"),
        ("policy_code", ["1"] * ROWS, "the same value"),
        ("annual_inc_joint", [""] * ROWS, "empty"),
        ("marks", ["n/a", "-"] * 150, "empty"),
        ("remark", [*["A", "B"] * 8, *[""] * 1985], "hardly ever filled: in 16 of 2,001 rows"),
        ("part", repeated(["Train", "Test", "OOT"]), "sample of a former study"),
        ("구분", repeated(["개발", "검증"]), "sample of a former study"),
        ("cv_fold", repeated(["1", "2", "3", "4", "5"]), "sample of a former study"),
        ("is_holdout", repeated(["0", "1", "0"]), "sample of a former study"),
        ("sample_weight", [str(1 + n % 40 / 8) for n in range(ROWS)], "weight of a row"),
        ("가중치", repeated(["1", "4.5"]), "weight of a row"),
        ("rand_no", [f"0.{7919 * n % 1000:03d}" for n in range(ROWS)], "random number"),
    ],
)
def test_a_column_that_is_no_feature_is_ignored_with_the_reason(
    name: str, cells: list[str], reason: str
) -> None:
    found = role(name, cells)
    assert found.use == "ignored"
    assert reason in found.reason


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("children", thinning(5), "number"),
        ("inq_last_6mths", repeated(["0", "1", "2", "3"]), "number"),
        ("delinq_2yrs", repeated(["0", "1", "2"]), "number"),
        ("x", thinning(6), "number"),
        ("term", repeated(["36", "60"]), "number"),
        ("조회건수", repeated(["0건", "1건", "2건", "3건"]), "number"),
        ("연체횟수", repeated(["0회", "1회", "2회"]), "number"),
        ("신용등급", repeated([f"{n}등급" for n in range(1, 11)]), "number"),
        ("term", repeated([" 36 months", " 60 months"]), "number"),
        ("score", [str(600 + n % 150) for n in range(ROWS)], "number"),
        ("amount", [str(1000 + 37 * n) for n in range(ROWS)], "number"),
        ("balance", [f"${1000 + 37 * n:,}.50" for n in range(ROWS)], "number"),
        ("purpose_code", repeated(["1", "2", "3", "4"]), "category"),
        ("status", repeated(["1", "2", "3", "4"]), "category"),
        ("x", repeated(["1", "2", "3", "4", "5"]), "category"),
        ("flag", repeated(["0", "1"]), "category"),
        ("telephone", repeated(["yes", "no"]), "category"),
        ("name", repeated([f"branch {n}" for n in range(30)]), "category"),
        ("zip", repeated([f"{n:05d}" for n in range(100, 160)]), "category"),
        ("zip_code", repeated([str(10000 + 7 * n) for n in range(60)]), "category"),
        ("state", repeated(["ON", "NO", "CA"]), "category"),
        ("booked", [str(43_101 + 4 * n) for n in range(ROWS)], "date"),
        ("Antragsdatum", [str(43_101 + 4 * n) for n in range(ROWS)], "date"),
        ("fecha_solicitud", [f"2015{1 + n % 12:02d}{1 + n % 28:02d}" for n in range(ROWS)], "date"),
        ("income_band", [str(43_101 + 4 * n) for n in range(ROWS)], "number"),
        ("opened", [f"2015{1 + n % 12:02d}{1 + n % 28:02d}" for n in range(ROWS)], "date"),
        (
            "earliest_cr_line",
            [f"{('Jan', 'Feb', 'Mar')[n % 3]}-{1970 + n % 40}" for n in range(ROWS)],
            "date",
        ),
    ],
)
def test_a_feature_has_the_kind_of_its_meaning(name: str, cells: list[str], kind: str) -> None:
    found = role(name, cells)
    assert (found.use, found.kind) == ("feature", kind)
    assert found.keys["nullable"] is True
    assert not {"min", "integer"} & set(found.keys)


@pytest.mark.parametrize(
    "name",
    [
        "sex",
        "Gender",
        "marital_status",
        "nationality",
        "foreign_worker",
        "성별",
        "혼인여부",
        "is_male",
        "birthplace",
    ],
)
def test_a_protected_attribute_is_reported_on_and_no_feature(name: str) -> None:
    assert role(name, repeated(["1", "2"])).use == "protected"


def test_a_slip_is_a_violation_and_a_repeated_word_is_missing() -> None:
    cells = [str(600 + n) for n in range(ROWS)]
    assert "missing" not in role("score", ["twelve", *cells]).keys
    assert role("score", [*["not scored"] * 5, *cells]).keys["missing"] == ["not scored"]


def test_sentinels_are_drafted_as_missing_and_shown() -> None:
    found = role("months_since", [*["-1"] * 20, *(str(n % 80) for n in range(ROWS))])
    assert found.keys["missing"] == [-1]
    assert "read as missing: -1" in found.remarks


def test_a_category_of_many_values_keeps_the_most_frequent() -> None:
    found = role("city", [f"city {n % 400}" for n in range(ROWS * 5)])
    assert len(found.keys["values"]) == 200
    assert any("unknown category" in remark for remark in found.remarks)


def test_a_category_of_many_values_that_are_frequent_enough_keeps_them_all() -> None:
    assert len(role("city", [f"city {n % 400}" for n in range(400 * 25)]).keys["values"]) == 400


def test_a_category_of_rare_values_is_ignored() -> None:
    cells = [f"title {n % 2000}" for n in range(ROWS * 20)]
    assert "many rare values" in role("title", cells).reason


def test_a_date_without_as_of_is_ignored() -> None:
    found = role("opened", [f"2015-01-{1 + n % 28:02d}" for n in range(ROWS)], dated=False)
    assert (found.use, "as_of" in found.reason) == ("ignored", True)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1,200", "2,345", "3,100"], "could also be read with decimal: ',' (1,234 is then 1.234, not 1234)"),
        (["36m", "60m"], "could also be read with multipliers: {'m': 1000000.0}"),
    ],
)
def test_another_reading_is_shown_by_what_it_makes_of_a_number(cells: list[str], said: str) -> None:
    assert said in role("x", repeated(cells)).remarks


@pytest.mark.parametrize(
    ("name", "cells", "asked"),
    [
        ("PD_model_v2", [f"0.{n:03d}" for n in range(1, ROWS)], True),
        ("predicted_prob", [f"0.{n:03d}" for n in range(1, ROWS)], True),
        ("부도확률", [f"0.{n:03d}" for n in range(1, ROWS)], True),
        ("utilisation", [f"0.{n:03d}" for n in range(1, ROWS)], False),
        ("pd_months", [str(2 * n) for n in range(1, ROWS)], False),
    ],
)
def test_a_prediction_of_another_model_is_asked_about(name: str, cells: list[str], asked: bool) -> None:
    found = role(name, cells)
    assert (found.use, MODEL_PREDICTION in found.remarks) == ("feature", asked)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("purpose", repeated(["training", "car", "home"])),
        ("test_score", [str(300 + 2 * n) for n in range(ROWS)]),
        ("loan_split_months", repeated(["1", "2", "3", "4", "5"])),
        ("income_weight_pct", [str(1 + n % 40 / 8) for n in range(ROWS)]),
        ("spouse_job", [*["clerk", "nurse"] * 10, *[""] * 3980]),
    ],
)
def test_a_column_that_only_sounds_like_one_of_a_study_stays_a_feature(name: str, cells: list[str]) -> None:
    assert role(name, cells).use == "feature"
