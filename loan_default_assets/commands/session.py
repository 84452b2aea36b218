"""What every command works with: settings, portfolio, database and the Dagster instance."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import dagster as dg

from loan_default_assets.commands import pending_restore
from loan_default_assets.commands.dagster_home import environment_of, instance_of
from loan_default_assets.definitions import build_definitions
from loan_default_assets.interrupts import unwind_from_here
from loan_default_assets.limits import decision_policy
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.orchestration.partitions import with_history
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.private_files import prepare_home
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store, decision_signer
from loan_default_assets.warehouse.database import Database, normalise, redact
from loan_default_assets.warehouse.embedded.local_postgres import serve
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.oversight import OversightLog
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets.warehouse.registry import Registry


@dataclass(frozen=True)
class Session:
    """What a command works with; valid inside `open_session` only."""

    settings: Settings
    portfolio: Portfolio
    url: str
    database: Database

    @property
    def loans(self) -> Loans:
        return Loans(self.database, self.portfolio)

    @property
    def registry(self) -> Registry:
        return Registry(self.database, signer=decision_signer(self.settings))

    @property
    def promotions(self) -> Promotions:
        return Promotions(
            self.database, decision_policy(self.settings), signer=decision_signer(self.settings)
        )

    @property
    def oversight(self) -> OversightLog:
        return OversightLog(self.database)

    @property
    def evaluations(self) -> EvaluationLog:
        return EvaluationLog(self.database)

    @property
    def predictions(self) -> PredictionLog:
        return PredictionLog(self.database)

    @property
    def artifacts(self) -> ArtifactStore:
        return artifact_store(self.settings)

    @property
    def database_label(self) -> str:
        """The database for messages, without a password."""
        return redact(self.url) if self.settings.database_url else f"embedded server in {self.settings.home}"


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """Start (embedded, where DATABASE_URL is unset) and migrate the database for the time of one command.

    A restore that was killed is completed or dropped first.

    Raises: PortfolioError, WarehouseError, CommandError while a restore runs.
    """
    portfolio = load(settings.portfolio, source=settings.loan_source)
    unwind_from_here()
    prepare_home(settings.home)
    given = settings.database_url.get_secret_value() if settings.database_url else None
    with serve(settings.home, given) as url:
        pending_restore.settle_killed(settings, url)
        database = Database(normalise(url), portfolio.name)
        database.migrate(portfolio)
        pending_restore.replay_erasures(settings.home, database)
        yield Session(settings, portfolio, normalise(url), database)


def environment(session: Session) -> dict[str, str]:
    """The environment variables that a Dagster process of this session needs."""
    return environment_of(session.settings, session.url)


@contextmanager
def dagster_instance(session: Session) -> Iterator[dg.DagsterInstance]:
    """The instance that the UI opens too, configured by the `dagster.yaml` of the project's root."""
    with instance_of(session.settings, session.url) as instance:
        yield instance


def definitions(
    session: Session,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
    *,
    partitions: Sequence[str] = (),
) -> dg.Definitions:
    """The graph of the session's portfolio, with the stored partitions and those that are about to be materialized.

    Runs also log to `loggers`.
    """
    stored = session.loans.first_partition()
    first = min([*partitions, *([stored] if stored else [])], default=None)
    portfolio = with_history(session.portfolio, first, date.today())
    return build_definitions(settings=session.settings, portfolio=portfolio, loggers=loggers)
