"""`score`: predicts the loans of a file as the service does, and records them in the prediction log."""

import hashlib
import sys
import uuid
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from loan_default_assets.commands.session import CommandError, Session
from loan_default_assets.commands.spreadsheet_cells import neutral
from loan_default_assets.portfolio.checks.pandera_schema import application_violations
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.ingest.sources import read_applications
from loan_default_assets.warehouse.predictions import Prediction


def score(session: Session, file: str, output: TextIO, *, today: date | None = None) -> int:
    """Score the applications of a file and write them as CSV.

    The columns are loan_id, probability, decision, reasons and model_version. A loan id that a spreadsheet would take
    for a formula has an apostrophe in front. An application without a date is scored as of today. The same file scored
    again by the same model is recorded in the prediction log once.

    Args:
        session: An open session with a champion.
        file: CSV or Parquet file of applications.
        output: Where the CSV is written.
        today: The date of applications without one, for tests.

    Returns:
        The number of applications.

    Raises:
        ArtifactError: The champion's files are missing or damaged, or their signature is not accepted.
        CommandError: There is no champion, or an application breaks a rule of the portfolio; nothing is scored.
        SourceError: The file does not fit the portfolio; nothing is scored.
    """
    from loan_default_assets.model.predictor import Predictor

    portfolio = session.portfolio
    champion = session.registry.champion()
    if champion is None:
        raise CommandError("there is no champion to score with\nNext: loan-default run")
    predictor = Predictor.from_artifact(
        session.artifacts.check_served(champion).required().path,
        sha256=champion.artifact_sha256,
        portfolio_hash=portfolio.hash,
        reason_texts=portfolio.reason_texts(),
    )
    now = today or date.today()
    frame = read_applications(portfolio, file)
    if found := application_violations(portfolio, frame, now):
        raise CommandError(
            "\n".join(
                [
                    f"the loans of {file} do not match portfolio {portfolio.name}; none was scored:",
                    *map(str, found),
                    "Next: correct these rows, or remove them; then the same command",
                ]
            )
        )
    as_of = frame["as_of"].fillna(pd.Timestamp(now)).to_numpy().astype("datetime64[D]")
    features = transform(portfolio, frame, as_of)
    scored = predictor.predict(features.numerical, features.categorical, reasons="adverse")
    names = [name for name in frame.columns if name not in ("loan_id", "as_of")]
    content = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    request = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{portfolio.name} {champion.version} {content}"))
    scored_at = datetime.now(UTC)
    session.predictions.append(
        [
            Prediction(
                request_id=request,
                position=position,
                loan_id=loan_id,
                model_version=champion.version,
                features=dict(zip(names, row, strict=True)),
                probability=float(scored.pd[position]),
                decision=int(scored.decision[position]),
                threshold=predictor.threshold,
                reasons=[asdict(reason) for reason in scored.reasons[position]] if adverse else None,
                channel="file",
                latency_ms=None,
                created_at=scored_at,
            )
            for position, (loan_id, row, adverse) in enumerate(
                zip(frame["loan_id"], _plain(frame[names]), scored.decision.tolist(), strict=True)
            )
        ]
    )
    pd.DataFrame(
        {
            "loan_id": frame["loan_id"].map(neutral),
            "probability": scored.pd,
            "decision": scored.decision,
            "reasons": [neutral("; ".join(reason.en for reason in reasons)) for reasons in scored.reasons],
            "model_version": champion.version,
        }
    ).to_csv(output, index=False)
    return len(frame)


def _plain(frame: pd.DataFrame) -> list[list[Any]]:
    """Rows as JSON has them: missing values as null, dates as ISO text."""
    columns = [
        series.dt.strftime("%Y-%m-%d") if series.dtype.kind == "M" else series for _, series in frame.items()
    ]
    rows = zip(*(column.astype(object).where(column.notna(), None) for column in columns), strict=True)
    return [list(row) for row in rows]


def score_file(session: Session, file: str, output: str | None) -> str:
    """Score to `output`, or to standard output; a line on the outcome."""
    if output is None:
        count = score(session, file, sys.stdout)
        return f"scored {count} loans of {file}"
    target = Path(output)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            count = score(session, file, stream)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return f"scored {count} loans of {file} to {output}"
