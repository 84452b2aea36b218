"""Which links lost their predictions to retention, and whether the tombstones say what these links prove."""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.warehouse.chain_links import StoredChains, Tombstone


@dataclass(frozen=True)
class PrunedLinks:
    """The links that tombstones replace.

    Attributes:
        starts: First links of the ranges by chain, in order.
        ends: The link after the last of each of these ranges.
        unlinked: Number of predictions that were deleted before there were chains.
    """

    starts: dict[int, list[int]]
    ends: dict[int, list[int]]
    unlinked: int

    def __contains__(self, link: tuple[int, int]) -> bool:
        chain, number = link
        starts = self.starts.get(chain, [])
        place = bisect_right(starts, number) - 1
        return place >= 0 and number < self.ends[chain][place]


def verify_tombstones(stored: StoredChains, deviations: Deviations, *, compare: bool) -> PrunedLinks:
    """Collect the links that tombstones replace.

    Args:
        compare: Whether rows and hash of every tombstone are computed again from its links.
    """
    ranges: list[tuple[int, int, int]] = []
    unlinked = 0
    for tombstone in stored.tombstones():
        found = stored.pruned_ranges(tombstone)
        if found is None:
            deviations.add(
                "tombstone",
                "pruned_predictions",
                _row(tombstone),
                expected="the links of the deleted predictions",
                found="none",
            )
        elif not found:
            unlinked += tombstone.rows
        else:
            ranges += found
            if compare:
                _compare(stored, tombstone, deviations)
    ranges.sort()
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for chain, first, after in ranges:
        starts.setdefault(chain, []).append(first)
        ends.setdefault(chain, []).append(after)
    return PrunedLinks(starts, ends, unlinked)


def _compare(stored: StoredChains, tombstone: Tombstone, deviations: Deviations) -> None:
    rows, total = 0, hashlib.sha256()
    for digest in stored.pruned_digests(tombstone):
        rows += 1
        total.update(digest)
    if (rows, total.hexdigest()) != (tombstone.rows, tombstone.sha256):
        deviations.add(
            "tombstone",
            "pruned_predictions",
            _row(tombstone),
            expected=f"{rows} rows with hash {total.hexdigest()[:12]}.., as their links say",
            found=f"{tombstone.rows} rows with hash {tombstone.sha256[:12]}..",
        )


def _row(tombstone: Tombstone) -> str:
    return f"{tombstone.month:%Y-%m} of version {tombstone.model_version}, deleted {tombstone.deleted_at:%Y-%m-%d}"
