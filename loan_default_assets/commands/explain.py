"""`explain`: one recorded decision in applicants' words, from the features and the model that it was made with."""

import uuid
from collections.abc import Sequence
from datetime import date

import pandas as pd

from loan_default_assets.commands.session import CommandError, Session
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.explain_decision import (
    ExplanationInputs,
    NotExplainedError,
    explain_decision,
)
from loan_default_assets.portfolio.checks.pandera_schema import application_violations
from loan_default_assets.portfolio.errors import did_you_mean
from loan_default_assets.portfolio.ingest.cell_parsing import parse_cell
from loan_default_assets.portfolio.spec import Column, Portfolio
from loan_default_assets.reports.figures.decision_explanation import DecisionExplanation, Value


def explain(
    session: Session, request_id: str, position: int, corrections: Sequence[str] = ()
) -> DecisionExplanation:
    """Explain the decision on one application of a request.

    Args:
        session: An open session.
        request_id: As in the response to the request.
        position: Index of the application within the request, from 0.
        corrections: COLUMN=VALUE texts with which to score the application again; an empty VALUE is a missing one.

    Raises:
        CommandError: The request id, a correction, or what is recorded does not allow it.
        ArtifactError: The files of the model are missing or damaged.
    """
    try:
        parsed = str(uuid.UUID(request_id))
    except ValueError:
        raise CommandError(
            "REQUEST_ID: a UUID is expected, as in the response to a request\nNext: loan-default explain REQUEST_ID"
        ) from None
    portfolio = session.portfolio
    corrected = dict(_correction(portfolio, text) for text in corrections)
    inputs = ExplanationInputs(
        portfolio,
        session.database,
        session.loans,
        session.registry,
        session.evaluations,
        session.artifacts,
        split_limits(session.settings),
    )
    try:
        return explain_decision(inputs, parsed, position, corrected)
    except NotExplainedError as error:
        raise CommandError(str(error)) from None


def _correction(portfolio: Portfolio, text: str) -> tuple[str, Value]:
    """Column and value of COLUMN=VALUE; the value obeys the rules of the portfolio, and no error quotes it."""
    name, equals, cell = text.partition("=")
    column = portfolio.columns.get(name)
    if not equals or column is None:
        # The name is not quoted: it may be the value.
        wrong = f"no such column{did_you_mean(name, portfolio.columns)}" if equals else "there is no ="
        raise CommandError(f"--correct: expected COLUMN=VALUE, {wrong}\nNext: loan-default explain --help")
    try:
        value = parse_cell(column, cell, portfolio.missing)
    except ValueError as error:
        raise CommandError(f"--correct {name}: {error}\nNext: the same command with another value") from None
    if found := application_violations(portfolio, _frame(name, column, value), date.today()):
        raise CommandError(
            f"--correct {name}: must be {found[0].check}\nNext: the same command with another value"
        )
    return name, value.isoformat() if isinstance(value, date) else value


def _frame(name: str, column: Column, value: object) -> pd.DataFrame:
    """One application with one value, as the checks of a file take it."""
    dtypes = {"number": "float64", "category": "category", "date": "datetime64[ns]"}
    return pd.DataFrame(
        {
            "loan_id": pd.Series(["-"], dtype=object),
            "as_of": pd.Series([None], dtype="datetime64[ns]"),
            name: pd.Series([value], dtype=dtypes.get(column.kind, "object")),
        }
    )
