import numpy as np
import pytest
import torch

from loan_default_assets.model.encoding import PADDING, Encoding, EncodingError
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.model.examples import CARDINALITIES, encoded, loans, tiny


def test_numbers_become_normal_scores() -> None:
    rows = loans(20_000)
    scores = encoded(rows, tiny()).transform(rows.numerical, rows.categorical).numerical.numpy()
    missing = np.isnan(rows.numerical)
    assert (np.isnan(scores) == missing).all()
    assert np.nanmean(scores, axis=0) == pytest.approx(0, abs=0.02)
    assert np.nanstd(scores, axis=0) == pytest.approx(1, abs=0.03)
    known = ~missing[:, 0]
    order = np.argsort(rows.numerical[known, 0])
    assert (np.diff(scores[known, 0][order]) >= 0).all()


def test_values_beyond_the_training_rows_are_clamped() -> None:
    rows = loans(500)
    encoding = encoded(rows, tiny())
    far = np.array([[1e30, -1e30, np.nan], [np.float32(np.inf), -np.inf, 1]], dtype=np.float32)
    scores = encoding.transform(far, np.zeros((2, 2), np.int16)).numerical
    assert scores[0, 0] == scores[1, 0] == encoding.scores[0][-1].astype(np.float32)
    assert scores[0, 1] == scores[1, 1] == encoding.scores[1][0].astype(np.float32)
    assert scores[0, 2].isnan()


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (np.full(40, np.nan), [1.0, np.nan], [np.nan, np.nan]),
        (np.full(40, 7.0), [7.0, 9.0, np.nan], [0.0, 0.0, np.nan]),
        (np.repeat([0.0, 1.0], 50), [0.0, 1.0], [-0.674, 0.674]),
    ],
    ids=["all missing", "constant", "two values"],
)
def test_degenerate_columns(column: np.ndarray, values: list[float], expected: list[float]) -> None:
    rows = Rows(column[:, None].astype(np.float32), np.zeros((len(column), 0), np.int16))
    encoding = Encoding.fit(rows, (), tiny(bins=4))
    given = np.array(values, dtype=np.float32)[:, None]
    found = encoding.transform(given, np.zeros((len(given), 0), np.int16)).numerical.numpy().ravel()
    np.testing.assert_allclose(found, expected, atol=0.15)
    assert np.isfinite(encoding.edges).all()


@pytest.mark.parametrize(("values", "edges"), [(2, 2), (6, 6), (8, 8), (40, 1)])
def test_a_feature_with_few_values_has_an_edge_at_each(values: int, edges: int) -> None:
    column = np.arange(80, dtype=np.float32) % values
    rows = Rows(column[:, None], np.zeros((80, 0), np.int16), (np.arange(80) % 2).astype(np.int8))
    encoding = Encoding.fit(rows, (), tiny(bins=8))
    found = encoding.edges[0][encoding.edges[0] < PADDING]
    if values <= 8:
        distinct = encoding.transform(np.unique(column)[:, None], rows.categorical[:values]).numerical
        np.testing.assert_array_equal(found, distinct.numpy().ravel())
    assert len(found) >= edges


def test_a_code_without_training_rows_is_unknown() -> None:
    rows = Rows(np.zeros((3, 0), np.float32), np.array([[2], [3], [2]], np.int16))
    encoding = Encoding.fit(rows, (6,), tiny())
    codes = encoding.transform(
        np.zeros((6, 0), np.float32), np.arange(6, dtype=np.int16)[:, None]
    ).categorical
    assert codes.ravel().tolist() == [1, 1, 2, 3, 1, 1]


@pytest.mark.parametrize("bins", [0, 4])
def test_arrays_round_trip(bins: int) -> None:
    rows = loans(200)
    encoding = encoded(rows, tiny(bins=bins))
    again = Encoding.from_arrays(encoding.arrays())
    other = loans(100, seed=1)
    for one, two in zip(
        vars(encoding.transform(other.numerical, other.categorical)).values(),
        vars(again.transform(other.numerical, other.categorical)).values(),
        strict=True,
    ):
        assert torch.equal(one.nan_to_num(), two.nan_to_num())
    assert again.cardinalities == CARDINALITIES
    np.testing.assert_array_equal(again.reference_numerical, encoding.reference_numerical)


def test_the_reference_is_the_median_and_the_most_frequent_code() -> None:
    rows = Rows(np.array([[1], [2], [np.nan], [9]], np.float32), np.array([[0], [3], [3], [2]], np.int16))
    encoding = Encoding.fit(rows, (4,), tiny())
    assert encoding.reference_numerical.tolist() == [2.0]
    assert encoding.reference_categorical.tolist() == [3]


@pytest.mark.parametrize(
    ("numerical", "categorical", "message"),
    [
        (np.zeros((1, 2)), np.zeros((1, 2), np.int16), "3 numerical and 2 categorical"),
        (np.zeros((1, 3)), np.zeros((1, 1), np.int16), "3 numerical and 2 categorical"),
        (np.zeros((1, 3)), np.array([[0, 4]], np.int16), r"categorical features \[1\]"),
        (np.zeros((1, 3)), np.array([[-1, 0]], np.int16), r"categorical features \[0\]"),
    ],
)
def test_other_columns_are_refused(numerical: np.ndarray, categorical: np.ndarray, message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        encoded(loans(50), tiny()).transform(numerical.astype(np.float32), categorical)


def test_infinite_and_absent_training_rows_are_refused() -> None:
    rows = loans(20)
    rows.numerical[3, 1] = np.inf
    with pytest.raises(EncodingError, match=r"numerical features \[1\]"):
        encoded(rows, tiny())
    with pytest.raises(EncodingError, match="no training rows"):
        encoded(loans(0), tiny())
