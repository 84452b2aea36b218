"""Rows out of PostgreSQL as a frame, by COPY as CSV."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
from psycopg2 import extensions, sql

if TYPE_CHECKING:
    import pandas as pd


def read_csv(
    cursor: extensions.cursor, query: sql.Composable, schema: pa.Schema, categories: Sequence[str]
) -> "pd.DataFrame":
    """The query's rows, numbered from 1.

    Args:
        cursor: Of a transaction.
        query: A SELECT.
        schema: Its columns.
        categories: Text columns to return as pandas categories.

    Returns:
        Numbers as float64, dates as datetime64[ns], texts as str.
    """
    import pandas as pd
    import pyarrow.csv

    body = io.BytesIO()
    cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query), body)
    body.seek(0)
    types = {f.name: pa.float64() if pa.types.is_integer(f.type) else f.type for f in schema}
    types |= {name: pa.dictionary(pa.int32(), pa.string()) for name in categories}
    table = pyarrow.csv.read_csv(
        body,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    days = {name: "datetime64[ns]" for name, kind in types.items() if pa.types.is_date(kind)}
    frame = table.to_pandas(date_as_object=False).astype(days)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame
