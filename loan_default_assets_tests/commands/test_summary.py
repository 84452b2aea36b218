"""The commands that a run names at its end are those of the portfolio that it ran on."""

import pytest

from loan_default_assets.commands.summary import next_lines
from loan_default_assets.settings import Settings

OWN = "loan-default init FILE"


@pytest.mark.parametrize(
    ("portfolio", "source", "synthetic", "said", "unsaid"),
    [
        ("demo", None, True, ["loan-default status:", "loan-default up:", OWN], "--portfolio"),
        (
            "my loans.yaml",
            "loans.csv",
            False,
            [
                "loan-default status --portfolio 'my loans.yaml':",
                "loan-default up --portfolio 'my loans.yaml' --source loans.csv:",
                "loan-default score FILE --portfolio 'my loans.yaml':",
            ],
            OWN,
        ),
        (
            "bank.yaml",
            "postgresql://user:hidden@host/loans",
            False,
            ["up --portfolio bank.yaml --source URL:"],
            "hidden",
        ),
    ],
)
def test_the_next_commands(
    portfolio: str, source: str | None, synthetic: bool, said: list[str], unsaid: str
) -> None:
    text = "\n".join(next_lines(Settings(portfolio=portfolio, loan_source=source), synthetic=synthetic))
    assert [each for each in said if each not in text] == []
    assert unsaid not in text
