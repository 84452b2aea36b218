"""The append-only table `model_performance`: evaluations of models, recorded and read back by version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

from psycopg2 import extensions

from loan_default_assets.policy.stored_numbers import number_or_nan
from loan_default_assets.policy.verdict_warnings import VerdictWarning, recorded_warnings
from loan_default_assets.warehouse.database import Database, to_json


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord:
    """One evaluation of a model on the evaluation window of a training snapshot.

    Attributes:
        window_from: First `as_of` of the window; None for rows without dates.
        window_to: Last `as_of` of the window.
        rows: Rows of the window.
        positives: Defaults among them.
        metrics: Value by name; NaN where a metric could not be computed.
        intervals: Lower and upper 95 % bound by metric.
        baseline: {"name", "metrics"} of the reference model on the same rows.
        role: What the model was at the time of the evaluation.
        reason: The sentences that justify the verdict.
        compared_with: For a challenger, the champion evaluated on the same rows.
    """

    model_version: str
    window_from: date | None
    window_to: date | None
    rows: int
    positives: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    baseline: Mapping[str, Any] | None
    verdict: str
    snapshot_hash: str
    role: Literal["candidate", "champion"]
    reason: str = ""
    compared_with: str | None = None
    evaluated_at: datetime


class EvaluationLog:
    """The evaluations of one portfolio. Every method can raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, evaluation: EvaluationRecord, inputs: Mapping[str, Any] | None = None) -> bool:
        """Append an evaluation.

        Args:
            inputs: What the promotion policy decided on, so that the verdict can be computed again.

        Returns:
            False, without a change, when this version was evaluated on this snapshot in this role before.
        """
        values = vars(evaluation) | {
            name: to_json(getattr(evaluation, name)) for name in ("metrics", "intervals")
        }
        values["baseline"] = None if evaluation.baseline is None else to_json(evaluation.baseline)
        with self._database.transaction() as cursor:
            cursor.execute(
                f"INSERT INTO model_performance ({', '.join(_COLUMNS)}) "
                f"VALUES ({', '.join(f'%({name})s' for name in _COLUMNS)}) "
                "ON CONFLICT (model_version, snapshot_hash, role) DO NOTHING",
                values,
            )
            appended = cursor.rowcount == 1
            if appended and inputs is not None:
                cursor.execute(
                    "INSERT INTO evaluation_inputs (evaluation, inputs) SELECT id, %(inputs)s FROM model_performance "
                    "WHERE (model_version, snapshot_hash, role) = (%(model_version)s, %(snapshot_hash)s, %(role)s)",
                    values | {"inputs": to_json(inputs)},
                )
            return appended

    def latest(self, version: str | None = None, *, role: str | None = None) -> EvaluationRecord | None:
        """The newest evaluation, optionally of one version or one role; a replay only where there is no other."""
        with self._database.transaction() as cursor:
            cursor.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM counted_evaluations "
                "WHERE (%(version)s::text IS NULL OR model_version = %(version)s) "
                "AND (%(role)s::text IS NULL OR role = %(role)s) ORDER BY evaluated_at DESC, id DESC LIMIT 1",
                {"version": version, "role": role},
            )
            rows = cursor.fetchall()
        return _evaluation_record(dict(zip(_COLUMNS, rows[0], strict=True))) if rows else None

    def warnings(self, version: str) -> tuple[VerdictWarning, ...]:
        """What a reader of the newest verdict on a version must know besides; none where it was never evaluated."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT inputs FROM counted_evaluations LEFT JOIN evaluation_inputs ON evaluation = id "
                "WHERE model_version = %s ORDER BY evaluated_at DESC, id DESC LIMIT 1",
                (version,),
            )
            found = cursor.fetchall()
        return recorded_warnings(found[0][0]) if found else ()

    def history(self, version: str | None = None) -> list["EvaluationInputs"]:
        """All evaluations, or those of one version, with what their verdicts were decided on, the first one first."""
        with self._database.transaction() as cursor:
            return evaluations_with_inputs(cursor, version)

    def record_grades(self, evaluation: int, bounds: Sequence[float]) -> None:
        """Record the rating grades that the model report of an evaluation shows; a repetition changes nothing.

        Args:
            evaluation: Number in `model_performance`.
            bounds: Lower PDs of the second grade and those above it, ascending.
        """
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO evaluation_grades (evaluation, bounds) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (evaluation, list(bounds)),
            )

    def grades(self, evaluation: int) -> list[float] | None:
        """The recorded bounds of an evaluation; None where no report of it was written."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT bounds FROM evaluation_grades WHERE evaluation = %s", (evaluation,))
            found = cursor.fetchall()
        return list(found[0][0]) if found else None


@dataclass(frozen=True)
class EvaluationInputs:
    """An evaluation, its number, and what its verdict was decided on; None where an earlier release evaluated."""

    id: int
    evaluation: EvaluationRecord
    inputs: Mapping[str, Any] | None

    @property
    def replayed(self) -> bool:
        """Whether it used what was known on an earlier day."""
        return bool(self.inputs and self.inputs.get("as_of"))


def newest_counted(history: Sequence[EvaluationInputs]) -> EvaluationInputs:
    """The newest of the evaluations of a version, no replay of an earlier data cutoff unless there are only such.

    Args:
        history: Evaluations of one version, at least one, the first one first.
    """
    return next((each for each in reversed(history) if not each.replayed), history[-1])


def evaluations_with_inputs(cursor: extensions.cursor, version: str | None = None) -> list[EvaluationInputs]:
    """All evaluations, or those of one version, the first one first."""
    cursor.execute(
        f"SELECT id, inputs, {', '.join(_COLUMNS)} FROM model_performance "
        "LEFT JOIN evaluation_inputs ON evaluation = id "
        "WHERE (%(version)s::text IS NULL OR model_version = %(version)s) ORDER BY id",
        {"version": version},
    )
    return [
        EvaluationInputs(number, _evaluation_record(dict(zip(_COLUMNS, values, strict=True))), inputs)
        for number, inputs, *values in cursor.fetchall()
    ]


_COLUMNS = tuple(f.name for f in fields(EvaluationRecord))


def _evaluation_record(values: dict[str, Any]) -> EvaluationRecord:
    """The record of a row, with NaN for the nulls that stand for it in JSON."""
    values["metrics"] = {name: number_or_nan(value) for name, value in values["metrics"].items()}
    values["intervals"] = {
        name: (number_or_nan(low), number_or_nan(high)) for name, (low, high) in values["intervals"].items()
    }
    return EvaluationRecord(**values)
