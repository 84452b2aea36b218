import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest import row_count
from loan_default_assets.portfolio.ingest.row_count import RowCount, count_source_rows
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests import small_bank

ROWS = 1200


def bank(folder: Path, name: str, write: Callable[[pd.DataFrame, Path], Any], **source: object) -> Portfolio:
    path = folder / name
    write(small_bank.loans(days=20), path)
    keys = {"kind": "csv", "path": "${LOAN_SOURCE}"} | source
    return load(str(small_bank.write_portfolio(folder, source=keys)), source=str(path))


def csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)


def csv_gz(frame: pd.DataFrame, path: Path) -> None:
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))


def parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, index=False)


@pytest.mark.parametrize(
    ("name", "write", "source"),
    [
        ("loans.csv", csv, {}),
        ("loans.csv.gz", csv_gz, {}),
        ("loans.parquet", parquet, {"kind": "parquet"}),
    ],
)
def test_the_rows_of_a_small_file_are_counted(
    tmp_path: Path, name: str, write: Callable[[pd.DataFrame, Path], Any], source: dict[str, object]
) -> None:
    assert count_source_rows(bank(tmp_path, name, write, **source), 0) == RowCount(ROWS, exact=True)


@pytest.mark.parametrize(("name", "write"), [("loans.csv", csv), ("loans.csv.gz", csv_gz)])
def test_the_rows_of_a_large_text_file_are_estimated(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    write: Callable[[pd.DataFrame, Path], Any],
) -> None:
    p = bank(tmp_path, name, write)
    monkeypatch.setattr(row_count, "_COUNTED_BYTES", 1000)
    monkeypatch.setattr(row_count, "_SAMPLE_BYTES", 20_000)
    found = count_source_rows(p, 0)
    assert found is not None
    assert not found.exact
    assert found.rows == pytest.approx(ROWS, rel=0.15)
    assert str(found).startswith("about 1,")


def test_a_generator_and_a_query() -> None:
    assert count_source_rows(load("demo"), 240) == RowCount(240 * 80, exact=True)
    query = {"kind": "sql", "url": "sqlite:///none.db", "query": "SELECT 1"}
    p = load("demo")
    assert count_source_rows(p.model_copy(update={"source": p.source.model_copy(update=query)}), 1) is None


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    p = bank(tmp_path, "loans.csv", csv)
    (tmp_path / "loans.csv").unlink()
    with pytest.raises(SourceError, match="no such file"):
        count_source_rows(p, 0)
