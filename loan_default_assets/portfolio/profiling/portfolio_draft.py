"""A first portfolio for a file of loans: what each column becomes, the label, and time, drafted for review."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from loan_default_assets.portfolio.errors import PortfolioError, did_you_mean
from loan_default_assets.portfolio.ingest.date_formats import DateFormat
from loan_default_assets.portfolio.ingest.number_formats import propose_number_format
from loan_default_assets.portfolio.profiling.column_profiles import FileProfile, profile_file
from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.column_roles import role_of
from loan_default_assets.portfolio.profiling.date_faults import date_fault, without_dates
from loan_default_assets.portfolio.profiling.draft_calendar import DraftCalendar
from loan_default_assets.portfolio.profiling.draft_candidates import (
    as_of_reading,
    ask_date,
    ask_label,
    date_candidates,
    key_candidate,
)
from loan_default_assets.portfolio.profiling.draft_horizon import Horizon
from loan_default_assets.portfolio.profiling.draft_training import DraftTraining, draft_training
from loan_default_assets.portfolio.profiling.label_inference import LabelReading, infer_label

JOIN_THE_DATA = (
    "A file of outcomes alone predicts nothing: join it with the file of the applications by the number of the loan, "
    "one row per loan"
)
_SYSTEM_NAMES = ("public", "information_schema", "loan_default", "dagster")


@dataclass(frozen=True)
class DraftRequest:
    """What the user has decided; everything else is drafted.

    Attributes:
        label: The outcome column.
        date: The column of the date on which a loan was known.
        key: The column that identifies a loan.
        name: The portfolio's name.
        positive: The values of a default, or one threshold such as `>=90`.
        date_format: How the dates of `date` are written.
        undated: Whether the file is one table without dates.
        encoding: The encoding of a text file, where its text does not decide it.
        fill_short_rows: Read the cells that short rows of a text file lack as missing.
        horizon_days: Days from a loan's date until its outcome is final.
        pending: The values of the label that are no outcome yet.
    """

    label: str | None = None
    date: str | None = None
    key: str | None = None
    name: str | None = None
    positive: tuple[str, ...] = ()
    date_format: str | None = None
    undated: bool = False
    encoding: str | None = None
    fill_short_rows: bool = False
    horizon_days: int | None = None
    pending: tuple[str, ...] = ()


@dataclass(frozen=True)
class DraftedRatio:
    """A derived feature: its name, its expression over columns of the portfolio, and why it is drafted."""

    name: str
    expression: str
    reason: str


@dataclass(frozen=True)
class PortfolioDraft:
    """A drafted portfolio.

    Attributes:
        profile: The file.
        name: The portfolio's name.
        label: How the label is read.
        roles: What each other column becomes, in the file's order.
        key: The column that identifies a loan.
        as_of: The column of the loan's date.
        date_reading: How its cells are written.
        calendar: Cadence, start and end; None before the file's rows were accounted for, or without dates.
        horizon: Days until an outcome is final; None before the file's rows were accounted for, or without dates.
        given_horizon: What the user has decided on it.
        derived: Ratios of two columns.
        notes: What was found, for the user.
        decisions: What a human must decide or correct.
    """

    profile: FileProfile
    name: str
    label: LabelReading
    roles: tuple[ColumnRole, ...]
    key: str | None = None
    as_of: str | None = None
    date_reading: DateFormat | None = None
    calendar: DraftCalendar | None = None
    horizon: Horizon | None = None
    given_horizon: int | None = None
    derived: tuple[DraftedRatio, ...] = ()
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = field(default=())

    def with_known_after_outcome(self, reasons: Mapping[str, str]) -> "PortfolioDraft":
        """The draft with columns that the evidence excludes, by their name in the portfolio."""
        roles = [
            replace(role, use="known_after_outcome", reason=reasons[role.name])
            if role.use == "feature" and role.name in reasons
            else role
            for role in self.roles
        ]
        return replace(self, roles=tuple(roles))

    @property
    def training(self) -> DraftTraining | None:
        """The model's settings for a large file; None where the defaults fit."""
        return draft_training(self.profile.rows, sum(role.use == "feature" for role in self.roles))


def draft_portfolio(
    profile: FileProfile, request: DraftRequest, progress: Callable[[int], None] = lambda _: None
) -> PortfolioDraft:
    """Draft a portfolio from the profiles of a file's columns.

    Args:
        profile: The file.
        request: What the user has decided.
        progress: Receives the number of columns whose role is decided so far.

    Raises:
        UndecidedError: A human must answer a question first; the error has the possible answers.
        PortfolioError: A column does not exist, the label is no label, or the date column holds no dates.
    """
    for given in filter(None, (request.label, request.date, request.key)):
        if given not in profile.columns:
            # A name that looks like a row or an object is one, of a file that was divided at the wrong places.
            names = [name for name in profile.columns if not re.search(r"""[{}\[\]"@]|.{60}""", name)]
            raise PortfolioError(f"{profile.path}: {given!r} is not a column{did_you_mean(given, names)}")
    if request.label is None:
        raise ask_label(profile)
    label = request.label
    column = profile.columns[label]
    reading = infer_label(
        label, column.counts, column.complete, request.positive, request.pending, column.empty
    )
    as_of, dates = _dates(profile, request, label)
    if as_of is None and request.horizon_days is not None:
        raise PortfolioError(
            "--horizon-days counts days from the loan's date: give the column with --date too"
        )
    taken = {name for name in (label, as_of) if name is not None}
    key = request.key or key_candidate(profile, taken)
    notes = list(profile.layout.notes)
    if key and not request.key:
        notes.append(key_note(key))
    taken |= {key} if key else set()
    roles = _roles(profile, taken, progress, dated=as_of is not None)
    draft = PortfolioDraft(
        profile, _portfolio_name(request.name or profile.path.name.split(".")[0]), reading, roles, key, as_of, dates,
        given_horizon=request.horizon_days, notes=tuple(notes),
        decisions=(
            *profile.layout.decisions,
            *_decisions(reading, column.empty, dates),
            *([] if as_of or request.undated else [without_dates(profile.columns)]),
        ),
    )  # fmt: skip
    refuse_without_features(draft)
    return draft


