from datetime import date, timedelta

import pytest

from loan_default_assets.commands.backfill import backfill
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.promote import promote, rollback
from loan_default_assets.commands.retrain import retrain
from loan_default_assets.commands.run import Outcome, fingerprint
from loan_default_assets.commands.session import definitions
from loan_default_assets.commands.status import status
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.partitions import completed_keys
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, OpenBank, open_bank

__all__ = ["open_bank"]

FIRST, LAST = small_bank.START, small_bank.START + timedelta(days=39)
MIDDLE = small_bank.START + timedelta(days=20)


def load(bank: Bank, first: date, last: date, **arguments: date) -> Outcome:
    return backfill(bank.session, bank.instance, first=first, last=last, today=small_bank.TODAY, **arguments)


def ingest(bank: Bank, first: date, last: date) -> None:
    keys = completed_keys(bank.session.portfolio, first, last, small_bank.TODAY)
    materialize(bank.session, bank.instance, definitions(bank.session), jobs.INGEST, partitions=keys)


def test_forwards_backwards_and_twice_over_the_rows_are_the_same(open_bank: OpenBank) -> None:
    forwards = open_bank()
    ingest(forwards, FIRST, MIDDLE)
    ingest(forwards, MIDDLE, LAST)
    hashes = fingerprint(forwards.session)
    backwards = open_bank(name="small_bank_backwards")
    ingest(backwards, MIDDLE, LAST)
    ingest(backwards, FIRST, MIDDLE)
    ingest(backwards, FIRST, LAST)
    for day in (LAST, MIDDLE, FIRST):
        ingest(backwards, day, day)
    assert fingerprint(backwards.session) == hashes
    assert forwards.session.loans.counts()["processed_data"] == 2400


@pytest.mark.slow
def test_a_replay_has_the_features_of_that_day_and_models_that_knew_no_more(open_bank: OpenBank) -> None:
    day = small_bank.START + timedelta(days=30)
    replayed = open_bank()
    assert load(replayed, FIRST, LAST, cutoff=day).partitions == 30
    champion = replayed.session.registry.champion()
    assert champion is not None
    assert champion.window_to is not None
    assert champion.window_to + timedelta(days=small_bank.HORIZON) <= day

    known = list(replayed.session.loans.partitions())
    before = replayed.session.loans.read_processed(keys=known).digest()
    load(replayed, FIRST, LAST)
    assert replayed.session.loans.read_processed(keys=known).digest() == before


def test_operators_verbs(open_bank: OpenBank) -> None:
    bank = open_bank()
    assert load(bank, FIRST, LAST).partitions == 40
    session = bank.session
    trained = [m for m in session.registry.history() if m.kind == "classifier"]
    assert len(trained) == 1, "the models follow once, not once a partition"
    first = session.registry.champion()
    assert first is not None
    with pytest.raises(WarehouseError, match="no earlier champion"):
        rollback(session, "because")
    with pytest.raises(CommandError, match="no version nonsense; there are"):
        promote(session, "nonsense", "because")
    encoder = next(m for m in session.registry.history() if m.kind == "encoder")
    with pytest.raises(CommandError, match="no recorded verdict"):
        promote(session, encoder.version, "because")

    said = retrain(session, bank.instance)
    models = [m for m in session.registry.history() if m.kind == "classifier"]
    assert len(models) == 2
    assert models[0].version in said
    assert models[0].hyper_parameters["mode"] == "head"
    assert models[0].hyper_parameters["seed"] != models[1].hyper_parameters["seed"]

    champion, other = (m.version for m in sorted(models, key=lambda m: m.status != "champion"))
    assert promote(session, champion, "because") == f"{champion} is the champion already"
    assert promote(session, other, "I know better") == f"{other} is the champion in place of {champion}"
    assert rollback(session, "I did not") == f"{champion} is the champion again in place of {other}"
    assert status(session, bank.instance)["champion"]["version"] == champion


def test_retraining_in_status_says_why_and_when(open_bank: OpenBank) -> None:
    bank = open_bank()
    empty = status(bank.session, bank.instance)["retraining"]
    assert set(empty) == {"state", "reason", "attempts", "next"}
    assert empty["state"] == "NO_MODEL"
    with pytest.raises(CommandError, match="no matured label"):
        retrain(bank.session, bank.instance)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (LAST, FIRST, "--from 2025-02-09 is later than --to 2025-01-01"),
        (date(2024, 1, 1), date(2024, 12, 1), "no completed daily partition"),
    ],
)
def test_wrong_ranges_are_refused_before_anything_runs(
    open_bank: OpenBank, first: date, last: date, said: str
) -> None:
    bank = open_bank()
    with pytest.raises(CommandError, match=said):
        load(bank, first, last)
    assert bank.instance.get_runs_count() == 0
