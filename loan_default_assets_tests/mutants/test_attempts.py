"""Outcomes of planted faults are kept for the source in which they were seen."""

from pathlib import Path

import pytest

from loan_default_assets_tests.mutants.attempts import AttemptRecord, Outcome
from loan_default_assets_tests.mutants.mutant import Mutant

FAULT = Mutant("a promise", "module.py", "x = 1", "x = 2", ("test_one.py", "test_two.py"))
SEEN = Outcome(True, "test_one.py::test_x")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("module.py", *FAULT.tests):
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


def test_an_outcome_is_found_again_by_the_next_process(root: Path) -> None:
    AttemptRecord(root / "record" / "file", root).add(FAULT, SEEN)
    assert AttemptRecord(root / "record" / "file", root).get(FAULT) == SEEN


@pytest.mark.parametrize("name", ["module.py", "test_one.py", "test_two.py"])
def test_it_is_of_the_source_in_which_it_was_seen(name: str, root: Path) -> None:
    record = AttemptRecord(root / "file", root)
    record.add(FAULT, SEEN)
    (root / name).write_text("x = 1\n\n")
    assert record.get(FAULT) is None


def test_another_fault_has_none(root: Path) -> None:
    record = AttemptRecord(root / "file", root)
    record.add(FAULT, SEEN)
    assert record.get(Mutant("a promise", "module.py", "x = 1", "x = 3", FAULT.tests)) is None


def test_a_line_that_was_cut_off_is_omitted(root: Path) -> None:
    file = root / "file"
    AttemptRecord(file, root).add(FAULT, SEEN)
    file.write_text(file.read_text() + '{"digest": "ab", "kil')
    assert AttemptRecord(file, root).get(FAULT) == SEEN
