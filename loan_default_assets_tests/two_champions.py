"""A bank with a champion and one before it, with predictions before and after the second, which tests copy."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loan_default_assets.commands.promote import promote
from loan_default_assets.commands.retrain import retrain
from loan_default_assets.commands.session import Session
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.features import transform
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_bank import opening

MARCH, APRIL = datetime(2025, 3, 5, tzinfo=UTC), datetime(2025, 4, 5, tzinfo=UTC)
COLUMNS = ["income", "amount", "months_employed", "purpose", "branch"]


@dataclass(frozen=True)
class TwoChampions:
    """The bank's database, its folder, and its two versions. No test alters it."""

    url: str
    folder: Path
    former: str
    champion: str

    @property
    def home(self) -> Path:
        return self.folder / "home"


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
def two_champions(
    postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoChampions]:
    folder = tmp_path_factory.mktemp("two_champions")
    with fresh_database(postgres) as url:
        with opening(url, folder) as opened:
            bank = opened()
            bank.run()
            former = bank.session.registry.champion()
            assert former is not None
            serve(bank.session, MARCH, 40)
            retrain(bank.session, bank.instance)
            newest = bank.session.registry.history()[0]
            promote(bank.session, newest.version, "to have two promotions")
            serve(bank.session, APRIL, 40, first=40)
        # No copy finds the files under the registered folders.
        moved = folder.rename(folder.with_name("moved"))
        yield TwoChampions(url, moved, former.version, newest.version)
