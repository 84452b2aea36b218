"""`score`: a file of loans through the Scorer that the service uses, journaled as the service's answers are."""

import hashlib
import sys
import uuid
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from loan_default_assets.commands.session import CommandError, Session
from loan_default_assets.portfolio.checks.pandera_schema import application_violations
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.ingest.sources import applications
from loan_default_assets.warehouse.predictions import Prediction

_ROWS_EXPLAINED_TOGETHER = 500


def score(session: Session, file: str, output: TextIO, *, today: date | None = None) -> int:
    """Writes loan_id, probability, decision, reasons and model_version as CSV; the number of loans.

    A loan without an application date is scored as of today. The same file scored again by the same model is
    journaled once. Raises: CommandError without a champion, or for loans that break a rule of the portfolio;
    SourceError for a file that does not fit it. Then nothing is scored.
    """
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.reason_codes import Reasons

    portfolio = session.portfolio
    champion = session.registry.champion()
    if champion is None:
        raise CommandError("there is no champion to score with\nNext: loan-default run")
    predictor = Predictor.from_artifact(
        Path(champion.artifact_uri), sha256=champion.artifact_sha256, portfolio_hash=portfolio.hash
    )
    now = today or date.today()
    frame = applications(portfolio, file)
    if found := application_violations(portfolio, frame, now):
        raise CommandError(
            "\n".join(
                [
                    f"the loans of {file} do not match portfolio {portfolio.name}; none was scored:",
                    *map(str, found),
                    "Next: correct these rows, or leave them out; then the same command",
                ]
            )
        )
    as_of = frame["as_of"].fillna(pd.Timestamp(now)).to_numpy().astype("datetime64[D]")
    features = transform(portfolio, frame, as_of)
    scores = predictor.score(features.numerical, features.categorical)
    explain = Reasons(portfolio)
    adverse = np.flatnonzero(scores.decision == 1)
    reasons: dict[int, list[dict[str, Any]]] = {}
    for first in range(0, len(adverse), _ROWS_EXPLAINED_TOGETHER):
        some = adverse[first : first + _ROWS_EXPLAINED_TOGETHER]
        parts = predictor.contributions(features.numerical[some], features.categorical[some])
        for place, part in zip(some.tolist(), parts, strict=True):
            reasons[place] = [asdict(reason) for reason in explain.of(part, adverse=True)]
    names = [name for name in frame.columns if name not in ("loan_id", "as_of")]
    content = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    request = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{portfolio.name} {champion.version} {content}"))
    answered = datetime.now(UTC)
    session.predictions.append(
        [
            Prediction(
                request_id=request,
                position=place,
                loan_id=loan_id,
                model_version=champion.version,
                features=dict(zip(names, row, strict=True)),
                probability=float(scores.probability[place]),
                decision=int(scores.decision[place]),
                threshold=predictor.threshold,
                reasons=reasons.get(place),
                channel="file",
                latency_ms=None,
                created_at=answered,
            )
            for place, (loan_id, row) in enumerate(zip(frame["loan_id"], _plain(frame[names]), strict=True))
        ]
    )
    pd.DataFrame(
        {
            "loan_id": frame["loan_id"],
            "probability": scores.probability,
            "decision": scores.decision,
            "reasons": ["; ".join(r["en"] for r in reasons.get(place, ())) for place in range(len(frame))],
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
    """Scores to `output`, or to standard output; what to tell the user."""
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
