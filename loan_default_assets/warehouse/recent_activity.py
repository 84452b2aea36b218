"""What the console shows of the tables: evaluations of champions, volumes per day, versions and decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2 import extensions

from loan_default_assets.policy.verdict_warnings import VerdictWarning, recorded_warnings


@dataclass(frozen=True)
class ChampionEvaluation:
    """F1 of a model that was champion at some time, with its 95 % interval; None where it is not defined."""

    version: str
    evaluated_at: datetime
    window_from: date | None
    window_to: date | None
    rows: int
    positives: int
    f1: float | None
    f1_low: float | None
    f1_high: float | None


@dataclass(frozen=True)
class DayVolume:
    """Predictions of a day in UTC, and how many of them decided 1."""

    day: date
    predictions: int
    predicted_defaults: int


@dataclass(frozen=True)
class RegisteredVersion:
    """A classifier, with the F1, the verdict and the warnings of its newest evaluation.

    Attributes:
        role: As what it was evaluated then, `candidate` or `champion`; a verdict on a champion promotes nothing.
    """

    version: str
    status: str
    created_at: datetime
    promoted_at: datetime | None
    verdict: str | None
    f1: float | None
    warnings: tuple[VerdictWarning, ...] = ()
    role: str | None = None


@dataclass(frozen=True)
class RejectedChallenger:
    """The newest classifier, where it never served and was rejected.

    Attributes:
        rejected_at: When its rejection was recorded; None of an earlier release.
        reason: The recorded reason of the rejection, in English.
        inputs: What the verdict of its newest evaluation was decided on; None where an earlier release evaluated.
    """

    version: str
    rejected_at: datetime | None
    reason: str
    inputs: Mapping[str, Any] | None


@dataclass(frozen=True)
class DatedDecision:
    """A promotion, rejection or rollback."""

    version: str
    action: str
    decided_at: datetime


def champion_evaluations(cursor: extensions.cursor, most: int) -> list[ChampionEvaluation]:
    """The newest evaluations of models that are or were champion, the oldest of them first."""
    cursor.execute(
        "SELECT model_version, evaluated_at, p.window_from, p.window_to, rows, positives, f1, "
        "(intervals -> 'f1' ->> 0)::double precision, (intervals -> 'f1' ->> 1)::double precision "
        "FROM counted_evaluations p JOIN model_metadata m ON m.version = model_version "
        "WHERE m.promoted_at IS NOT NULL ORDER BY evaluated_at DESC, id DESC LIMIT %s",
        (most,),
    )
    return [ChampionEvaluation(*row) for row in reversed(cursor.fetchall())]


def volumes_by_day(cursor: extensions.cursor, days: int, today: date | None = None) -> list[DayVolume]:
    """Predictions of the last days in UTC, today included, also of those without any; the oldest first.

    The condition on `created_at` names the bounds of partitions, so that older months are not read.

    Args:
        cursor: In a transaction of the portfolio's tables.
        days: How many days.
        today: The last of them; that of PostgreSQL's clock when omitted.
    """
    if today is None:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
        ((today,),) = cursor.fetchall()
    cursor.execute(
        "WITH days AS (SELECT generate_series(0, %(days)s - 1) AS age, %(today)s::date AS today), "
        "counted AS (SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS predictions, "
        "count(*) FILTER (WHERE decision = 1) AS defaults FROM predictions "
        "WHERE created_at >= (%(today)s::date - %(days)s + 1)::timestamp AT TIME ZONE 'UTC' "
        "GROUP BY 1) "
        "SELECT today - age, coalesce(predictions, 0), coalesce(defaults, 0) "
        "FROM days LEFT JOIN counted ON day = today - age ORDER BY 1",
        {"days": days, "today": today},
    )
    return [DayVolume(*row) for row in cursor.fetchall()]


def newest_versions(cursor: extensions.cursor, most: int) -> list[RegisteredVersion]:
    """The newest classifiers, the newest first; the champion is always among them."""
    cursor.execute(
        "SELECT version, status, created_at, promoted_at, p.verdict, f1, inputs, role FROM model_metadata m "
        "LEFT JOIN LATERAL (SELECT verdict, f1, inputs, role FROM counted_evaluations "
        "LEFT JOIN evaluation_inputs ON evaluation = id WHERE model_version = m.version "
        "ORDER BY evaluated_at DESC, id DESC LIMIT 1) p ON true "
        "WHERE kind = 'classifier' ORDER BY status = 'champion' DESC, created_at DESC, version LIMIT %s",
        (most,),
    )
    return [
        RegisteredVersion(
            version, status, created_at, promoted_at, verdict, f1, recorded_warnings(inputs), role
        )
        for version, status, created_at, promoted_at, verdict, f1, inputs, role in cursor.fetchall()
    ]


def rejected_challenger(cursor: extensions.cursor) -> RejectedChallenger | None:
    """The newest classifier, where it was rejected; None where it serves, served, or waits for its verdict."""
    cursor.execute(
        "SELECT m.version, (SELECT max(decided_at) FROM champion_decisions d "
        "WHERE d.version = m.version AND action = 'rejected'), coalesce(m.reason, ''), p.inputs "
        "FROM (SELECT version, status, promoted_at, reason FROM model_metadata WHERE kind = 'classifier' "
        "ORDER BY created_at DESC, version LIMIT 1) m "
        "LEFT JOIN LATERAL (SELECT inputs FROM counted_evaluations "
        "LEFT JOIN evaluation_inputs ON evaluation = id WHERE model_version = m.version "
        "ORDER BY evaluated_at DESC, id DESC LIMIT 1) p ON true "
        "WHERE m.status = 'rejected' AND m.promoted_at IS NULL"
    )
    found = cursor.fetchall()
    return RejectedChallenger(*found[0]) if found else None


def newest_changes(cursor: extensions.cursor, most: int) -> list[DatedDecision]:
    """The newest decisions on champions, the newest first."""
    cursor.execute(
        "SELECT version, action, decided_at FROM champion_decisions ORDER BY id DESC LIMIT %s", (most,)
    )
    return [DatedDecision(*row) for row in cursor.fetchall()]
