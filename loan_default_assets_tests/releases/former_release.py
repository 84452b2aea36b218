"""The files and rows that release 0.1.0 left, laid out in a folder and a database."""

import gzip
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.sealed_features import opened_features

FILES = Path(__file__).with_name("v0_1_0")
TABLES = ("raw_data", "processed_data", "model_metadata", "predictions", "model_performance")


@dataclass(frozen=True)
class Restored:
    """A home and a database as release 0.1.0 left them."""

    settings: Settings
    folder: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg2.connect(dsn(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    @property
    def url(self) -> str:
        assert self.settings.database_url is not None
        return self.settings.database_url.get_secret_value()

    def contents(self) -> dict[str, object]:
        """Number of rows of every table, and a hash over all their columns in any order; of features, their values."""
        found: dict[str, object] = {
            table: self.rows(
                "SELECT count(*), sum(hashtextextended((row_to_json(t)::jsonb - 'features')::text, 0)) "
                f"FROM small_bank.{table} t"
            )
            for table in TABLES
        }
        return found | {"features": self._features()}

    def _features(self) -> dict[tuple[object, object], object]:
        """The values that were scored, sealed or as the release before stored them."""
        columns, tables = "request_id::text, position, features", "small_bank.predictions"
        if self.rows("SELECT to_regclass('small_bank.prediction_keys')") == [(None,)]:
            return {
                (name, position): stored
                for name, position, stored in self.rows(f"SELECT {columns} FROM {tables}")
            }
        sealed = self.rows(
            f"SELECT {columns}, key FROM {tables} LEFT JOIN small_bank.prediction_keys USING (request_id, position)"
        )
        return {
            (name, position): key and opened_features(stored, bytes(key), request_id=name, position=position)
            for name, position, stored, key in sealed
        }


def lay_out(folder: Path, database_url: str) -> Restored:
    """Fill an empty folder and an empty database."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    with tarfile.open(FILES / "models.tar.gz") as archive:
        archive.extractall(home, filter="data")
    text = gzip.decompress((FILES / "database.sql.gz").read_bytes()).decode()
    connection = psycopg2.connect(dsn(database_url))
    with connection, connection.cursor() as cursor:
        cursor.execute(text.replace("{HOME}", str(home)))
    connection.close()
    (folder / "loans.csv").write_bytes(gzip.decompress((FILES / "loans.csv.gz").read_bytes()))
    shutil.copy(FILES / "small_bank.yaml", folder)
    settings = Settings(
        portfolio=str(folder / "small_bank.yaml"),
        loan_source=str(folder / "loans.csv"),
        loan_default_home=home,
        database_url=database_url,
        retraining_sample_threshold=200,
        retraining_positive_threshold=20,
        # The release knew no attestation, and the generated loans are more predictable than real ones.
        leakage_auc_limit=0.5,
    )
    return Restored(settings, folder)
