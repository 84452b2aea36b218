"""The tables of docs/settings.md name every setting once, with its default."""

import re
from pathlib import Path

import pytest

from loan_default_assets.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {name.upper(): field for name, field in Settings.model_fields.items()}


def documented(text: str) -> list[tuple[str, str]]:
    """Variable and default of every row; an empty default where one text stands for several variables."""
    found = []
    for line in text.splitlines():
        if not line.startswith("| `"):
            continue
        names, given = line.split(" | ")[:2]
        variables, defaults = re.findall(r"`([A-Z][A-Z0-9_]+)`", names), given.split(", ")
        alone = len(defaults) != len(variables)
        found += [(name, "" if alone else defaults[number]) for number, name in enumerate(variables)]
    return found


TABLE = documented((ROOT / "docs" / "settings.md").read_text("utf-8"))


def test_every_setting_has_one_row() -> None:
    assert sorted(name for name, _ in TABLE) == sorted(FIELDS)


@pytest.mark.parametrize(("name", "given"), TABLE)
def test_the_default_is_that_of_the_code(name: str, given: str) -> None:
    default = FIELDS[name].default
    if name in ("LEARNING_RATE", "BATCH_SIZE"):
        # The default counts only where the rows give none.
        assert given == ""
    elif isinstance(default, bool):
        assert given == str(default).lower()
    elif isinstance(default, int | float):
        assert float(given) == default
    elif isinstance(default, str) and given:
        assert given.strip("`") == default


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("| `A_B`, `C_D` | 1, 2 | text with `OTHER` |", [("A_B", "1"), ("C_D", "2")]),
        ("| `A_B`, `C_D` | none | text |", [("A_B", ""), ("C_D", "")]),
        ("| `A_B` | `warn` | text |", [("A_B", "`warn`")]),
        ("| variable | default | meaning |", []),
    ],
)
def test_rows_are_read(row: str, found: list[tuple[str, str]]) -> None:
    assert documented(f"# Settings\n\n{row}\n") == found
