"""The hash that ties models to their portfolio: what it covers, and that it does not change between releases."""

from pathlib import Path

import pytest

from loan_default_assets.portfolio.spec import library_names, load
from loan_default_assets_tests.portfolio.five_columns import YAML, portfolio

NUMBER = "income: {kind: number, min: 0, max: 1000000}"
GRADE = "grade: {kind: category, values: [A, B, 가]}"

# Stored models are tied to these hashes: a changed hash makes them unusable.
LIBRARY_HASHES = {
    "demo": "aa4be60ac2fd0c03315f49a78ed943ef885e2057a7b7302a4791ece3be066b54",
    "polish_bankruptcy": "cdb8d1346b683f40033b60bae45e5b2332a316a4fee1ed4caa46b35fdc7f4089",
    "realistic": "b98bcb90302a0fc1f9cc88ca3f37b9a7a2bd101ea0edb90be43ecfcb39ddd475",
    "sba_loans": "bef4b79998c99e8178f3bcb1d7253834974ee1379286fc2bdb14327d3d0520e5",
    "south_german_credit": "26a45b42471d113ca1b3411a01b2b606fd98c558f07c9fae74fd7e5d08d15fc8",
    "taiwan_credit": "14d71856c06d0643cac2aaf3bb99afd6a62e09b743517069cca8375754169277",
}


@pytest.mark.parametrize("name", library_names())
def test_the_hash_of_a_library_portfolio_is_unchanged(name: str) -> None:
    assert load(name).hash == LIBRARY_HASHES[name]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (
            "kind: number, min: 0, integer",
            "describe: Children, unit: persons, kind: number, min: 0, integer",
            True,
        ),
        (
            "kind: number, min: 0, integer",
            "category: family, actionable: true, kind: number, min: 0, integer",
            True,
        ),
        ("path: loans.csv", "path: other.csv", True),
        (
            "name: bank",
            "name: bank\ntitle: A bank\nowners: [kim@bank.example, team:credit-risk]\nrefresh: '0 6 * * *'",
            True,
        ),
        ("derive:", "documentation: {owner: Credit risk, review_date: 2027-01-31}\nderive:", True),
        ("derive:", "reasons: {income: {en: x}}\ntraining: {preset: fast}\nderive:", True),
        ("[A, B, 가]", "[B, A, 가]", False),
        ("min: 0, max", "min: 1, max", False),
        ("derive:", "known_after_outcome: [note]\nderive:", False),
        ("derive:", "known_at_application: [income]\nderive:", False),
        ("derive:", "known_at_application: []\nderive:", True),
        ("[A, B, 가]", "[A, B, 가], unknown: forbid", False),
        ("derive:", "protected: [grade]\nderive:", False),
        ("(children + 1)", "(children + 2)", False),
        ("horizon_days: 30", "horizon_days: 31", False),
        ("cadence: daily", "cadence: weekly", False),
        ("key: id\n", "ignore: [id]\n", False),
    ],
)
def test_the_hash_covers_what_determines_rows_and_features(
    tmp_path: Path, old: str, new: str, same: bool
) -> None:
    assert (portfolio(tmp_path).hash == portfolio(tmp_path, (old, new)).hash) is same


@pytest.mark.parametrize(
    ("former", "present", "expected"),
    [
        (
            ("derive:", "never: [note]\nderive:"),
            ("derive:", "known_after_outcome: [note]\nderive:"),
            "34d764dce2a18ba36116d64eabb2f502f15e6edc8085c500b10c502ab12521d7",
        ),
        (
            ("[A, B, 가]", "[A, B, 가], unseen: forbid"),
            ("[A, B, 가]", "[A, B, 가], unknown: forbid"),
            "30d069bfabcbd5c5ede63ce0a17b7f367f40dd26ae8245a6826fa9e59bb7aa10",
        ),
    ],
    ids=["never", "unseen"],
)
def test_a_former_key_equals_its_present_name(
    tmp_path: Path, former: tuple[str, str], present: tuple[str, str], expected: str
) -> None:
    old, new = portfolio(tmp_path, former), portfolio(tmp_path, present)
    assert old == new
    assert (old.hash, new.hash) == (expected, expected)


def test_the_order_of_attested_columns_does_not_matter(tmp_path: Path) -> None:
    one, other = (
        portfolio(tmp_path, ("derive:", f"known_at_application: [{names}]\nderive:"))
        for names in ("income, note", "note, income")
    )
    assert one.known_at_application != other.known_at_application
    assert one.hash == other.hash


def test_the_order_of_columns_is_in_the_hash(tmp_path: Path) -> None:
    lines = YAML.splitlines()
    income, grade = (next(line for line in lines if word in line) for word in (NUMBER, GRADE))
    swapped = portfolio(tmp_path, (income, "X"), (grade, income), ("X", grade))
    assert portfolio(tmp_path).hash != swapped.hash
