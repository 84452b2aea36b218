"""The library's portfolios of public data against the complete files, where those are available."""

import os
from datetime import date
from pathlib import Path

import pytest

from loan_default_assets.portfolio.checks.pandera_schema import feature_violations
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests.portfolio.partition_rows import found_violations, read_partitions

FOLDER = Path(os.environ.get("LOAN_DATA_DIR", Path(__file__).parents[4] / "shared" / "data"))
TODAY = date(2024, 1, 1)


@pytest.mark.parametrize(
    ("name", "file", "loans", "defaults"),
    [
        ("taiwan_credit", "taiwan_credit.csv", 30_000, 6_636),
        ("south_german_credit", "south_german_credit.csv", 1_000, 300),
        ("polish_bankruptcy", "polish_bankruptcy_1year.csv", 7_027, 271),
        ("sba_loans", "sba_prefix_22k.csv", 22_308, 4_693),
    ],
)
def test_a_public_file_fits_its_description(name: str, file: str, loans: int, defaults: int) -> None:
    if not (FOLDER / file).exists():
        pytest.skip(f"{FOLDER / file} does not exist")
    p = load(name, source=str(FOLDER / file))
    keys = p.partition_keys(date(1970, 1, 1), date(2006, 12, 31))
    counted = positive = 0
    assert found_violations(p, keys, today=TODAY) == []
    for part in read_partitions(p, keys, today=TODAY):
        counted += len(part.frame)
        positive += int(part.frame["label"].sum())
        if len(part.frame) > 500:
            assert feature_violations(p, transform(p, part.frame, part.frame["as_of"])) == []
    assert (counted, positive) == (loans, defaults)
