"""The decision of the retraining policy in the language of the page: why, and what happens next."""

import math
from dataclasses import dataclass
from typing import Literal

from bento.console.page_rendering import minute
from bento.console.page_texts import Texts
from bento.operations.retraining_state import RetrainingFacts
from loan_default_assets.policy.promotion import format_distinct
from loan_default_assets.policy.state import Limits

Tone = Literal["good", "warning", "bad"]


@dataclass(frozen=True)
class RetrainingText:
    """The sentences on the page, and the tone of their mark."""

    why: str
    then: str
    tone: Tone


def retraining_text(facts: RetrainingFacts, limits: Limits, texts: Texts) -> RetrainingText:
    """The sentences of a decision.

    Args:
        facts: The decision and its figures.
        limits: The limits of the policy.
        texts: Texts in the language of the page.
    """
    action = facts.action
    f1, target = "–", f"{limits.f1_threshold:.3f}"
    if facts.f1 is not None and not math.isnan(facts.f1):
        f1, target = format_distinct(facts.f1, limits.f1_threshold)
    attempt = action.retraining.attempt if action.retraining else 0
    values = {
        "f1": f1,
        "target": target,
        "attempt": attempt,
        "attempts": limits.max_attempts,
        "rows": f"{limits.sample_threshold:,}",
        "positives": f"{limits.positive_threshold:,}",
        "missing": f"{facts.missing_labels:,}",
        "hours": f"{limits.cooldown.total_seconds() / 3600:g}",
        "at": minute(facts.ready_at) if facts.ready_at else "–",
    }
    then = "due" if action.retraining else action.reason
    tones: dict[str, Tone] = {"OK": "good", "HOLD": "bad"}
    return RetrainingText(
        why=texts(f"retraining.why_{action.reason}", **values),
        then=texts(f"retraining.then_{then}", **values),
        tone=tones.get(facts.state, "warning"),
    )
