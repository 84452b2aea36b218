"""A portfolio of five columns with eight loans, as YAML and as CSV; tests change a line of either."""

from datetime import date
from pathlib import Path

from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests.portfolio.partition_rows import PartitionRows, read_partitions

TODAY = date(2024, 6, 1)

YAML = """\
name: bank
source: {kind: csv, path: loans.csv}
key: id
as_of: issued
cadence: daily
start: 2024-01-01
label: {column: bad, positive: 1, negative: 0, horizon_days: 30}
columns:
  income: {kind: number, min: 0, max: 1000000}
  grade: {kind: category, values: [A, B, 가]}
  children: {kind: number, min: 0, integer: true, nullable: true}
  hired: {kind: date, nullable: true}
  note: {kind: text, nullable: true}
derive: {income_per_child: income / (children + 1)}
"""

CSV = """\
id,issued,bad,income,grade,children,hired,note
L1,2024-01-01,0,50000.5,A,0,2020-01-01,first
L2,2024-01-01,1,20000,B,2,,
L3,2024-01-03,0,70000,가,,2023-12-31,한글 메모
L4,2024-01-02,,10,C,1,2024-01-02,"with, comma"
L5,2024-01-03,1,0,A,3,1999-05-05,x
L6,2024-01-03,0,999999,,0,2001-01-01,y
L7,2024-01-02,0,41000,B,1,2019-02-28,z
L8,2024-01-01,0,38000,A,,2010-10-10,w
"""

KEYS = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


def portfolio(folder: Path, *changes: tuple[str, str]) -> Portfolio:
    """The portfolio, written to `folder` with text replaced."""
    text = YAML
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "bank.yaml"
    path.write_text(text, "utf-8")
    return load(str(path))


def bank(folder: Path, csv: str | bytes = CSV, *changes: tuple[str, str]) -> Portfolio:
    """The portfolio, written beside a file of loans."""
    data = csv if isinstance(csv, bytes) else csv.encode()
    (folder / "loans.csv").write_bytes(data)
    return portfolio(folder, *changes)


def partitions(p: Portfolio, keys: list[str] | None = None, today: date = TODAY) -> list[PartitionRows]:
    """The requested partitions, or all of them."""
    return read_partitions(p, KEYS if keys is None else keys, today=today)
