from pathlib import Path

import pytest

from loan_default_assets.portfolio.file_format import file_format


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("loans.parquet", "parquet"),
        ("loans.pq", "parquet"),
        ("/data/LOANS.PARQUET", "parquet"),
        (Path("loans.Pq"), "parquet"),
        ("loans.csv", "csv"),
        ("loans.csv.gz", "csv"),
        ("loans.parquet.csv", "csv"),
        ("loans.parquet/part", "csv"),
        ("loans", "csv"),
    ],
)
def test_only_a_parquet_suffix_means_parquet(path: str | Path, expected: str) -> None:
    assert file_format(path) == expected
