"""Alterations of records that are no predictions, and of what retention did, end `loan-default verify` with 1."""

import random

import pytest

from loan_default_assets_tests.verification.alterations import Alteration
from loan_default_assets_tests.verification.chained_bank import verify_command
from loan_default_assets_tests.verification.record_alterations import RECORD_ALTERATIONS
from loan_default_assets_tests.verification.recorded_bank import RecordedBank
from loan_default_assets_tests.verification.retention_alterations import RETENTION_ALTERATIONS
from loan_default_assets_tests.verification.score_alterations import BATCH_ALTERATIONS, SHADOW_ALTERATIONS

ALL = RECORD_ALTERATIONS | RETENTION_ALTERATIONS | BATCH_ALTERATIONS | SHADOW_ALTERATIONS


@pytest.mark.parametrize("alteration", ALL.values(), ids=ALL)
def test_an_alteration_is_found(alteration: Alteration, chained_bank: RecordedBank) -> None:
    row = alteration.do(chained_bank, random.Random(0))
    code, lines = verify_command(chained_bank)
    assert code == 1
    named = [line[7:] for line in lines if line.startswith(("BROKEN ", "also   "))]
    [found] = [line for line in named if line.startswith(f"{alteration.check}: ")]
    assert found.startswith(f"{alteration.check}: {alteration.table}, ")
    assert row in found
    assert alteration.message in found
