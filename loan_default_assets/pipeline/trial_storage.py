"""Optuna's tables in the platform's database: opening them, and their errors."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loan_default_assets.pipeline.trial_queue import TrialQueue
from loan_default_assets.warehouse.database import OPTUNA_SCHEMA, Database, library_url
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.trial_locks import hold_process_lock

if TYPE_CHECKING:
    import optuna

    from loan_default_assets.model.search_space import Dimension


@contextmanager
def open_queue(
    url: str, subject: Mapping[str, Any], space: Sequence["Dimension"], present: Mapping[str, Any], seed: int
) -> Iterator[TrialQueue]:
    """The trials of a study, which Optuna keeps in the schema `optuna` of the platform's database.

    Args:
        url: The database.
        subject: What the trials of a study have in common, as JSON values; `portfolio` names it.
        space: The settings to search.
        present: The present settings.
        seed: Seed of the search.

    Raises:
        WarehouseError: The database cannot be reached or used.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    subject = {**subject, "space": [(dimension.name, dimension.text) for dimension in space]}
    digest = hashlib.sha256(json.dumps(subject, sort_keys=True).encode()).hexdigest()
    with _translated_errors(url), hold_process_lock(url) as locks:
        with locks.exclusive("tables"):
            storage = _storage(url)
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=f"{subject['portfolio']}:{digest[:16]}",
                direction="maximize",
                load_if_exists=True,
                # Of the first trials, and of the first two epochs of any, too little is known.
                pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
            )
            yield TrialQueue(study, locks, space, present, seed)
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _storage(url: str) -> "optuna.storages.RDBStorage":
    """Optuna's tables, made or migrated by Optuna; one process at a time."""
    import optuna

    storage = optuna.storages.RDBStorage(
        library_url(url, OPTUNA_SCHEMA),
        engine_kwargs={"pool_size": 1, "pool_pre_ping": True},
        skip_compatibility_check=True,
    )
    present = storage.get_current_version()
    if present not in storage.get_all_versions():
        raise WarehouseError(
            f"the tables in schema {OPTUNA_SCHEMA} are of a newer Optuna than {optuna.__version__}: upgrade it with "
            "pip install -U optuna"
        )
    if present != storage.get_head_version():
        storage.upgrade()
    return storage


@contextmanager
def _translated_errors(url: str) -> Iterator[None]:
    """Optuna's and SQLAlchemy's errors as the WarehouseError that every command reports."""
    import warnings

    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    # Parts of the sampler are experimental: their results may change with a new release of Optuna.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    lost = (optuna.exceptions.StorageInternalError, optuna.exceptions.UpdateFinishedTrialError)
    try:
        yield
    except (*lost, SQLAlchemyError) as error:
        address = Database(url, OPTUNA_SCHEMA, _reserved=True).address
        # The driver's own words: SQLAlchemy adds the statement and its parameters.
        cause = error.__cause__ or error
        words = " ".join(str(getattr(cause, "orig", None) or cause).split())
        raise WarehouseError(
            f"PostgreSQL at {address} failed during a trial: {words}\n"
            "The finished trials are stored; run the same command again"
        ) from None
