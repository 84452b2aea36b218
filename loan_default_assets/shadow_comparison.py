"""The shadow beside the champion on matured outcomes, for report, status, promotion and service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loan_default_assets.model.score_comparison import COMPARED, ScoreComparison, compare_scores
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.shadow_pairs import matured_pairs

_LABELS = {"roc_auc": "ROC-AUC", "f1": "F1", "brier": "Brier"}


@dataclass(frozen=True)
class ShadowComparison:
    """What is known of a shadow and the champion that answered the same applications.

    Attributes:
        shadow: Version of the shadow; `scores.one` is its.
        champion: Version of the champion; `scores.other` is its.
        first_scored: Time of the first of these predictions; `last_scored`: of the last.
    """

    shadow: str
    champion: str
    first_scored: datetime
    last_scored: datetime
    scores: ScoreComparison

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "shadow": self.shadow,
            "champion": self.champion,
            "rows": self.scores.rows,
            "positives": self.scores.positives,
            "conclusive": self.scores.conclusive,
            "first_scored": self.first_scored.isoformat(),
            "last_scored": self.last_scored.isoformat(),
            "metrics": {
                name: {
                    "shadow": self.scores.one[name],
                    "champion": self.scores.other[name],
                    "difference": self.scores.differences[name][0],
                    "interval": list(self.scores.differences[name][1:]),
                }
                for name in COMPARED
            },
        }


def compare_shadow(database: Database, version: str) -> ShadowComparison | None:
    """Compare a shadow with the champion on applications of which both have a score and the outcome is known.

    Returns:
        None where there is no such application.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    pairs = matured_pairs(database, version)
    if pairs is None:
        return None
    scores = compare_scores(
        pairs.label, pairs.shadow_pd, pairs.shadow_threshold, pairs.champion_pd, pairs.champion_threshold
    )
    return ShadowComparison(pairs.shadow, pairs.champion, pairs.first_scored, pairs.last_scored, scores)


def comparison_lines(found: Mapping[str, Any]) -> list[str]:
    """A comparison as `as_json` gives it, as lines of text."""
    few = "" if found["conclusive"] else ", too few to tell them apart"
    lines = [
        f"{found['shadow']} beside {found['champion']} on {found['rows']:,} served applications with known outcome "
        f"({found['positives']:,} defaults){few}"
    ]
    for name in COMPARED:
        values = found["metrics"][name]
        low, high = values["interval"]
        lines.append(
            f"  {_LABELS[name]:8}{_shown(values['shadow'])} beside {_shown(values['champion'])}, "
            f"difference {_shown(values['difference'], '+')} [{_shown(low, '+')}, {_shown(high, '+')}]"
        )
    return lines


def _shown(value: float | None, sign: str = "") -> str:
    return "not defined" if value is None or value != value else f"{value:{sign}.3f}"
