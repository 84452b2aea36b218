from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import load
from loan_default_assets.portfolio.synthetic.generator import generate_partition
from loan_default_assets_tests.portfolio.five_columns import bank, partitions, portfolio

NAN = float("nan")
ROW: dict[str, list[Any]] = {"income": [100.0], "children": [1], "hired": [date(2024, 1, 1)], "grade": ["B"]}


def row(**changed: Any) -> dict[str, list[Any]]:
    return ROW | {name: [value] for name, value in changed.items()}


@pytest.mark.parametrize(
    ("columns", "numerical", "grade"),
    [
        (row(), [100, 1, 30, 50], 3),
        (row(grade="가", income=None), [NAN, 1, 30, NAN], 4),
        (row(grade=" A ", children=None), [100, NAN, 30, NAN], 2),
        (row(grade=None, children=-1), [100, -1, 30, NAN], 0),
        (row(grade="", hired=None), [100, 1, NAN, 50], 0),
        (row(grade="Z", hired="2024-02-10"), [100, 1, -10, 50], 1),
        (row(grade=NAN, income=float("inf")), [NAN, 1, 30, NAN], 0),
        (row(grade=7, income=1e300), [NAN, 1, 30, NAN], 1),
    ],
)
def test_one_loan(tmp_path: Path, columns: dict[str, list[Any]], numerical: list[float], grade: int) -> None:
    features = transform(portfolio(tmp_path), columns, date(2024, 1, 31))
    np.testing.assert_array_equal(features.numerical, np.array([numerical], np.float32))
    assert features.categorical.tolist() == [[grade]]
    assert (features.numerical.dtype, features.categorical.dtype) == (np.float32, np.int16)


@pytest.mark.parametrize("value", [2, 2.0, np.int64(2), "2", True])
def test_codes_match_for_every_type_of_value(tmp_path: Path, value: Any) -> None:
    p = portfolio(tmp_path, ("[A, B, 가]", "[1, 2, true]"))
    assert transform(p, row(grade=value), None).categorical.tolist() == [[4 if value is True else 3]]


def test_a_frame_and_a_dictionary_give_the_same_bytes() -> None:
    p = load("demo")
    frame = generate_partition(p, "2024-05-06")
    lists = {name: [None if v != v else v for v in frame[name].tolist()] for name in p.columns}
    arrays = {name: frame[name].to_numpy() for name in p.columns}
    expected = transform(p, frame, frame["as_of"])
    assert np.isnan(expected.numerical).any()
    for given in (lists, arrays):
        made = transform(p, given, frame["as_of"].to_numpy())
        assert made.numerical.tobytes() == expected.numerical.tobytes()
        assert made.categorical.tobytes() == expected.categorical.tobytes()
    for index in range(0, len(frame), 7):
        one = transform(p, {name: [values[index]] for name, values in lists.items()}, date(2024, 5, 6))
        assert one.numerical.tobytes() == expected.numerical[index].tobytes()
        assert one.categorical.tobytes() == expected.categorical[index].tobytes()


def test_features_of_a_loan_do_not_depend_on_other_loans(tmp_path: Path) -> None:
    before = {part.key: part.frame for part in partitions(bank(tmp_path))}
    p = bank(tmp_path, Path(tmp_path / "loans.csv").read_text().replace("70000", "1").replace("999999", "3"))
    after = {part.key: part.frame for part in partitions(p)}
    for key in ("2024-01-01", "2024-01-02"):
        assert transform(p, before[key], before[key]["as_of"]).numerical.tobytes() == (
            transform(p, after[key], after[key]["as_of"]).numerical.tobytes()
        )


def test_no_loans_give_no_features(tmp_path: Path) -> None:
    p = portfolio(tmp_path)
    features = transform(p, {name: [] for name in ROW}, date(2024, 1, 1))
    assert (features.numerical.shape, features.categorical.shape) == ((0, 4), (0, 1))
    empty = partitions(bank(tmp_path))[3].frame
    assert transform(p, empty, empty["as_of"]).numerical.shape == (0, 4)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortfolioError, match="column 'grade' is needed"):
        transform(portfolio(tmp_path), {name: ROW[name] for name in ROW if name != "grade"}, None)


def test_text_in_a_number_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        transform(portfolio(tmp_path), row(income="much"), None)


def test_nullable_pandas_types_are_accepted(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "income": pd.array([1, None], "Int64"),
            "children": pd.array([None, 2.0], "Float64"),
            "hired": pd.to_datetime(["2024-01-01", None]),
            "grade": pd.array(["A", None], "string"),
        }
    )
    features = transform(portfolio(tmp_path), frame, date(2024, 1, 2))
    np.testing.assert_array_equal(
        features.numerical[:, :3], np.array([[1, NAN, 1], [NAN, 2, NAN]], np.float32)
    )
    assert features.categorical.tolist() == [[2], [0]]
