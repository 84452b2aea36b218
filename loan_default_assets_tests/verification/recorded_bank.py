"""The small bank after two promotions, with predictions before, between and after them, and copies of it to alter."""

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from loan_default_assets.commands.promote import promote
from loan_default_assets.commands.retrain import retrain
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.commands.verify import text, verify
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.pipeline.verify_records import Verification
from loan_default_assets.portfolio.features import transform
from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_bank import opening

MARCH, APRIL = datetime(2025, 3, 5, tzinfo=UTC), datetime(2025, 4, 5, tzinfo=UTC)
COLUMNS = ["income", "amount", "months_employed", "purpose", "branch"]


@dataclass(frozen=True)
class RecordedBank:
    """A folder and a database that one test may alter."""

    folder: Path
    url: str

    @property
    def models(self) -> Path:
        return self.folder / "home" / "models"

    @contextmanager
    def session(self) -> Iterator[Session]:
        with open_session(small_bank.settings(self.folder, self.url)) as session:
            yield session

    def verify(self, request_id: str | None = None) -> Verification:
        with self.session() as session:
            return verify(session, request_id)

    def report(self, request_id: str | None = None) -> str:
        return text(self.verify(request_id))

    def alter(self, *statements: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run statements as the superuser with all triggers disabled; the rows of the last one, if it has any."""
        with psycopg2.connect(dsn(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica; SET search_path TO small_bank")
            for statement in statements:
                cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


def serve(
    session: Session,
    created_at: datetime,
    count: int,
    *,
    first: int = 0,
    requests: int = 4,
    loan_id: str | None = None,
) -> list[str]:
    """Record predictions of the champion as the service does; the ids of the requests.

    Args:
        first: The first of the loans that are scored.
        loan_id: In place of the ids of these loans.
    """
    champion = session.registry.champion()
    assert champion is not None
    predictor = Predictor.from_artifact(
        session.artifacts.folder(champion), reason_texts=session.portfolio.reason_texts()
    )
    frame = small_bank.loans().iloc[first : first + count]
    features = transform(session.portfolio, frame, frame["issued"].to_numpy().astype("datetime64[D]"))
    scored = predictor.predict(features.numerical, features.categorical, reasons="adverse")
    values = json.loads(frame[COLUMNS].to_json(orient="records"))
    ids, lines = [], []
    for number in range(requests):
        rows = range(number, count, requests)
        ids.append(str(uuid.uuid4()))
        line = {
            "request_id": ids[-1],
            "model_version": champion.version,
            "threshold": predictor.threshold,
            "channel": "http",
            "latency_ms": 3.25,
            "created_at": (created_at + timedelta(minutes=number)).isoformat(),
            "loans": [
                {
                    "loan_id": loan_id or frame["loan"].iloc[row],
                    "features": values[row],
                    "probability": float(scored.pd[row]),
                    "decision": int(scored.decision[row]),
                    "reasons": [asdict(reason) for reason in scored.reasons[row]] or None,
                }
                for row in rows
            ],
        }
        lines.append(json.dumps(line, ensure_ascii=False).encode())
    session.predictions.append_lines(lines)
    return ids


@pytest.fixture(scope="session")
def original_bank(
    postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RecordedBank]:
    """A bank of two promoted classifiers; no test alters it."""
    folder = tmp_path_factory.mktemp("recorded_bank")
    with fresh_database(postgres) as url:
        with opening(url, folder) as opened:
            bank = opened()
            bank.run()
            serve(bank.session, MARCH, 40)
            retrain(bank.session, bank.instance)
            other = next(
                model
                for model in bank.session.registry.history()
                if model.kind == "classifier" and model.status != "champion"
            )
            promote(bank.session, other.version, "to have two promotions")
            serve(bank.session, APRIL, 40, first=40)
        # No copy finds the files of the original under their registered path.
        moved = folder.rename(folder.with_name("moved_bank"))
        yield RecordedBank(moved, url)


@contextmanager
def copied(bank: RecordedBank, postgres: LocalPostgres, folder: Path) -> Iterator[RecordedBank]:
    """A copy of the bank that may be altered."""
    shutil.copytree(bank.folder, folder)
    with fresh_database(postgres, bank.url) as url:
        yield RecordedBank(folder, url)


@pytest.fixture
def recorded_bank(
    original_bank: RecordedBank, postgres: LocalPostgres, tmp_path: Path
) -> Iterator[RecordedBank]:
    """A copy of the bank for this test alone."""
    with copied(original_bank, postgres, tmp_path / "bank") as bank:
        yield bank
