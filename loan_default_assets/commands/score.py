"""`score`: predicts the loans of a file as the service does, and records them in the prediction log."""

import hashlib
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import pandas as pd

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.spreadsheet_cells import neutral
from loan_default_assets.pipeline.model_storage import load_predictor
from loan_default_assets.portfolio.checks.pandera_schema import application_violations
from loan_default_assets.portfolio.checks.violations import UNIQUE, Violation, merged, unique_violation
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.ingest.sources import application_batches
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.private_files import give_users_mode
from loan_default_assets.warehouse.predictions import Prediction

if TYPE_CHECKING:
    from loan_default_assets.model.predictor import Predictor

# Rows that are recorded at once: as Python objects with their features they take most of the memory.
_ROWS_PER_TRANSACTION = 4096


@dataclass(frozen=True)
class ScoredFile:
    """What was scored.

    Attributes:
        loans: The number of applications.
        request_id: Under which they are recorded, in the order of the file, from position 0 on.
    """

    loans: int
    request_id: str


def score(session: Session, file: str, output: TextIO, *, today: date | None = None) -> ScoredFile:
    """Score the applications of a file and write them as CSV.

    The columns are loan_id, probability, decision, reasons and model_version. A loan id that a spreadsheet would take
    for a formula has an apostrophe in front. An application without a date is scored as of today. The same file scored
    again by the same model is recorded in the prediction log once.

    The file is read twice, to be checked and to be scored, in batches, in memory that does not grow with it.

    Args:
        session: An open session with a champion.
        file: File of applications, of any kind that is read.
        output: Where the CSV is written.
        today: The date of applications without one, for tests.

    Raises:
        ArtifactError: The champion's files are missing or damaged, or their signature is not accepted.
        CommandError: There is no champion, or an application breaks a rule of the portfolio; nothing is scored.
        SourceError: The file does not fit the portfolio; nothing is scored.
    """
    portfolio, now = session.portfolio, today or date.today()
    champion = session.registry.champion()
    if champion is None:
        raise CommandError("there is no champion to score with\nNext: loan-default run")
    predictor = load_predictor(champion, portfolio, session.artifacts)
    if found := _violations(portfolio, file, now):
        raise CommandError(
            "\n".join(
                [
                    f"the loans of {file} do not match portfolio {portfolio.name}; none was scored:",
                    *map(str, found),
                    "Next: correct these rows, or remove them; then the same command",
                ]
            )
        )
    with Path(file).open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    scoring = _FileScoring(
        portfolio,
        predictor,
        champion.version,
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{portfolio.name} {champion.version} {content}")),
        now,
        datetime.now(UTC),
    )
    count = 0
    for batch in application_batches(portfolio, file):
        for first in range(0, len(batch), _ROWS_PER_TRANSACTION):
            frame = batch.iloc[first : first + _ROWS_PER_TRANSACTION]
            predictions, written = scoring.scored(frame, count)
            session.predictions.append(predictions)
            written.to_csv(output, index=False, header=count == 0)
            count += len(frame)
    return ScoredFile(count, scoring.request_id)


def _violations(portfolio: Portfolio, file: str, today: date) -> list[Violation]:
    """What is wrong with the applications, loan ids that occur in several batches included."""
    found: list[Violation] = []
    hashes: list[np.ndarray] = []
    for frame in application_batches(portfolio, file):
        found += application_violations(portfolio, frame, today)
        hashes.append(pd.util.hash_array(frame["loan_id"].to_numpy()))
    # Within a batch the schema has found them; equal hashes of different loan ids do not occur in practice.
    if len(hashes) > 1 and len(again := _repeated(hashes)):
        found = [violation for violation in found if violation.check != UNIQUE]
        found.append(unique_violation(again + 1))
    return merged(found)


def _repeated(hashes: list[np.ndarray]) -> np.ndarray:
    """Positions of the hashes that occur more than once; the list is emptied, so that memory stays low."""
    together = np.concatenate(hashes)
    hashes.clear()
    ordered = np.sort(together)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(np.isin(together, twice)) if len(twice) else np.empty(0, np.int64)


@dataclass(frozen=True)
class _FileScoring:
    """How the applications of one file are scored.

    Attributes:
        request_id: One per file content and model, so that a repetition is recorded once.
        today: The date of applications without one.
    """

    portfolio: Portfolio
    predictor: "Predictor"
    version: str
    request_id: str
    today: date
    scored_at: datetime

    def scored(self, frame: pd.DataFrame, first: int) -> tuple[list[Prediction], pd.DataFrame]:
        """Records for the prediction log, and rows of the CSV, of applications that follow `first` others."""
        as_of = frame["as_of"].fillna(pd.Timestamp(self.today)).to_numpy().astype("datetime64[D]")
        features = transform(self.portfolio, frame, as_of)
        scored = self.predictor.predict(features.numerical, features.categorical, reasons="adverse")
        names = [name for name in frame.columns if name not in ("loan_id", "as_of")]
        # Features count days from it, so the score cannot be reproduced without it.
        if any(self.portfolio.columns[name].kind == "date" for name in names):
            frame = frame.assign(as_of=as_of)
            names.append("as_of")
        predictions = [
            Prediction(
                request_id=self.request_id,
                position=first + position,
                loan_id=loan_id,
                model_version=self.version,
                features=dict(zip(names, row, strict=True)),
                probability=float(scored.pd[position]),
                decision=int(scored.decision[position]),
                threshold=self.predictor.threshold,
                reasons=scored.reasons[position] if adverse else None,
                channel="file",
                latency_ms=None,
                created_at=self.scored_at,
            )
            for position, (loan_id, row, adverse) in enumerate(
                zip(frame["loan_id"], _plain(frame[names]), scored.decision.tolist(), strict=True)
            )
        ]
        reasons = [neutral("; ".join(reason.en for reason in each)) for each in scored.reasons]
        written = pd.DataFrame(
            {
                "loan_id": frame["loan_id"].map(neutral).to_numpy(),
                "probability": scored.pd,
                "decision": scored.decision,
                "reasons": reasons,
                "model_version": self.version,
            }
        )
        return predictions, written


def _plain(frame: pd.DataFrame) -> list[list[Any]]:
    """Rows as JSON has them: missing values as null, dates as ISO text."""
    columns = [
        series.dt.strftime("%Y-%m-%d") if series.dtype.kind == "M" else series for _, series in frame.items()
    ]
    rows = zip(*(column.astype(object).where(column.notna(), None) for column in columns), strict=True)
    return [list(row) for row in rows]


def score_file(session: Session, file: str, output: str | None) -> str:
    """Score to `output`, or to standard output; lines on the outcome."""
    if output is None:
        return _told(score(session, file, sys.stdout), file)
    target = Path(output)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            scored = score(session, file, stream)
        give_users_mode(partial, session.settings.home)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return _told(scored, f"{file} to {output}")


def _told(scored: ScoredFile, what: str) -> str:
    return (
        f"scored {scored.loans} loans of {what}\n"
        f"Next: loan-default explain {scored.request_id} --position N    (N: 0 for the first loan of the file)"
    )
