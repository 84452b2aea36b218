import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from optuna.trial import TrialState

from loan_default_assets.model.search_space import Dimension
from loan_default_assets.model.training_loop import Epoch
from loan_default_assets.pipeline import trial_queue
from loan_default_assets.pipeline.trial_queue import Claim, TrialQueue
from loan_default_assets.pipeline.trial_storage import open_queue
from loan_default_assets.pipeline.tune_settings import run_trial
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError

SPACE = (Dimension("rate", 0.001, 0.1, log=True), Dimension("bins", choices=(0, 24)))
PRESENT = {"rate": 0.0123, "bins": 24}

Open = Callable[..., AbstractContextManager[TrialQueue]]


@pytest.fixture
def opened(database_url: str) -> Open:
    def open_one(
        subject: str = "a", present: dict[str, object] = PRESENT
    ) -> AbstractContextManager[TrialQueue]:
        return open_queue(database_url, {"portfolio": "bank", "snapshot": subject}, SPACE, present, seed=0)

    return open_one


def run_all(queue: TrialQueue, trials: int) -> list[Claim]:
    """Every claim of this process, each completed with its rate as its value."""
    claims = []
    for claim in queue.claims(trials):
        queue.complete(claim, claim.settings["rate"])
        claims.append(claim)
    return claims


def numbers(queue: TrialQueue, state: TrialState) -> Sequence[int]:
    return [trial.number for trial in queue.study.get_trials(states=(state,))]


def test_the_present_settings_are_the_first_trial_and_the_last_start_adds_none(opened: Open) -> None:
    with opened() as queue:
        first = run_all(queue, 4)
    assert [claim.present for claim in first] == [True, False, False, False]
    assert first[0].settings == PRESENT
    with opened() as queue:
        assert run_all(queue, 4) == []
        assert len(run_all(queue, 6)) == 2
        assert len(queue.finished()) == 6


def test_a_start_in_two_parts_searches_as_one_start_does(opened: Open) -> None:
    with opened() as queue:
        whole = [claim.settings for claim in run_all(queue, 5)]
    parts = []
    for trials in (2, 5):
        with opened("b") as queue:
            parts += [claim.settings for claim in run_all(queue, trials)]
    assert parts == whole
    assert len({claim["rate"] for claim in whole}) == 5


def test_processes_at_the_same_time_end_with_the_trials_of_one(opened: Open) -> None:
    def run(_: int) -> int:
        with opened() as queue:
            return len(run_all(queue, 9))

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(run, range(3)))
    with opened() as queue:
        assert sum(counts) == len(queue.finished()) == 9
        assert sum(trial.settings == PRESENT for trial in queue.finished()) == 1


@pytest.mark.parametrize("finished", [0, 2])
def test_a_trial_whose_process_died_is_run_again_with_its_settings(opened: Open, finished: int) -> None:
    with opened() as queue:
        run_all(queue, finished)
        lost = next(queue.claims(4))
    with opened() as queue:
        again = run_all(queue, 4)
        assert [claim.settings for claim in again].count(lost.settings) == 1
        assert len(queue.finished()) == 4
        assert queue.interrupted() == len(numbers(queue, TrialState.FAIL)) == 1
        assert not numbers(queue, TrialState.RUNNING)


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("finished", [0, 1, 3])
def test_an_interrupted_search_tries_what_an_undisturbed_one_does(
    opened: Open, finished: int, chosen: bool
) -> None:
    with opened() as queue:
        whole = [claim.settings for claim in run_all(queue, 5)]
    with opened("b") as queue:
        parts = [claim.settings for claim in run_all(queue, finished)]
        for _ in range(2):
            # The process dies with them: in its trials, or before it has chosen their settings.
            _ = next(queue.claims(5)) if chosen else queue.study.ask()
    with opened("b") as queue:
        parts += [claim.settings for claim in run_all(queue, 5)]
    assert sorted(parts, key=str) == sorted(whole, key=str)


KILLED_IN_ITS_THIRD_TRIAL = """
import sys, time
from loan_default_assets.pipeline.trial_storage import open_queue
from loan_default_assets_tests.pipeline.test_trial_queue import PRESENT, SPACE

with open_queue(sys.argv[1], {"portfolio": "bank", "snapshot": "a"}, SPACE, PRESENT, seed=0) as queue:
    for number, claim in enumerate(queue.claims(6)):
        if number == 2:
            print("claimed", flush=True)
            time.sleep(600)
        queue.complete(claim, claim.settings["rate"])
"""


def test_after_kill_9_the_next_start_ends_with_all_trials(opened: Open, database_url: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_IN_ITS_THIRD_TRIAL, database_url], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        process.kill()
    with opened() as queue:
        (lost,) = queue.study.get_trials(states=(TrialState.RUNNING,))
        again = run_all(queue, 6)
        assert len(again) == 4
        assert [claim.trial.params for claim in again].count(lost.params) == 1
        assert len(queue.finished()) == 6
        assert queue.interrupted() == 1


