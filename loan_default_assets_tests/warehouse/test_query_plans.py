"""Plans of the statements that the platform sends: which partitions they read, and whether by an index."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions

from loan_default_assets.warehouse import erasures
from loan_default_assets.warehouse.chain_links import stored_chains
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.prediction_pruning import months_before
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.yearly_tables import create_years
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.warehouse.one_partition import replace_raw
from loan_default_assets_tests.warehouse.samples import classifier, ids, portfolio, raw
from loan_default_assets_tests.warehouse.test_partitioned_tables import line

REQUEST = "00000000-0000-4000-8000-000000000000"
YEARS = range(2019, 2025)
# 36,000 rows in six years, and 24,000 predictions in six months, of which three name a loan.
ROWS = (
    "INSERT INTO raw_data (partition_key, loan_id, as_of, label, label_observed_at, note) "
    "SELECT to_char(day, 'YYYY-MM-DD'), 'L' || to_char(day, 'YYYYMMDD') || n, day, n % 2, day + 30, repeat('x', 200) "
    "FROM generate_series(date '2019-01-01', date '2024-12-01', '1 month') AS month, "
    "LATERAL (SELECT month::date AS day) AS days, generate_series(1, 500) AS n",
    "INSERT INTO processed_data (partition_key, loan_id, as_of, numbers, categories, label, feature_hash) "
    f"SELECT partition_key, loan_id, as_of, '{{1,2,3,4}}', '{{1}}', label, '{portfolio().hash[:16]}' FROM raw_data",
    "SELECT create_prediction_month(make_date(2024, month, 1)) FROM generate_series(1, 6) AS month",
    "INSERT INTO predictions (request_id, loan_id, model_version, features, probability, decision, threshold, channel, "
    "created_at) SELECT CASE n WHEN 0 THEN uuid '" + REQUEST + "' ELSE gen_random_uuid() END, "
    "CASE WHEN n < 3 THEN 'L20190101' || n + 1 END, 'c1', '{\"sealed\": \"x\"}', 0.1, 0, 0.4, 'http', "
    "timestamptz '2024-01-01 00:00+00' + n * interval '10 minutes' FROM generate_series(0, 23999) AS n",
    "INSERT INTO prediction_keys SELECT request_id, position, sha256('key') FROM predictions",
)
MONTHS = {f"predictions_2024_0{month}" for month in range(1, 7)}


@pytest.fixture(scope="module")
def database(postgres: LocalPostgres) -> Iterator[Database]:
    with fresh_database(postgres) as url:
        database = Database(url, "sample")
        database.migrate(portfolio())
        Registry(database).register(classifier("c1"))
        for table in ("raw_data", "processed_data"):
            create_years(database, table, [str(year) for year in YEARS])
        with database.transaction() as cursor:
            for statement in ROWS:
                cursor.execute(statement)
        connection = psycopg2.connect(dsn(url))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        connection.close()
        yield database


class _Explained:
    """The scans that statements cause, by table."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def connection(self) -> Callable[..., Any]:
        """In place of `psycopg2.connect`: connections whose cursors note their statements."""
        connect, statements = psycopg2.connect, self.statements

        class Cursor(extensions.cursor):
            def execute(self, query: Any, values: Any = None) -> None:
                statements.append(self.mogrify(query, values).decode())
                super().execute(query, values)

            def copy_expert(self, query: Any, *arguments: Any, **options: Any) -> None:
                text = query if isinstance(query, str) else query.as_string(self)
                if text.startswith("COPY ("):
                    statements.append(text[len("COPY (") : text.rindex(") TO STDOUT")])
                super().copy_expert(query, *arguments, **options)

        return lambda *arguments, **options: connect(*arguments, cursor_factory=Cursor, **options)

    def scans(self, database: Database, prefix: str) -> dict[str, set[str]]:
        """Kinds of scan by partition of a table."""
        found: dict[str, set[str]] = {}

        def collect(node: dict[str, Any]) -> None:
            relation, kind = node.get("Relation Name", ""), node["Node Type"]
            if relation.startswith(prefix) and kind != "ModifyTable":
                found.setdefault(relation, set()).add(kind)
            for child in node.get("Plans", ()):
                collect(child)

        with database.transaction() as cursor:
            cursor.execute("SET LOCAL cursor_tuple_fraction TO 1")
            for statement in self.statements:
                if statement.lstrip().startswith(("SELECT", "DELETE", "INSERT", "UPDATE", "WITH")):
                    cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
                    collect(cursor.fetchall()[0][0][0]["Plan"])
        return found


def _replace(database: Database) -> None:
    replace_raw(Loans(database, portfolio()), "2022-03-01", raw(ids(3), key="2022-03-01"))


def _window(database: Database) -> None:
    with Loans(database, portfolio()).snapshot_rows(keys=["2023-12-01", "2024-01-01"]) as rows:
        rows.read_all()


def _rows_of_one_request(database: Database) -> None:
    with stored_chains(database) as stored:
        [*stored.linked_predictions(REQUEST)]


def _ship(database: Database) -> None:
    PredictionLog(database).append_lines([line(datetime(2024, 6, 1, tzinfo=UTC)) for _ in range(3)])


def _loans(*years: int, table: str = "raw_data") -> set[str]:
    return {f"{table}_{year}" for year in years}


CASES = {
    "a partition is replaced within its year": (_replace, "raw_data", _loans(2022), _loans(2022)),
    "features of two periods are read from their years": (
        _window,
        "processed_data",
        _loans(2023, 2024, table="processed_data"),
        _loans(2023, 2024, table="processed_data"),
    ),
    "outcomes of predictions are found by the loan": (
        lambda database: PredictionLog(database).live_performance(),
        "raw_data",
        {*_loans(*YEARS), "raw_data_undated"},
        _loans(*YEARS),
    ),
    "old months are counted without the others": (
        lambda database: months_before(database, date(2024, 3, 5)),
        "predictions",
        {"predictions_2024_01", "predictions_2024_02"},
        set(),
    ),
    "a request is found by its id in every month": (
        _rows_of_one_request,
        "predictions_",
        MONTHS,
        MONTHS,
    ),
    "a delivery reads no prediction": (_ship, "predictions", set(), set()),
    "predictions of a loan are found by its key": (
        lambda database: erasures.find(database, ErasedSubject.of("loan", "L201901011")),
        "predictions",
        MONTHS,
        MONTHS,
    ),
    "rows of a loan are found by its key": (
        lambda database: erasures.find(database, ErasedSubject.of("loan", "L201901011")),
        "raw_data",
        {*_loans(*YEARS), "raw_data_undated"},
        _loans(*YEARS),
    ),
}


@pytest.mark.parametrize(("work", "table", "read", "by_index"), CASES.values(), ids=CASES)
def test_plans(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[Database], Any],
    table: str,
    read: set[str],
    by_index: set[str],
) -> None:
    explained = _Explained()
    with monkeypatch.context() as patched:
        patched.setattr(psycopg2, "connect", explained.connection())
        work(database)
    scans = explained.scans(database, table)
    assert set(scans) == read
    sequential = {name for name in by_index if "Seq Scan" in scans[name]}
    assert not sequential, scans
