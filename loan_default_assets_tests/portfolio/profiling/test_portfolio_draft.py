from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.portfolio.checks.pandera_schema import validate_partitions
from loan_default_assets.portfolio.errors import PortfolioError, SourceError
from loan_default_assets.portfolio.ingest.sources import read_partitions
from loan_default_assets.portfolio.profiling.portfolio_draft import draft_portfolio
from loan_default_assets.portfolio.spec import Portfolio, load

TODAY = date(2024, 6, 1)
COLUMNS = {
    "loan": [f"{n:07d}" for n in range(400)],
    "issued": [f"{1 + n % 12}/{1 + n % 28}/2023" for n in range(400)],
    "defaulted": ["Y" if n % 7 == 0 else "N" for n in range(400)],
    "소득": [1000.5 + n for n in range(400)],
    "balance": [n - 200 for n in range(400)],
    "grade": [f"{n % 3:02d}" for n in range(400)],
    "flag": ["" if n % 9 == 0 else ("ON" if n % 2 else "no") for n in range(400)],
    "children": [None if n % 11 == 0 else n % 4 for n in range(400)],
    "hired": ["" if n % 5 == 0 else f"20{n % 20:02d}-01-31" for n in range(400)],
    "branch office": [f"office {n}" for n in range(400)],
    "sex": ["F" if n % 2 else "M" for n in range(400)],
    "label": [1] * 400,
    "empty": [""] * 400,
    "charge_off_amount": [0.0] * 400,
}


def drafted(folder: Path, path: Path, **options: str | None) -> tuple[str, Portfolio]:
    text = draft_portfolio(str(path), name="My Bank 2", label="defaulted", **options)  # type: ignore[arg-type]
    (folder / "drafted.yaml").write_text(text, "utf-8")
    return text, load(str(folder / "drafted.yaml"), source=str(path))


def stored(folder: Path, file_type: str) -> Path:
    frame = pd.DataFrame(COLUMNS)
    path = folder / ("loans.parquet" if file_type == "parquet" else "loans.csv")
    if file_type == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(
            path, index=False, encoding=file_type.split()[0], sep=";" if "semicolon" in file_type else ","
        )
    return path


@pytest.mark.parametrize("file_type", ["utf-8", "utf-8-sig", "cp949", "utf-8 semicolon", "parquet"])
def test_a_draft_is_accepted_and_its_file_fits(tmp_path: Path, file_type: str) -> None:
    path = stored(tmp_path, file_type)
    text, p = drafted(tmp_path, path, date="issued", key="loan")
    assert (p.name, p.key, p.as_of, p.date_format, p.start) == (
        "my_bank_2",
        "loan",
        "issued",
        "%m/%d/%Y",
        date(2023, 1, 1),
    )
    assert (p.label.positive, p.label.negative, p.label.horizon_days) == ("Y", "N", 365)
    assert p.cadence == "monthly"
    kinds = {name: column.kind for name, column in p.columns.items()}
    assert kinds == {
        "소득": "number",
        "balance": "number",
        "grade": "category",
        "flag": "category",
        "children": "category",
        "hired": "date",
        "branch office": "text",
        "sex": "category",
        "empty": "text",
        "charge_off_amount": "category",
    }
    assert (p.columns["소득"].min, p.columns["balance"].min, p.columns["balance"].integer) == (0, None, True)
    assert p.columns["grade"].values == ("00", "01", "02")
    assert [name for name, column in p.columns.items() if column.nullable] == [
        "flag",
        "children",
        "hired",
        "empty",
    ]
    assert (p.protected, p.ignore) == (("sex",), ("label",))
    assert "an outcome? then add it to known_after_outcome" in text
    keys = p.partition_keys(date(2023, 1, 1), date(2023, 12, 31))
    parts = list(validate_partitions(p, read_partitions(p, keys, today=TODAY), TODAY))
    assert [violations for _, violations in parts if violations] == []
    assert sum(len(part.frame) for part, _ in parts) == 400


def test_a_draft_without_dates_has_one_partition(tmp_path: Path) -> None:
    path = stored(tmp_path, "utf-8")
    _, p = drafted(tmp_path, path, date=None, key=None)
    assert (p.key, p.as_of, p.columns["issued"].kind, p.columns["hired"].kind) == (None, None, "text", "text")
    assert len(next(iter(read_partitions(p, ["snapshot"], today=TODAY))).frame) == 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "defaultd"}, "'defaultd' is not a column; did you mean 'defaulted'?"),
        ({"label": "grade"}, "the label 'grade' has 3 distinct values; it needs two"),
        ({"label": "defaulted", "date": "grade"}, "'grade' is not a date in every row"),
        ({"label": "defaulted", "key": "id"}, "'id' is not a column"),
    ],
)
def test_what_cannot_be_drafted_is_named(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(PortfolioError) as error:
        draft_portfolio(str(stored(tmp_path, "utf-8")), name="x", **options)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xff,1\n")
    with pytest.raises(SourceError, match="line 2 is text neither in UTF-8 nor"):
        draft_portfolio(str(tmp_path / "x.csv"), name="x", label="a")
    with pytest.raises(SourceError, match="no such file"):
        draft_portfolio(str(tmp_path / "y.csv"), name="x", label="a")
