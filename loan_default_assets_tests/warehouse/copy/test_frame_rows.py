"""Frames in COPY's binary format: the values that are stored, whatever the type of the table's column."""

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.warehouse.copy.frame_rows import frame_chunks
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.warehouse.one_partition import replace_raw
from loan_default_assets_tests.warehouse.samples import COLUMNS, DAY, ids, portfolio, raw


@pytest.mark.parametrize(
    ("cells", "type_", "expected"),
    [
        pytest.param(
            [1.5, np.nan], "double precision", [b"\0\0\0\x08\x3f\xf8" + bytes(6), b"\xff" * 4], id="float"
        ),
        pytest.param([1.0, np.nan], "bigint", [b"\0\0\0\x08" + bytes(7) + b"\1", b"\xff" * 4], id="whole"),
        pytest.param([1.0, np.nan], "smallint", [b"\0\0\0\x02\0\1", b"\xff" * 4], id="small"),
        pytest.param(
            pd.to_datetime(["2000-01-02", None]), "date", [b"\0\0\0\x04\0\0\0\1", b"\xff" * 4], id="date"
        ),
        pytest.param(["é", None], "text", [b"\0\0\0\x02\xc3\xa9", b"\xff" * 4], id="text"),
        pytest.param(
            pd.Categorical(["é", None]), "text", [b"\0\0\0\x02\xc3\xa9", b"\xff" * 4], id="category"
        ),
        pytest.param(["", "a"], "text", [b"\0\0\0\0", b"\0\0\0\1a"], id="empty text"),
        pytest.param([None, None], "text", [b"\xff" * 4] * 2, id="all missing"),
    ],
)
def test_the_bytes_of_a_cell(cells: list[object], type_: str, expected: list[bytes]) -> None:
    (chunk,) = frame_chunks(pd.DataFrame({"x": cells}), {"x": type_})
    assert chunk == b"".join(b"\0\1" + cell for cell in expected)


def test_whole_numbers_in_a_column_that_is_still_of_floating_point(database_url: str) -> None:
    Database(database_url, "sample").migrate(portfolio())
    columns = COLUMNS | {"amount": {"kind": "number", "integer": True}}
    whole = portfolio(columns=columns)
    database = Database(database_url, "sample")
    assert database.migrate(whole) == []
    frame = raw(ids(6)).assign(amount=np.arange(6) - 3.0)
    loans = Loans(database, whole)
    replace_raw(loans, DAY, frame)
    assert loans.read_raw(DAY)["amount"].tolist() == frame["amount"].tolist()


def test_a_table_with_a_type_that_is_not_known_is_left_as_it_is(database_url: str) -> None:
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    loans = Loans(database, portfolio())
    replace_raw(loans, DAY, raw(ids(3)))
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE raw_data ALTER COLUMN note TYPE varchar(50)")
    before = loans.table_hash("raw_data")
    with pytest.raises(WarehouseError, match=r"column note of the table is character varying\(50\)"):
        replace_raw(loans, DAY, raw(ids(4)))
    assert loans.table_hash("raw_data") == before
