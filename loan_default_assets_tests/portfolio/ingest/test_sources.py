import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from loan_default_assets.portfolio.errors import PortfolioError, SourceError
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests.portfolio.five_columns import CSV, KEYS, TODAY, bank, partitions, portfolio
from loan_default_assets_tests.portfolio.ingest.loan_files import read_applications
from loan_default_assets_tests.portfolio.partition_rows import read_partitions

Store = Callable[[Path], str]


def frame() -> pd.DataFrame:
    """The loans of five_columns.CSV in the types of a program."""
    made = pd.read_csv(pd.io.common.StringIO(CSV), keep_default_na=False, na_values=[""])
    for name in ("issued", "hired"):
        made[name] = pd.to_datetime(made[name])
    return made


def as_bytes(data: bytes, name: str = "loans.csv") -> Store:
    def store(folder: Path) -> str:
        (folder / name).write_bytes(data)
        return str(folder / name)

    return store


def as_parquet(folder: Path) -> str:
    frame().to_parquet(folder / "loans.parquet", row_group_size=3)
    return str(folder / "loans.parquet")


def as_sqlite(folder: Path) -> str:
    url = f"sqlite:///{folder / 'loans.db'}"
    text = frame().assign(issued=frame()["issued"].dt.date, hired=frame()["hired"].dt.date)
    text.to_sql("loans", sa.create_engine(url), index=False)
    return url


QUERY = ("{kind: csv, path: loans.csv}", "{kind: sql, url: '${URL}', query: SELECT * FROM loans ORDER BY id}")


STORES = ["utf8", "bom", "cp949", "utf-16", "crlf", "cr", "blank lines", "no last end"]
STORES += ["gz", "cp949 gz", "NA", "parquet", "sql"]


@pytest.mark.parametrize(
    "store",
    [
        as_bytes(CSV.encode()),
        as_bytes(CSV.encode("utf-8-sig")),
        as_bytes(CSV.encode("cp949")),
        as_bytes(CSV.encode("utf-16")),
        as_bytes(CSV.replace("\n", "\r\n").encode()),
        as_bytes(CSV.replace("\n", "\r").encode()),
        as_bytes(CSV.replace("\n", "\n\n").encode()),
        as_bytes(CSV.rstrip().encode()),
        as_bytes(gzip.compress(CSV.encode()), "loans.csv.gz"),
        as_bytes(gzip.compress(CSV.encode("cp949")), "loans.csv"),
        as_bytes(CSV.replace(",2,,\n", ",2.0,NA,null\n").replace(",0,50000.5", ",0.0, 50000.5 ").encode()),
        as_parquet,
        as_sqlite,
    ],
    ids=STORES,
)
def test_every_source_gives_the_same_rows(tmp_path: Path, store: Store) -> None:
    where = store(tmp_path)
    changes = (QUERY,) if "://" in where else ()
    portfolio(tmp_path, *changes)
    p = load(str(tmp_path / "bank.yaml"), source=where)
    made = partitions(p)
    (tmp_path / "plain").mkdir()
    expected = partitions(bank(tmp_path / "plain"))
    assert [part.key for part in made] == KEYS
    for part, same in zip(made, expected, strict=True):
        pd.testing.assert_frame_equal(part.frame, same.frame, check_categorical=False)


def test_the_layout_of_a_partition(tmp_path: Path) -> None:
    made = {part.key: part.frame for part in partitions(bank(tmp_path))}
    assert [len(made[key]) for key in KEYS] == [3, 2, 3, 0]
    first = made["2024-01-01"]
    assert first.index.tolist() == [1, 2, 8]
    assert first["loan_id"].tolist() == ["L1", "L2", "L8"]
    assert {name: str(dtype) for name, dtype in first.dtypes.items()} == {
        "loan_id": "object",
        "as_of": "datetime64[ns]",
        "label": "float64",
        "label_observed_at": "datetime64[ns]",
        "income": "float64",
        "grade": "category",
        "children": "float64",
        "hired": "datetime64[ns]",
        "note": "object",
    }
    assert made["2024-01-04"].dtypes.astype(str).tolist() == first.dtypes.astype(str).tolist()
    second = made["2024-01-02"]
    assert second["label"].tolist()[1:] == [0.0]
    assert np.isnan(second["label"].iloc[0])
    assert second["label_observed_at"].isna().tolist() == [True, False]
    assert second["label_observed_at"].iloc[1] == pd.Timestamp(2024, 2, 1)
    assert second["note"].tolist() == ["with, comma", "z"]
    assert made["2024-01-03"]["note"].iloc[0] == "한글 메모"


