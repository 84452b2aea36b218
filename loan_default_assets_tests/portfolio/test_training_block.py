from pathlib import Path

import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.training_block import difference, edit, read_file
from loan_default_assets.portfolio.yaml_loader import library_names, load_text

CHANGES = {"dropout": 0.25, "bins": 48}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: a\n", "name: a\ntraining:\n  dropout: 0.25\n  bins: 48\n"),
        ("name: a", "name: a\ntraining:\n  dropout: 0.25\n  bins: 48\n"),
        ("training: {}\nname: a\n", "training: {dropout: 0.25, bins: 48}\nname: a\n"),
        ("training: {preset: fast}  # why\n", "training: {preset: fast, dropout: 0.25, bins: 48}  # why\n"),
        (
            "training: {\n  bins: 24, preset: fast,\n}\n",
            "training: {\n  bins: 48, preset: fast, dropout: 0.25,\n}\n",
        ),
        (
            "training:\n    bins: 24  # few\n    preset: fast  # cheap\n# the end\nname: a\n",
            "training:\n    bins: 48  # few\n    preset: fast  # cheap\n    dropout: 0.25\n# the end\nname: a\n",
        ),
        ("training:\n  dropout: 0.1\n  bins: 0", "training:\n  dropout: 0.25\n  bins: 48"),
        ("training:\n  preset: fast", "training:\n  preset: fast\n  dropout: 0.25\n  bins: 48"),
        (
            "training:\r\n  bins: 0\r\nname: a\r\n",
            "training:\r\n  bins: 48\r\n  dropout: 0.25\r\nname: a\r\n",
        ),
        ("\ufefftraining: {bins: 1}\n", "\ufefftraining: {bins: 48, dropout: 0.25}\n"),
        ("name: a\r\n", "name: a\r\ntraining:\r\n  dropout: 0.25\r\n  bins: 48\r\n"),
        (
            'title: "훈련: {"\ntraining: {bins: 1}\n',
            'title: "훈련: {"\ntraining: {bins: 48, dropout: 0.25}\n',
        ),
    ],
)
def test_only_the_settings_change(before: str, after: str) -> None:
    assert edit(before, CHANGES) == after
    assert load_text(after)["training"] | CHANGES == load_text(after)["training"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-05, "1.0e-05"),
        (2.5e-06, "2.5e-06"),
        (0.002, "0.002"),
        (64, "64"),
        (True, "true"),
        ("mask", '"mask"'),
    ],
)
def test_a_value_is_read_back_as_it_was(value: object, text: str) -> None:
    edited = edit("name: a\n", {"setting": value})
    assert edited.endswith(f"  setting: {text}\n")
    assert load_text(edited)["training"]["setting"] == value


@pytest.mark.parametrize(
    "text",
    [
        "base: &base {preset: fast}\ntraining: *base\n",
        "{name: a, training: {preset: fast}}\n",
        "base: &base {bins: 24}\ntraining:\n  <<: *base\n",
    ],
)
def test_what_cannot_be_edited_is_refused_with_the_lines_to_write(text: str) -> None:
    with pytest.raises(PortfolioError, match=r"by hand: dropout: 0.25, bins: 48"):
        edit(text, CHANGES)


@pytest.mark.parametrize("name", library_names())
def test_every_portfolio_of_the_library_can_be_edited(name: str) -> None:
    path, text = read_file(name)
    edited = edit(text, CHANGES)
    shown = difference(path.name, text, edited)
    assert shown.startswith(f"--- {path.name}\n+++ {path.name}\n")
    assert [line for line in shown.splitlines() if line.startswith(("+ ", "+t"))]


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortfolioError, match=r"none\.yaml"):
        read_file(str(tmp_path / "none.yaml"))
