"""Every threat of docs/threat-model.md names a countermeasure, and a test that exists or why there is none."""

import ast
import re
from pathlib import Path

import pytest

from loan_default_assets_tests.supply_chain.dependency_licences import ROOT

TESTS = ROOT / "loan_default_assets_tests"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
THREATS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for section in (ROOT / "docs/threat-model.md").read_text("utf-8").split("\n## ")
    if "| guarded by |" in section
    for line in section.splitlines()
    if line.startswith("| ") and not line.startswith(("| threat |", "| --- |"))
]


def missing_tests(text: str, root: Path = TESTS) -> list[str]:
    """The named tests that no file below `root` defines at its top."""
    return [
        f"{path}::{name}"
        for path, name in NAMED.findall(text)
        if not (root / path).is_file() or name not in functions(root / path)
    ]


def functions(path: Path) -> set[str]:
    return {
        node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0])
def test_a_threat_has_a_countermeasure_and_an_existing_test(row: list[str]) -> None:
    _, countermeasure, guard = row
    assert countermeasure
    assert NAMED.search(guard) or guard.startswith("no test:"), guard
    assert not missing_tests(guard)


def test_all_sections_are_read() -> None:
    assert len(THREATS) > 30


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`supply_chain/test_threat_model.py::test_all_sections_are_read`", False),
        ("`supply_chain/test_threat_model.py::test_that_was_renamed`", True),
        ("`supply_chain/test_threat_model.py::missing`", True),
        ("`supply_chain/test_no_such_file.py::test_all_sections_are_read`", True),
    ],
)
def test_a_test_that_does_not_exist_is_found(text: str, missing: bool) -> None:
    assert bool(missing_tests(text)) is missing