def test_partitions_come_in_the_requested_order(tmp_path: Path) -> None:
    p = bank(tmp_path)
    assert [part.key for part in partitions(p, KEYS[::-1])] == KEYS[::-1]
    with pytest.raises(PortfolioError, match="requested twice"):
        partitions(p, ["2024-01-01", "2024-01-01"])
    with pytest.raises(PortfolioError, match="not the first day"):
        partitions(p, ["snapshot"])


def test_without_dates_and_key_loans_are_numbered(tmp_path: Path) -> None:
    changes = [("key: id\nas_of: issued\n", "ignore: [id, issued]\n"), (", horizon_days: 30", "")]
    p = bank(tmp_path, CSV, *changes, ("hired: {kind: date", "hired: {kind: text"))
    [part] = partitions(p, ["snapshot"])
    assert part.frame["loan_id"].tolist() == [f"{n:09d}" for n in range(1, 9)]
    assert part.frame["as_of"].isna().all()
    assert part.frame["label_observed_at"].isna().all()
    with pytest.raises(PortfolioError, match="one partition, 'snapshot'"):
        partitions(p, KEYS)


@pytest.mark.parametrize(
    ("cells", "changes", "expected"),
    [
        ("paid,late", [("positive: 1, negative: 0", "positive: late, negative: paid")], [0, 1]),
        ("1,2", [("positive: 1, negative: 0", "positive: 2, negative: 1")], [0, 1]),
        ("0.0,1.0", [], [0, 1]),
        ("2,Y", [], [-1, -1]),
        (" 1 ,", [], [1, np.nan]),
    ],
)
def test_labels(tmp_path: Path, cells: str, changes: list[tuple[str, str]], expected: list[float]) -> None:
    one, two = cells.split(",")
    csv = CSV.splitlines()[0] + f"\nL1,2024-01-01,{one},1,A,0,,\nL2,2024-01-01,{two},1,A,0,,\n"
    made = partitions(bank(tmp_path, csv, *changes))[0].frame["label"]
    np.testing.assert_array_equal(made, expected)


def test_an_outcome_can_have_its_own_date(tmp_path: Path) -> None:
    observed = ("horizon_days: 30", "observed_at: hired")
    csv = CSV.replace("L1,2024-01-01,0", "L1,2024-01-01,")
    p = bank(tmp_path, csv, observed, ("  hired: {kind: date, nullable: true}\n", ""))
    made = partitions(p)[0].frame["label_observed_at"]
    assert made.isna().tolist() == [True, True, False]
    assert made.iloc[2] == pd.Timestamp(2010, 10, 10)


@pytest.mark.parametrize(
    ("text", "day", "changes"),
    [
        ("2024-01-01T23:30:00+09:00", "2024-01-01", []),
        ("20240101", "2024-01-01", []),
        ("1/2/2024", "2024-01-02", [("key:", "date_format: '%m/%d/%Y'\nkey:")]),
        ("2-Jan-24", "2024-01-02", [("key:", "date_format: '%d-%b-%y'\nkey:")]),
    ],
)
def test_dates_are_iso_unless_a_format_is_given(
    tmp_path: Path, text: str, day: str, changes: list[tuple[str, str]]
) -> None:
    csv = CSV.splitlines()[0] + f"\nL1,{text},0,1,A,0,,\n"
    made = {part.key: len(part.frame) for part in partitions(bank(tmp_path, csv, *changes))}
    assert made[day] == 1


def test_a_column_has_its_own_date_format(tmp_path: Path) -> None:
    changes = [("hired: {kind: date", "hired: {kind: date, format: '%m/%d/%Y'")]
    csv = CSV.splitlines()[0] + "\nL1,2024-01-01,0,1,A,0,3/28/1972,\n"
    assert partitions(bank(tmp_path, csv, *changes))[0].frame["hired"].iloc[0] == pd.Timestamp(1972, 3, 28)


@pytest.mark.parametrize("cadence", ["weekly", "monthly"])
def test_weekly_and_monthly_partitions(tmp_path: Path, cadence: str) -> None:
    p = bank(tmp_path, CSV, ("cadence: daily", f"cadence: {cadence}"))
    keys = p.partition_keys(date(2024, 1, 1), date(2024, 2, 1))
    assert [len(part.frame) for part in partitions(p, keys)] == [8] + [0] * (len(keys) - 1)


