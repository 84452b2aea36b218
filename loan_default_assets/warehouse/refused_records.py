"""Refused records as they are stored, with what erasures left of them, read in one state of the database."""

from collections.abc import Iterator
from dataclasses import dataclass

from loan_default_assets.warehouse.chain_links import StoredChains

# Of several erasures of a record, the last one left what is there.
_RECORDS = """
SELECT r.sha256, r.record, (SELECT e.record_sha256 FROM erased_records e WHERE e.sha256 = r.sha256
    ORDER BY e.erased_at DESC LIMIT 1)
FROM refused_predictions r
"""


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A row of `refused_predictions`.

    Attributes:
        sha256: Of the record as it was refused; the primary key.
        record: What is stored.
        left_sha256: SHA-256 of what the last erasure left of it; None where none changed it.
    """

    sha256: bytes
    record: bytes
    left_sha256: bytes | None


def refused_records(stored: StoredChains) -> Iterator[RefusedRecord]:
    """All records, in any order."""
    for sha256, record, left in stored.stream(_RECORDS):
        yield RefusedRecord(bytes(sha256), bytes(record), None if left is None else bytes(left))
