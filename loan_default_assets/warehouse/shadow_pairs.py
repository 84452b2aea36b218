"""Applications that the champion answered and the shadow scored too, with their outcomes."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from loan_default_assets.warehouse.database import Database

# More would cost time, and change no figure visibly.
MOST_PAIRS = 20_000
# The champion that serves, or else the one that answered last: a shadow that was promoted is compared with its
# predecessor.
_ANSWERED = """
SELECT p.model_version
FROM shadow_predictions s JOIN predictions p USING (request_id, position)
WHERE s.model_version = %(shadow)s
GROUP BY 1
ORDER BY p.model_version = (SELECT version FROM model_metadata WHERE status = 'champion') DESC NULLS LAST,
    max(p.created_at) DESC
LIMIT 1
"""
# As in `live_performance`, the newest prediction counts of each loan. A loan that one of the models may have been
# trained on says nothing about which is better.
_PAIRS = """
WITH pair AS (
    SELECT DISTINCT ON (loan_id) p.loan_id, p.created_at, p.probability, p.threshold,
        s.probability AS shadow_probability, s.threshold AS shadow_threshold
    FROM shadow_predictions s JOIN predictions p USING (request_id, position)
    WHERE s.model_version = %(shadow)s AND p.model_version = %(champion)s AND p.loan_id IS NOT NULL
    ORDER BY p.loan_id, p.created_at DESC, request_id, position
), outcome AS (
    SELECT DISTINCT ON (loan_id) loan_id, as_of, label
    FROM raw_data
    WHERE label IS NOT NULL
        AND (label_observed_at IS NULL OR label_observed_at <= (SELECT cutoff FROM data_cutoff))
        AND loan_id IN (SELECT loan_id FROM pair)
    ORDER BY loan_id, partition_key DESC
), trained AS (
    SELECT max(trained_to) AS until FROM model_metadata WHERE version IN (%(shadow)s, %(champion)s)
)
SELECT label, probability, threshold, shadow_probability, shadow_threshold, created_at
FROM pair JOIN outcome USING (loan_id) CROSS JOIN trained
WHERE as_of IS NULL OR until IS NULL OR as_of > until
ORDER BY created_at DESC, loan_id
LIMIT %(most)s
"""


@dataclass(frozen=True)
class ScoredPairs:
    """Applications with a matured outcome that both models scored, n at least 1, the newest first.

    Attributes:
        shadow: Version of the shadow.
        champion: Version of the champion.
        label: (n,) 0 or 1.
        champion_pd: (n,) PDs that were answered.
        champion_threshold: PD from which the champion decided 1.
        shadow_pd: (n,) PDs of the shadow.
        shadow_threshold: PD from which the shadow decides 1.
        first_scored: Time of the first of these predictions; `last_scored`: of the last.
    """

    shadow: str
    champion: str
    label: np.ndarray
    champion_pd: np.ndarray
    champion_threshold: float
    shadow_pd: np.ndarray
    shadow_threshold: float
    first_scored: datetime
    last_scored: datetime


def matured_pairs(database: Database, shadow: str, most: int = MOST_PAIRS) -> ScoredPairs | None:
    """The pairs of a shadow and the champion that answered the same applications.

    Args:
        database: The portfolio's tables.
        shadow: A model version.
        most: The newest pairs to read.

    Returns:
        None where no outcome of them has matured, or the version never was a shadow.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with database.transaction(repeatable=True) as cursor:
        cursor.execute(_ANSWERED, {"shadow": shadow})
        found = cursor.fetchall()
        if not found:
            return None
        champion = str(found[0][0])
        cursor.execute(_PAIRS, {"shadow": shadow, "champion": champion, "most": most})
        rows = cursor.fetchall()
    if not rows:
        return None
    label, pd, threshold, shadow_pd, shadow_threshold, created_at = zip(*rows, strict=True)
    return ScoredPairs(
        shadow=shadow,
        champion=champion,
        label=np.array(label, np.int8),
        champion_pd=np.array(pd),
        champion_threshold=float(threshold[0]),
        shadow_pd=np.array(shadow_pd),
        shadow_threshold=float(shadow_threshold[0]),
        first_scored=created_at[-1],
        last_scored=created_at[0],
    )