def test_a_process_that_died_before_it_chose_settings_loses_no_trial(opened: Open) -> None:
    with opened() as queue:
        queue.study.ask()
    with opened() as queue:
        run_all(queue, 3)
        assert len(queue.finished()) == 3


def test_a_running_trial_of_a_live_process_is_waited_for(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls = threading.Semaphore(0)

    def poll(_: float) -> None:
        polls.release()
        time.sleep(0.01)

    monkeypatch.setattr(trial_queue, "time", SimpleNamespace(sleep=poll))
    with opened() as busy, ThreadPoolExecutor(1) as pool:
        claim = next(busy.claims(2))

        def run_rest() -> int:
            with opened() as queue:
                return len(run_all(queue, 2))

        rest = pool.submit(run_rest)
        for _ in range(3):
            assert polls.acquire(timeout=60)
        assert not rest.done()
        busy.complete(claim, 0.5)
        assert rest.result(timeout=30) == 1
        assert len(busy.finished()) == 2


def test_present_settings_that_changed_are_one_trial_more(opened: Open) -> None:
    with opened() as queue:
        run_all(queue, 3)
    with opened(present={"rate": 0.02, "bins": 0}) as queue:
        (claim,) = run_all(queue, 3)
        assert claim.present
        assert claim.settings == {"rate": 0.02, "bins": 0}


def test_trials_of_other_rows_are_not_mixed(opened: Open) -> None:
    with opened() as queue:
        run_all(queue, 2)
    with opened("other") as queue:
        assert queue.finished() == []


@pytest.mark.parametrize("present", [True, False])
def test_a_trial_below_the_median_is_stopped_early_unless_it_is_of_the_present_settings(
    opened: Open, present: bool
) -> None:
    def training(level: float) -> Callable[..., float]:
        def trained(settings: object, on_epoch: Callable[[Epoch], None]) -> float:
            for number in range(1, 7):
                on_epoch(Epoch("fit", number, 6, 0.5, level, 0.0))
            return level

        return trained

    with opened() as queue:
        for claim in queue.claims(5):
            run_trial(queue, claim, training(0.8))
        claim = next(queue.claims(6))
        claim = Claim(claim.trial, claim.settings, present)
        run_trial(queue, claim, training(0.6))
        last = queue.finished()[-1]
        assert (last.value, last.stopped_early) == (0.6, not present)
        assert len(queue.finished()) == 6


def test_settings_that_cannot_be_trained_are_reported_and_not_tried_again(opened: Open) -> None:
    def training(settings: object, on_epoch: object) -> float:
        raise ValueError("a score is not finite")

    with opened() as queue:
        run_all(queue, 1)
        claim = next(queue.claims(3))
        with pytest.raises(ValueError, match="not finite"):
            run_trial(queue, claim, training)
    with opened() as queue:
        assert claim.settings not in [again.settings for again in run_all(queue, 3)]
        assert len(queue.finished()) == 3


def run_until_the_connection_is_lost(opened: Open, database_url: str) -> None:
    with opened() as queue:
        claims = queue.claims(3)
        queue.complete(next(claims), 0.5)
        next(claims)
        with Database(database_url, "sample").transaction() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        next(claims)


def test_a_lost_connection_ends_the_start_and_the_next_one_goes_on(opened: Open, database_url: str) -> None:
    with pytest.raises(
        WarehouseError, match=r"connection to PostgreSQL .* was lost.*run the same command again"
    ):
        run_until_the_connection_is_lost(opened, database_url)
    with opened() as queue:
        run_all(queue, 3)
        assert len(queue.finished()) == 3


def report_without_a_table(opened: Open, database_url: str) -> None:
    with opened() as queue:
        claim = next(queue.claims(1))
        with Database(database_url, "sample").transaction() as cursor:
            cursor.execute("DROP TABLE optuna.trial_intermediate_values")
        claim.trial.report(0.5, 1)


def test_an_error_of_the_storage_is_reported_without_its_statement(opened: Open, database_url: str) -> None:
    with pytest.raises(WarehouseError, match=r"run the same command again") as raised:
        report_without_a_table(opened, database_url)
    assert "INSERT INTO" not in str(raised.value)
    assert "[SQL:" not in str(raised.value)


def test_tables_of_an_earlier_optuna_are_migrated(opened: Open, database_url: str) -> None:
    with opened() as queue:
        run_all(queue, 1)
        storage = queue.study._storage._backend
        newest = storage.get_head_version()
        storage._version_manager._set_alembic_revision(storage.get_all_versions()[1])
    with opened() as queue:
        assert queue.study._storage._backend.get_current_version() == newest
        assert len(queue.finished()) == 1


def test_no_table_is_outside_the_schema(opened: Open, database_url: str) -> None:
    with opened():
        pass
    engine = sa.create_engine(database_url)
    names = sa.inspect(engine)
    assert "studies" in names.get_table_names("optuna")
    assert names.get_table_names("public") == []
    engine.dispose()
