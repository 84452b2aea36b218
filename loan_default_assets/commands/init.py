"""`init`: a first portfolio for a file of loans, an account of every column, and questions that the file leaves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.draft_evidence import find_evidence
from loan_default_assets.commands.draft_progress import Progress, silent
from loan_default_assets.commands.draft_refinement import (
    with_ordered_codes,
    with_telling_shares,
    without_ratios,
)
from loan_default_assets.commands.draft_report import draft_report
from loan_default_assets.commands.draft_window import too_few_for_a_verdict
from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.portfolio.profiling.column_profiles import FileProfile, profile_file
from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.draft_horizon import days_from
from loan_default_assets.portfolio.profiling.draft_yaml import draft_yaml
from loan_default_assets.portfolio.profiling.file_account import FileAccount, account_for, drafted_portfolio
from loan_default_assets.portfolio.profiling.label_inference import confirmation
from loan_default_assets.portfolio.profiling.outcome_columns import outcome_columns
from loan_default_assets.portfolio.profiling.portfolio_draft import (
    DraftRequest,
    PortfolioDraft,
    draft_portfolio,
    refuse_without_features,
)
from loan_default_assets.portfolio.profiling.undecided import UndecidedError

Ask = Callable[[UndecidedError], str]


@dataclass(frozen=True)
class WrittenDraft:
    """What `init` wrote: the file, and the report for the terminal."""

    path: Path
    report: str


def write(
    file: str,
    request: DraftRequest,
    output: str | None = None,
    *,
    ask: Ask | None = None,
    today: date | None = None,
    progress: Progress = silent,
    limits: SplitLimits = SplitLimits(),
) -> WrittenDraft:
    """Draft a portfolio for a file and write it.

    Args:
        file: The file of loans.
        request: What the user has decided.
        output: Where the portfolio is written; NAME.yaml, when omitted.
        ask: Asks the user on a terminal; None where nobody can answer.
        today: The last date that a loan may have, for tests.
        progress: Receives what is being done, and how much of it is done.
        limits: The rows and defaults that a verdict requires.

    Raises:
        CommandError: The output exists already.
        UndecidedError: A human must decide, and nobody can be asked.
        PortfolioError: The file cannot be read, or no portfolio can be drafted from it.
    """
    if output is not None:
        _refuse_existing(Path(output))
    progress(f"reading {file}", 0, 0)
    profile = profile_file(
        file,
        encoding=request.encoding,
        fill_short_rows=request.fill_short_rows,
        progress=lambda rows: progress(f"reading {file}: rows", rows, 0),
    )
    draft = _decided(profile, request, ask, progress)
    path = Path(output or f"{draft.name}.yaml")
    _refuse_existing(path)
    draft, account = accounted_draft(draft, today or date.today(), ask, progress, limits)
    path.write_text(draft_yaml(draft), encoding="utf-8")
    return WrittenDraft(path, draft_report(draft, account, path, file))


def accounted_draft(
    draft: PortfolioDraft,
    today: date,
    ask: Ask | None = None,
    progress: Progress = silent,
    limits: SplitLimits = SplitLimits(),
) -> tuple[PortfolioDraft, FileAccount]:
    """The draft with its calendar, without the features that may know the outcome, and with shares of two amounts.

    Raises:
        UndecidedError: The file does not show when outcomes are final, and nobody can be asked.
        PortfolioError: The answer is no number of days.
    """
    account = account_for(
        draft, today, lambda rows: progress("converting the cells: rows", rows, draft.profile.rows)
    )
    completed = complete_draft(draft, account, today)
    if completed.horizon is not None and (question := completed.horizon.asked) is not None:
        # Of a workbook with a sheet per year, the days of one sheet are asked about.
        question = question.after(draft.profile.layout.decisions)
        if ask is None:
            raise question
        draft = replace(draft, given_horizon=days_from(ask(question)))
        completed = complete_draft(draft, account, today)
    draft = completed
    draft, account = with_ordered_codes(draft, account)
    outcomes = outcome_columns(draft)
    draft = draft.with_known_after_outcome(outcomes)
    evidence = find_evidence(draft, account, progress)
    draft = draft.with_known_after_outcome(evidence.reasons)
    refuse_without_features(draft)
    progress("looking for shares of two amounts", 0, 0)
    draft = _with_shares(draft, account, progress)
    draft = replace(
        draft,
        notes=(*draft.notes, f"{evidence.summary}."),
        decisions=(*draft.decisions, *too_few_for_a_verdict(draft, account, limits), *evidence.decisions),
    )
    if excluded := (*outcomes, *evidence.reasons):
        listed = ", ".join(excluded)
        draft = replace(
            draft,
            decisions=(
                *draft.decisions,
                f"known_after_outcome: not used as features, as they may exist only after the outcome: {listed}. A "
                "column that is known at application: move it to known_at_application.",
            ),
        )
    drafted_portfolio(draft)
    return draft, account


def _with_shares(draft: PortfolioDraft, account: FileAccount, progress: Progress) -> PortfolioDraft:
    """The draft with the shares that are not themselves found to know the outcome."""
    draft = with_telling_shares(draft, account)
    if not draft.derived:
        return draft
    draft = without_ratios(draft, find_evidence(draft, account, progress).reasons)
    notes = tuple(f"derive: {ratio.name} = {ratio.expression}: {ratio.reason}." for ratio in draft.derived)
    return replace(draft, notes=(*draft.notes, *notes))


def _decided(
    profile: FileProfile, request: DraftRequest, ask: Ask | None, progress: Progress
) -> PortfolioDraft:
    """The draft, after the questions that the file leaves open."""

    def decided(columns: int) -> None:
        progress("guessing what each column is: columns", columns, len(profile.layout.columns))

    while True:
        try:
            draft = draft_portfolio(profile, request, decided)
            if ask is not None and draft.label.guessed:
                raise confirmation(draft.label)
            return draft
        except UndecidedError as question:
            if ask is None:
                raise
            request = answered(request, question, ask(question))


def answered(request: DraftRequest, question: UndecidedError, answer: str) -> DraftRequest:
    """The request with the answer to a question."""
    if question.option == "date" and not answer:
        return replace(request, undated=True)
    if question.option == "positive":
        return replace(request, positive=(answer,))
    if question.option == "label":
        return replace(request, label=answer)
    if question.option == "date":
        return replace(request, date=answer)
    return replace(request, date_format=answer)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise CommandError(f"{path} exists already and was not changed\nNext: give another --output")
