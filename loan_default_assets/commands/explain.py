"""`explain`: one recorded decision in applicants' words, from the features and the model that it was made with."""

import uuid
from collections.abc import Sequence

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.decisions.corrections import CorrectionError, checked_value, correctable
from loan_default_assets.decisions.explain_decision import (
    ExplanationInputs,
    NotExplainedError,
    explain_decision,
    rescoring_of,
)
from loan_default_assets.limits import split_limits
from loan_default_assets.model.decision_explanation import DecisionExplanation, Value
from loan_default_assets.pipeline.recomputed_grades import recomputed_grade_bounds
from loan_default_assets.portfolio.ingest.cell_parsing import parse_cell
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.champion_decisions import operating_system_user


def explain(
    session: Session, request_id: str, position: int, corrections: Sequence[str] = ()
) -> DecisionExplanation:
    """Explain the decision on one application of a request.

    Args:
        session: An open session.
        request_id: As in the response to the request.
        position: Index of the application within the request, from 0.
        corrections: COLUMN=VALUE texts with which to score the application again; an empty VALUE is a missing one.
            That it was done is recorded, without the values.

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
        session.registry,
        session.evaluations,
        session.artifacts,
        recomputed_grade_bounds(session.loans, split_limits(session.settings)),
    )
    try:
        found = explain_decision(inputs, parsed, position, corrected)
    except NotExplainedError as error:
        raise CommandError(str(error)) from None
    if rescoring := rescoring_of(found):
        session.oversight.record_rescoring(rescoring, operating_system_user())
    return found


def _correction(portfolio: Portfolio, text: str) -> tuple[str, Value]:
    """Column and value of COLUMN=VALUE; the value obeys the rules of the portfolio, and no error quotes it."""
    name, equals, cell = text.partition("=")
    try:
        if not equals:
            raise CorrectionError("", "there is no =")
        column = correctable(portfolio, name)
        try:
            value = parse_cell(column, cell, portfolio.missing)
        except ValueError as error:
            raise CorrectionError(name, str(error)) from None
        return name, checked_value(portfolio, name, value)
    except CorrectionError as error:
        if not error.column:
            raise CommandError(
                f"--correct: expected COLUMN=VALUE, {error}\nNext: loan-default explain --help"
            ) from None
        raise CommandError(
            f"--correct {error.column}: {error}\nNext: the same command with another value"
        ) from None