def draft_for(path: Path | str, request: DraftRequest) -> PortfolioDraft:
    """Profile a file and draft a portfolio for it; errors are those of `profile_file` and `draft_portfolio`."""
    return draft_portfolio(
        profile_file(path, encoding=request.encoding, fill_short_rows=request.fill_short_rows), request
    )


def key_note(key: str) -> str:
    """What the report says of the key that nobody named."""
    return f"Column {key} identifies the loans (key); --key names another."


def _dates(profile: FileProfile, request: DraftRequest, label: str) -> tuple[str | None, DateFormat | None]:
    if request.undated and request.date is None:
        return None, None
    if request.date is None:
        candidates = tuple(name for name in date_candidates(profile) if name not in (label, request.key))
        if candidates:
            raise ask_date(profile, candidates)
        return None, None
    column = profile.columns[request.date]
    reading = as_of_reading(request.date, column, request.date_format)
    if reading is None:
        fault = date_fault(column.present)
        raise PortfolioError(
            f"{profile.path}: {request.date!r} is not a date in every row, so it cannot be as_of; "
            + (fault or "give another --date, or --date-format FORMAT such as '%d.%m.%Y'")
        )
    return request.date, reading


def _roles(
    profile: FileProfile, taken: set[str], progress: Callable[[int], None], *, dated: bool
) -> tuple[ColumnRole, ...]:
    names = profile.layout.portfolio_names
    decimal = _decimal(profile, taken)
    not_needed = dict(profile.layout.not_needed)
    roles = []
    for position, name in enumerate(profile.layout.columns):
        progress(position)
        if name in not_needed:
            roles.append(ColumnRole(name, names[name], "ignored", reason=not_needed[name]))
        elif name not in taken:
            roles.append(role_of(name, names[name], profile.columns[name], dated=dated, decimal=decimal))
    return tuple(roles)


def _decimal(profile: FileProfile, taken: set[str]) -> Literal[".", ","] | None:
    """The decimal separator of the columns that have only one reading."""
    found: Counter[str] = Counter()
    for name, column in profile.columns.items():
        if (
            name not in taken
            and not column.typed
            and any("," in text or "." in text for text in column.counts)
        ):
            proposal = propose_number_format(column.counts)
            if proposal is not None and not proposal.alternatives:
                separated = any(proposal.decimal in text for text in column.counts)
                found[proposal.decimal] += separated
    used = [mark for mark, count in found.items() if count]
    if len(used) != 1:
        return None
    return "," if used[0] == "," else "."


def _decisions(label: LabelReading, empty: int, dates: DateFormat | None) -> list[str]:
    found = []
    if label.why != "--positive":
        found.append(f"label: {label.text}, by {label.why}. If that is wrong: --positive VALUE.")
    elif label.rate > 0.5:
        found.append(
            f"label: {label.text}, more than half, by --positive. Where that is the value of a loan without default, "
            "name the other."
        )
    if pending := [value for value in label.pending if value not in label.unknown]:
        rows = sum(label.counts[value] for value in pending)
        found.append(
            f"label: {rows:,} loans count as without an outcome yet ({', '.join(pending)}); see label.pending."
        )
    if label.unknown:
        found.append(label.unknown_text)
    if empty:
        found.append(
            f"label: {empty:,} loans have an empty cell in {label.column}, and count as without an outcome yet: kept, "
            "and neither trained nor evaluated on. Where an empty cell is a repaid loan, write so into the file."
        )
    if label.why == "--positive" and len(label.negative) > 1:
        found.append(
            f"label: {', '.join(label.negative)} count as no default. A value that is no outcome yet, such as that of "
            "a loan that still runs: --pending VALUE."
        )
    if dates is not None and dates.numeric:
        found.append(
            f"date: its numbers are read as {dates.format}, {dates.first} to {dates.last}; else --date-format."
        )
    return found


def _portfolio_name(text: str) -> str:
    """A name that is accepted as a PostgreSQL schema of its own."""
    plain = re.sub("[^a-z0-9_]+", "_", text.lower()).strip("_")[:40].strip("_")
    if not plain[:1].isalpha() or plain in _SYSTEM_NAMES or plain.startswith("pg_"):
        return f"loans_{plain}".rstrip("_")
    return plain


def refuse_without_features(draft: PortfolioDraft) -> None:
    """Raise PortfolioError where no feature remains."""
    if not draft.derived and not any(role.use == "feature" for role in draft.roles):
        raise PortfolioError(
            f"{draft.profile.path}: no column remains as a feature; {_why_none(draft.roles)}. {JOIN_THE_DATA}"
        )


def _why_none(roles: tuple[ColumnRole, ...]) -> str:
    return "; ".join(f"{role.source_name}: {role.reason}" for role in roles[:20]) or "it has no other column"
