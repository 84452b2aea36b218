"""A cell means the same in a text file, in a query, in a Parquet file and in a request."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from loan_default_assets.portfolio.ingest.type_conversion import parse_cell
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests.portfolio.five_columns import TODAY
from loan_default_assets_tests.portfolio.partition_rows import read_partitions

YAML = """\
name: bank
source: {{kind: csv, path: loans.csv}}
key: id
as_of: issued
date_format: '%b-%Y'
cadence: quarterly
start: 2018-01-01
missing: ['?', Not Available]
label: {{column: bad, positive: 1, negative: 0}}
columns:
  income: {{kind: number, nullable: true, thousands: ',', affixes: [$], negative: [parentheses], missing: [-1]}}
  term: {{kind: number, nullable: true, multipliers: {{yrs: 12, mon: 1}}}}
  years: {{kind: number, nullable: true, affixes: [years, +], replace: {{'< 1 year': 0}}}}
  rate: {{kind: number, nullable: true, decimal: ',', affixes: ['%']}}
  born: {{kind: date, nullable: true, format: '%d-%b-%y (years 1927-2026)', missing: [1950-01-01]}}
  grade: {{kind: category, values: [A, '1'], nullable: true}}
"""
ROWS = [
    ("1.0", "Jan-2018", 0, "$54,379.00", "2yrs 5mon", "10+ years", "14,54%", "05-Jan-66", "A"),
    ("2", "Mar-2018", 1, "($1,000)", "7mon", "< 1 year", "3", "?", "1.0"),
    ("3", "Apr-2018", 0, "-1", "not available", "3 years", " 1,5 % ", "01-Jan-50", " ? "),
    ("4", "Dec-2018", 0, "N/A", "12", "", "?", "31-Dec-26", "1"),
]
COLUMNS = ["id", "issued", "bad", "income", "term", "years", "rate", "born", "grade"]
EXPECTED = {
    "income": [54379, -1000, None, None],
    "term": [29, 7, None, 12],
    "years": [10, 0, 3, None],
    "rate": [14.54, 3, 1.5, None],
    "born": [date(1966, 1, 5), None, None, date(2026, 12, 31)],
    "grade": ["A", "1", None, "1"],
}


def _portfolio(folder: Path, kind: str) -> Portfolio:
    frame = pd.DataFrame(ROWS, columns=COLUMNS)
    (folder / "bank.yaml").write_text(YAML.format(), "utf-8")
    p = load(str(folder / "bank.yaml"))
    given = {"kind": kind, "path": str(folder / "loans")}
    if kind == "csv":
        frame.to_csv(folder / "loans", index=False)
    elif kind == "parquet":
        frame.to_parquet(folder / "loans")
    else:
        given = {"kind": "sql", "url": f"sqlite:///{folder / 'loans.db'}", "query": "SELECT * FROM loans"}
        engine = sa.create_engine(given["url"])
        frame.to_sql("loans", engine, index=False)
        engine.dispose()
    return p.model_copy(update={"source": p.source.model_copy(update=given)})


@pytest.mark.parametrize("kind", ["csv", "parquet", "sql"])
def test_every_source_reads_the_cells_alike(tmp_path: Path, kind: str) -> None:
    p = _portfolio(tmp_path, kind)
    keys = ["2018-01-01", "2018-04-01", "2018-07-01", "2018-10-01"]
    parts = read_partitions(p, keys, today=TODAY)
    assert [len(part.frame) for part in parts] == [2, 1, 0, 1]
    frame = pd.concat([part.frame.astype({"grade": object}) for part in parts if len(part.frame)])
    assert frame["loan_id"].tolist() == ["1", "2", "3", "4"]
    assert frame["as_of"].dt.date.tolist()[1] == date(2018, 3, 1)
    for name, expected in EXPECTED.items():
        made = [None if pd.isna(x) else x.date() if name == "born" else x for x in frame[name].tolist()]
        assert made == expected, name


def test_a_request_reads_the_cells_alike(tmp_path: Path) -> None:
    p = _portfolio(tmp_path, "csv")
    for name, expected in EXPECTED.items():
        texts = [row[COLUMNS.index(name)] for row in ROWS]
        assert [parse_cell(p.columns[name], text, p.missing) for text in texts] == expected


def test_a_request_may_hold_typed_values(tmp_path: Path) -> None:
    columns = _portfolio(tmp_path, "csv").columns
    assert parse_cell(columns["income"], 5) == 5
    assert parse_cell(columns["income"], np.float64("nan")) is None
    assert parse_cell(columns["income"], True) == 1
    assert parse_cell(columns["born"], date(1990, 2, 3)) == date(1990, 2, 3)
    assert parse_cell(columns["born"], date(1950, 1, 1)) is None
    assert parse_cell(columns["grade"], 1) == "1"
    for name, value in [
        ("income", 2**60),
        ("income", [1]),
        ("born", 12),
        ("born", date(9999, 1, 1)),
        ("grade", "A\0"),
    ]:
        with pytest.raises(ValueError, match=r"not a|more than 15|before 1678|NUL"):
            parse_cell(columns[name], value)
