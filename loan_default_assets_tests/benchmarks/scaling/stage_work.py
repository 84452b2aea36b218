"""The work of the stages of ingestion and scoring, as the pipeline and the commands do it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.score import score
from loan_default_assets.commands.session import Session, dagster_instance, definitions
from loan_default_assets.model.predictor import Predictor, ReasonMode
from loan_default_assets.orchestration import jobs
from loan_default_assets.pipeline.batch_scoring import score_partitions
from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.pipeline.make_features import make_features
from loan_default_assets.warehouse.batch_scores import BatchScores
from loan_default_assets.warehouse.database import dsn
from loan_default_assets_tests.benchmarks.scaling.scaled_bank import (
    TODAY,
    ScaledBank,
    features_of,
    fitted_champion,
    partition_keys,
)

Facts = dict[str, float | str]
LOG = logging.getLogger(__name__)
_ROWS_PER_BLOCK = 50_000


@dataclass(frozen=True)
class StageWork:
    """What the work of one process is given.

    Attributes:
        bank: The loans.
        session: An open session of it.
        worker: Number of this process, from 0.
        workers: Number of processes.
        models: Folder of the fitted champions.
    """

    bank: ScaledBank
    session: Session
    worker: int
    workers: int
    models: Path

    @property
    def keys(self) -> list[str]:
        return partition_keys(self.session.portfolio, self.worker, self.workers)


def copy_file(work: StageWork) -> Callable[[], Facts]:
    """COPY the file as it is to a new table of the same columns and primary key."""
    columns = "loan text, day date, status text, grade text, "
    columns += ", ".join(f"amount_{i} double precision" for i in range(19)) + ", "
    columns += ", ".join(f"code_{i} text" for i in range(7))

    def run() -> Facts:
        with (
            psycopg2.connect(dsn(work.session.url)) as connection,
            connection.cursor() as cursor,
            work.bank.csv.open() as file,
        ):
            cursor.execute("DROP TABLE IF EXISTS public.bare")
            cursor.execute(f"CREATE TABLE public.bare ({columns}, PRIMARY KEY (day, loan))")
            cursor.copy_expert("COPY public.bare FROM STDIN (FORMAT csv, HEADER)", file, size=1 << 20)
        return {"file_bytes": float(work.bank.csv.stat().st_size)}

    return run


def load(work: StageWork) -> Callable[[], Facts]:
    """Check the rows of the file and store them."""

    def run() -> Facts:
        load_partitions(work.session.portfolio, work.session.loans, work.keys, today=TODAY, log=LOG)
        return {}

    return run


def featurize(work: StageWork) -> Callable[[], Facts]:
    """Make and store the features of the stored rows."""

    def run() -> Facts:
        make_features(work.session.portfolio, work.session.loans, work.keys, log=LOG)
        return {}

    return run


def ingest_daily(work: StageWork) -> Callable[[], Facts]:
    """Load the loans and make their features in one run of Dagster."""
    found = definitions(work.session)

    def run() -> Facts:
        with dagster_instance(work.session) as instance:
            materialize(work.session, instance, found, jobs.INGEST, partitions=work.keys)
        return {"partitions": float(len(work.keys))}

    return run


def score_stored(work: StageWork) -> Callable[[], Facts]:
    """Score the stored loans into `scored_loans`."""

    def run() -> Facts:
        session = work.session
        score_partitions(
            session.portfolio,
            session.loans,
            session.registry,
            session.artifacts,
            BatchScores(session.database),
            work.keys,
            log=LOG,
        )
        with session.database.transaction() as cursor:
            cursor.execute("SELECT avg(decision) FROM scored_loans")
            ((adverse,),) = cursor.fetchall()
        return {"adverse_share": float(adverse)}

    return run


def score_file(work: StageWork) -> Callable[[], Facts]:
    """Score a file as `loan-default score` does, to a CSV file."""
    work.bank.write_part(work.worker, work.workers)
    target = work.bank.folder / f"scores-{work.worker}.csv"

    def run() -> Facts:
        file = work.bank.part(work.worker, work.workers)
        with target.open("w", encoding="utf-8", newline="") as stream:
            score(work.session, str(file), stream, today=TODAY)
        with work.session.database.transaction() as cursor:
            cursor.execute("SELECT avg(decision) FROM predictions")
            ((adverse,),) = cursor.fetchall()
        target.unlink()
        return {"adverse_share": float(adverse)}

    return run


def predict_rows(reasons: ReasonMode) -> Callable[[StageWork], Callable[[], Facts]]:
    """Score rows that are in memory."""

    def prepare(work: StageWork) -> Callable[[], Facts]:
        portfolio = work.session.portfolio
        numerical, categorical = features_of(portfolio, work.bank.csv, work.bank.rows)
        texts = portfolio.reason_texts()
        predictor = Predictor(fitted_champion(work.models, "default"), "measured", {}, reason_texts=texts)
        predictor.predict(numerical[:100], categorical[:100], reasons=reasons)

        def run() -> Facts:
            adverse = 0
            for first in range(0, len(numerical), _ROWS_PER_BLOCK):
                block = slice(first, first + _ROWS_PER_BLOCK)
                adverse += int(
                    predictor.predict(numerical[block], categorical[block], reasons=reasons).decision.sum()
                )
            return {"adverse_share": adverse / len(numerical)}

        return run

    return prepare
