"""Why the newest challenger was rejected, in the language of the page: the rules that it misses, with their figures."""

from dataclasses import dataclass

from bento.console.page_texts import Texts
from loan_default_assets.policy.promotion_gates import COUNTED, PromotionGate, decided_gates
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.rounding import format_distinct
from loan_default_assets.warehouse.recent_activity import RejectedChallenger


@dataclass(frozen=True)
class MissedRule:
    """A rule that excludes the promotion: its text, what was measured, and what is required."""

    rule: str
    measured: str
    required: str


@dataclass(frozen=True)
class RejectionText:
    """The part on the page.

    Attributes:
        compared: F1 of the challenger, beside that of the champion on the same loans; None where it is not recorded.
        missed: The rules that exclude the promotion, in the order of the policy.
    """

    compared: str | None
    missed: tuple[MissedRule, ...]


def rejection_text(rejected: RejectedChallenger, texts: Texts) -> RejectionText:
    """The sentences and rules of a rejection.

    Args:
        rejected: The challenger and what its verdict was decided on.
        texts: Texts in the language of the page.
    """
    try:
        inputs = PromotionInputs.from_dict(rejected.inputs) if rejected.inputs else None
    except ValueError:
        inputs = None
    if inputs is None:
        return RejectionText(None, ())
    missed = (gate for gate in decided_gates(inputs) if gate.decides and not gate.passed)
    return RejectionText(_compared(inputs, texts), tuple(_missed(gate, texts) for gate in missed))


def _compared(inputs: PromotionInputs, texts: Texts) -> str:
    candidate, champion = inputs.candidate, inputs.champion
    values = {
        "f1": f"{candidate.f1:.3f}",
        "rows": f"{candidate.rows:,}",
        "positives": f"{candidate.positives:,}",
    }
    if champion is None:
        return texts("challenger.alone", **values)
    return texts("challenger.compared", **values, champion=champion.version, champion_f1=f"{champion.f1:.3f}")


def _missed(gate: PromotionGate, texts: Texts) -> MissedRule:
    rule = texts(f"challenger.rule_{gate.name}")
    if gate.limit is None:
        return MissedRule(rule, texts("challenger.no"), texts("challenger.yes"))
    if gate.name in COUNTED:
        return MissedRule(rule, f"{gate.value:,}", f"{gate.relation} {gate.limit:,}")
    measured, limit = format_distinct(float(gate.value), gate.limit)
    return MissedRule(rule, measured, f"{gate.relation} {limit}")
