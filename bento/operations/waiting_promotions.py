"""Promotions that wait for approvals, and their approval by the person to whom an API key belongs.

Every function blocks on the database.
"""

from collections.abc import Mapping
from typing import Any

from bento.schemas import problems
from bento.schemas.problems import Refused
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.key_approvals import (
    KeyApprovalRefused,
    WaitingPromotion,
    record_approval,
    waiting_promotions,
)


class WaitingPromotions:
    """The promotions of one portfolio. Nothing is promoted or signed here: the service has no private key."""

    def __init__(self, portfolio: Portfolio, database: Database) -> None:
        self._portfolio, self._database = portfolio, database

    def waiting(self) -> dict[str, Any]:
        """The promotions that wait, as JSON values.

        Raises:
            Refused: The records cannot be reached.
        """
        try:
            return {"promotions": [_values(each) for each in waiting_promotions(self._database)]}
        except WarehouseError:
            raise Refused(problems.RECORDS_AWAY) from None

    def approve(self, version: str, proposal: int, person: str, reason: str, key_id: str) -> dict[str, Any]:
        """Record an approval; the promotion after it, as JSON values.

        Raises:
            Refused: No promotion of the version waits, the approval is refused, or the records cannot be reached.
        """
        try:
            after = record_approval(
                self._database,
                version,
                proposal,
                person,
                reason,
                key_id=key_id,
                portfolio_hash=self._portfolio.hash,
            )
        except KeyApprovalRefused as refused:
            if refused.kind == "unknown":
                raise Refused(problems.NO_PROPOSAL) from None
            raise Refused(problems.NOT_APPROVED.with_message(str(refused))) from None
        except WarehouseError:
            raise Refused(problems.RECORDS_AWAY) from None
        return _values(after)


def _values(promotion: WaitingPromotion) -> dict[str, Any]:
    shown: Mapping[str, Any] = {
        name: value for name, value in vars(promotion).items() if name != "portfolio_hash"
    }
    return {
        **shown,
        "proposed_at": promotion.proposed_at.isoformat(),
        "approved_by": list(promotion.approved_by),
        "missing": promotion.missing,
        "warnings": [warning.as_dict() for warning in promotion.warnings],
    }
