"""`prune --apply` in a process of its own that kills itself at a chosen moment, for `test_killed_prune`."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from bento.operations import bentoml_internals
from loan_default_assets.commands.prune import prune
from loan_default_assets.commands.session import dagster_instance, open_session
from loan_default_assets.orchestration import retention
from loan_default_assets.orchestration.storage import BatchedEventLog
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database

# Later than everything that the tests record.
NOW = datetime.now(UTC) + timedelta(days=200)


@dg.asset
def replaced() -> None:
    return None


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    """Kill this process in place of the first call."""
    setattr(owner, name, lambda *_, **__: kill())


def after(owner: Any, name: str) -> None:
    """Kill this process after the first call."""
    original = getattr(owner, name)

    def called(*arguments: Any, **named: Any) -> None:
        original(*arguments, **named)
        kill()

    setattr(owner, name, called)


def _after_one_month() -> None:
    original = retention.prune_months

    def one_month(database: Database, months: Sequence[date], *, unmatured: bool) -> int:
        original(database, months[:1], unmatured=unmatured)
        kill()
        return 0

    vars(retention)["prune_months"] = one_month


def _within_a_month() -> None:
    def uncommitted(database: Database, months: Sequence[date], *, unmatured: bool) -> int:
        with database.transaction() as cursor:
            cursor.execute("SELECT prune_predictions(%s, %s)", (months[0], unmatured))
            kill()
        return 0

    vars(retention)["prune_months"] = uncommitted


def _half_of_a_folder() -> None:
    def remove(folder: Path) -> None:
        next(path for path in folder.rglob("*") if path.is_file()).unlink()
        kill()

    vars(shutil)["rmtree"] = remove


def _half_of_a_bento() -> None:
    def remove(tag: str, *, store: Path) -> None:
        name, _, version = tag.partition(":")
        (store / "bentos" / name / version / "bento.yaml").unlink()
        kill()

    vars(bentoml_internals)["delete_bento"] = remove


MOMENTS: dict[str, Callable[[], None]] = {
    "the events of a run are deleted": lambda: after(BatchedEventLog, "delete_events"),
    "a run is deleted": lambda: after(dg.DagsterInstance, "delete_run"),
    "models are marked": lambda: before(Path, "replace"),
    "a model is moved": lambda: before(shutil, "rmtree"),
    "half of a model is removed": _half_of_a_folder,
    "a month is not committed": _within_a_month,
    "a month is deleted": _after_one_month,
    "half of a Bento is removed": _half_of_a_bento,
    "a Bento is deleted without its model": lambda: after(bentoml_internals, "delete_bento"),
    "a Bento and its model are deleted": lambda: after(bentoml_internals, "delete_model"),
}


def main(work: str) -> None:
    """`runs` makes three runs; a moment prunes until then; anything else prunes to the end."""
    with open_session(Settings()) as session, dagster_instance(session) as instance:
        if work == "runs":
            for _ in range(3):
                dg.materialize([replaced], instance=instance)
            return
        MOMENTS.get(work, lambda: None)()
        prune(session, instance, apply=True, now=NOW)


if __name__ == "__main__":
    main(sys.argv[1])
