"""A suggested command acts on the portfolio that the present command was given."""

import click
import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.next_command import with_portfolio

NEXT = "Next: loan-default policy --reason TEXT, and loan-default status"


@pytest.mark.parametrize(
    ("given", "text", "expected"),
    [
        (
            "my loans.yaml",
            NEXT,
            "Next: loan-default policy --portfolio 'my loans.yaml' --reason TEXT, "
            "and loan-default status --portfolio 'my loans.yaml'",
        ),
        ("a.yaml", "loan-default score-loans: PDs", "loan-default score-loans --portfolio a.yaml: PDs"),
        ("a.yaml", "loan-default run --portfolio b.yaml", "loan-default run --portfolio b.yaml"),
        ("a.yaml", "1\nloan-default demo\nloan-default other", "1\nloan-default demo\nloan-default other"),
        (None, NEXT, NEXT),
    ],
)
def test_the_option_is_added_to_commands_that_have_it(given: str | None, text: str, expected: str) -> None:
    with click.Context(loan_default) as root, click.Context(loan_default.commands["status"], root) as context:
        context.params["portfolio"] = given
        assert with_portfolio(text) == expected


def test_an_error_names_the_portfolio_in_its_next_command(
    monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: object
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(tmp_path))
    monkeypatch.setenv("PORTFOLIO", "demo")
    result = CliRunner().invoke(loan_default, ["report", "--portfolio", "sba_loans"])
    assert result.exit_code == 1
    assert "loan-default run --portfolio sba_loans" in result.output
