"""Whether refused records hold what was refused, or what a recorded erasure left of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.warehouse.refused_records import RefusedRecord


@dataclass(frozen=True)
class RefusedCounts:
    """What was seen of refused records.

    Attributes:
        rows: Records in the table.
        erased: Those of them that an erasure has changed.
    """

    rows: int
    erased: int


def verify_refused_records(records: Iterable[RefusedRecord], deviations: Deviations) -> RefusedCounts:
    """Compare each record with its hash; the chain of the table covers that hash and not the record."""
    rows = erased = 0
    for each in records:
        rows += 1
        erased += each.left_sha256 is not None
        expected, computed = each.left_sha256 or each.sha256, hashlib.sha256(each.record).digest()
        if computed != expected:
            by = "it was refused" if each.left_sha256 is None else "its last erasure left it"
            deviations.add(
                "row",
                "refused_predictions",
                f'row ["\\\\x{each.sha256.hex()}"]',
                expected=f"a record with SHA-256 {expected.hex()[:12]}.., as {by}",
                found=f"{computed.hex()[:12]}..: the record was altered",
            )
    return RefusedCounts(rows, erased)
