"""Every alteration behind the triggers is found, by the right check, in the right row."""

import random
from pathlib import Path

import pytest

from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.two_champions import TwoChampions
from loan_default_assets_tests.verification.alterations import ALTERATIONS, Alteration
from loan_default_assets_tests.verification.recorded_bank import RecordedBank, copied
from loan_default_assets_tests.verification.sealed_alterations import SEALED_ALTERATIONS

ALL = ALTERATIONS | SEALED_ALTERATIONS


def assert_found(bank: RecordedBank, alteration: Alteration, rng: random.Random) -> None:
    row = alteration.do(bank, rng)
    deviations = bank.verify().deviations
    deviation = deviations.first.get(alteration.check)  # type: ignore[call-overload]
    assert deviation is not None, deviations.first
    assert deviation.table == alteration.table
    assert row in deviation.row
    assert alteration.message in str(deviation)


@pytest.mark.parametrize("alteration", ALL.values(), ids=ALL)
def test_an_alteration_is_found(alteration: Alteration, recorded_bank: RecordedBank) -> None:
    assert_found(recorded_bank, alteration, random.Random(0))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_random_alterations_are_found(
    two_champions: TwoChampions, postgres: LocalPostgres, tmp_path: Path
) -> None:
    rng = random.Random(7)
    names = [*ALL, *rng.choices([*ALL], k=100 - len(ALL))]
    for number, name in enumerate(names):
        with copied(two_champions, postgres, tmp_path / str(number)) as bank:
            assert_found(bank, ALL[name], rng)