def query_of(p: Portfolio, url: str, query: str) -> Portfolio:
    source = p.source.model_copy(update={"kind": "sql", "url": url, "query": query})
    return p.model_copy(update={"source": source})


def test_a_query_may_bind_the_requested_days(tmp_path: Path) -> None:
    query = "SELECT * FROM loans WHERE issued >= :start AND issued < :end ORDER BY id"
    p = query_of(portfolio(tmp_path), as_sqlite(tmp_path), query)
    made = partitions(p, ["2024-01-02", "2024-01-03"])
    assert [part.frame["loan_id"].tolist() for part in made] == [["L4", "L7"], ["L3", "L5", "L6"]]
    assert made[1].frame.index.tolist() == [1, 3, 4]
    assert partitions(p, ["2024-01-09"])[0].frame.empty


def test_a_postgresql_server_is_a_source(tmp_path: Path, database_url: str) -> None:
    engine = sa.create_engine(database_url)
    frame().assign(income=frame()["income"].astype(str)).to_sql(
        "loans",
        engine,
        index=False,
        dtype={"income": sa.Numeric(), "issued": sa.Date(), "children": sa.Integer()},
    )
    engine.dispose()
    plain = database_url.replace("postgresql+psycopg2://", "postgres://")
    query = "SELECT * FROM loans WHERE issued >= :start AND issued < :end ORDER BY id"
    made = partitions(query_of(portfolio(tmp_path), plain, query))
    (tmp_path / "plain").mkdir()
    for part, same in zip(made, partitions(bank(tmp_path / "plain")), strict=True):
        pd.testing.assert_frame_equal(part.frame, same.frame, check_categorical=False)


@pytest.mark.parametrize(
    "url",
    [
        *(
            f"postgresql://u:sesame{between}secret@127.0.0.1:1/x"
            for between in ("@", "/", "@s?", "@s?w=", "@x:", "@x:1/", "%40")
        ),
        "postgresql://u@127.0.0.1:1/x?password=secret",
        "postgresql://u:sesame@${HOST}/x",
        "postgresql:/u:secret@127.0.0.1:1/x",
        "nosuch://u:secret@127.0.0.1:1/x",
    ],
)
def test_no_part_of_a_sources_password_is_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match=r"source\.url|SQLAlchemy URL") as refused:
        partitions(query_of(portfolio(tmp_path), url, "SELECT 1"))
    assert refused.value.__cause__ is None
    for part in ("sesame", "secret"):
        assert part not in str(refused.value)


def test_a_value_that_the_server_refuses_is_not_shown(tmp_path: Path, database_url: str) -> None:
    query = "SELECT 'Kim Minsu'::text::integer AS id"
    with pytest.raises(SourceError, match="failed on a value of a row") as refused:
        partitions(query_of(portfolio(tmp_path), database_url, query))
    assert "Kim" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_generated_loans_end_today(tmp_path: Path) -> None:
    p = load("demo")
    made = read_partitions(p, ["2024-05-31", "2024-06-01", "2024-06-02"], today=TODAY)
    assert [len(part.frame) for part in made] == [80, 80, 0]
    other = portfolio(tmp_path, ("{kind: csv, path: loans.csv}", "{kind: synthetic}"))
    with pytest.raises(PortfolioError, match="generates the columns of the portfolio demo"):
        partitions(other)


@pytest.mark.parametrize(
    ("drop", "loan_id"),
    [([], "L1"), (["bad", "note"], "L1"), (["id", "issued", "bad", "note"], "000000001")],
)
def test_applications_need_only_the_columns_of_features(
    tmp_path: Path, drop: list[str], loan_id: str
) -> None:
    p = bank(tmp_path)
    given = tmp_path / "new.csv"
    frame().drop(columns=drop).assign(more=1).to_csv(given, index=False)
    made = read_applications(p, str(given))
    assert list(made.columns) == ["loan_id", "as_of", "income", "grade", "children", "hired"]
    assert made["loan_id"].iloc[0] == loan_id
    assert made["as_of"].isna().all() == ("issued" in drop)
    frame().drop(columns="income").to_csv(given, index=False)
    with pytest.raises(SourceError, match="'income' is missing"):
        read_applications(p, str(given))


def test_applications_are_read_from_parquet(tmp_path: Path) -> None:
    p = bank(tmp_path)
    expected = read_applications(p, str(tmp_path / "loans.csv"))
    made = read_applications(p, as_parquet(tmp_path))
    pd.testing.assert_frame_equal(made, expected, check_categorical=False)
