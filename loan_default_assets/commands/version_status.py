"""The newest models beside the champion, for `status`: what `report`, `promote` and `shadow` take as VERSION."""

from typing import Any

from loan_default_assets.commands.session import Session
from loan_default_assets.policy.verdict_words import STATUS_WORDS, verdict_words
from loan_default_assets.warehouse.recent_activity import newest_versions

_MOST = 6


def versions(session: Session) -> list[dict[str, Any]]:
    """The newest classifiers with their newest verdicts, the champion first."""
    with session.database.transaction() as cursor:
        found = newest_versions(cursor, _MOST)
    return [
        {
            "version": each.version,
            "status": each.status,
            "verdict": each.verdict,
            "verdict_role": each.role,
            "warnings": [warning.as_dict() for warning in each.warnings],
            "f1": each.f1,
            "created_at": each.created_at.isoformat(),
        }
        for each in found
    ]


def version_lines(found: list[dict[str, Any]]) -> list[str]:
    """The models beside the champion, one line each; nothing where there is none.

    Examples:
        >>> version_lines([{"version": "c2", "status": "retired", "verdict": "approved_below_target",
        ...                 "verdict_role": "champion", "warnings": [], "f1": 0.5,
        ...                 "created_at": "2026-11-27T12:31:00+00:00"}])
        ['models      c2 of 2026-11-27: former champion; verdict: below the target as champion, F1 0.500']
    """
    lines = [_line(each) for each in found if each["status"] != "champion"]
    return [("models      " if number == 0 else " " * 12) + line for number, line in enumerate(lines)]


def _line(found: dict[str, Any]) -> str:
    line = f"{found['version']} of {found['created_at'][:10]}: {STATUS_WORDS[found['status']]}"
    if found["verdict"]:
        line += f"; verdict: {verdict_words(found['verdict'], found['verdict_role'])}"
    if found["f1"] is not None:
        line += f", F1 {found['f1']:.3f}"
    return line + ("; leakage not excluded" if found["warnings"] else "")
