"""The table of planted faults fits the source: every line occurs once, and every named test file exists."""

from pathlib import Path

import pytest

from loan_default_assets_tests.mutants.attempts import planted
from loan_default_assets_tests.mutants.planted import PLANTED, Mutant

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", PLANTED, ids=lambda mutant: mutant.promise)
def test_the_line_occurs_once_and_the_tests_exist(mutant: Mutant) -> None:
    source = (ROOT / mutant.path).read_text("utf-8")
    altered = planted(mutant, source)
    assert altered != source
    if mutant.path.endswith(".py"):
        compile(altered, mutant.path, "exec")
    assert mutant.tests
    for path in mutant.tests:
        assert (ROOT / path).is_file(), path
