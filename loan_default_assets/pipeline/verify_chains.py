"""Whether the hash chains are unbroken, hold the anchors of every decision, and fit the rows of the small tables."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.warehouse.chain_links import StoredChains
from loan_default_assets.warehouse.champion_decisions import RecordedDecision
from loan_default_assets.warehouse.linked_columns import DELETED_RECORDS, DIVIDED_RECORDS, RECORD_COLUMNS
from loan_default_assets.warehouse.linked_shadow_scores import shadow_links

ALL_CHAINS = tuple(range(16))
_LINK_TABLES = {"predictions": "prediction_links", "shadow_predictions": "shadow_links"}
_RECORD_CHAINS = (
    *RECORD_COLUMNS,
    *(f"{table}/{chain}" for table in DIVIDED_RECORDS for chain in ALL_CHAINS),
)


@dataclass(frozen=True)
class _Link:
    chain: str
    number: int
    digest: bytes
    hash: bytes


def verify_prediction_chains(
    stored: StoredChains, decisions: Sequence[RecordedDecision], chains: Sequence[int], deviations: Deviations
) -> int:
    """Follow these chains of `prediction_links` from their first link to the last.

    Returns:
        The number of links.
    """
    return _follow_numbered("predictions", stored.prediction_links, decisions, chains, deviations)


def verify_shadow_chains(
    stored: StoredChains, decisions: Sequence[RecordedDecision], chains: Sequence[int], deviations: Deviations
) -> int:
    """The same for `shadow_links`."""
    return _follow_numbered(
        "shadow_predictions", partial(shadow_links, stored), decisions, chains, deviations
    )


def verify_record_chains(
    stored: StoredChains, decisions: Sequence[RecordedDecision], deviations: Deviations
) -> dict[str, dict[str, str]]:
    """Follow the chains of `record_links`, and compare the digest of every link with its row.

    Returns:
        Of each table of DELETED_RECORDS, the links whose rows are gone: primary key and name of the link.
    """
    digests: dict[str, dict[str, tuple[str, bytes]]] = {table: {} for table in RECORD_COLUMNS}

    def links() -> Iterator[_Link]:
        for chain, number, record, digest, hash_ in stored.record_links():
            table, divided, _ = chain.partition("/")
            name = f"link {number} of chain {chain}" if divided else f"link {number}"
            digests.setdefault(table, {})[record] = (name, digest)
            yield _Link(chain, number, digest, hash_)

    _follow(links(), "record_links", _anchors(decisions, _RECORD_CHAINS), deviations)
    for table in RECORD_COLUMNS:
        _compare_records(stored, table, digests[table], deviations)
    # What is left there has no row.
    return {table: {key: link for key, (link, _) in digests[table].items()} for table in DELETED_RECORDS}


def verify_decision_chain(
    stored: StoredChains, decisions: Sequence[RecordedDecision], deviations: Deviations
) -> None:
    """Follow the chain of `champion_decisions`."""
    texts = stored.decision_texts()
    previous, number = hashlib.sha256(b"champion_decisions").digest(), 1
    for decision in decisions:
        row = f"decision {decision.id}"
        if decision.id != number:
            missing = f"decision {number}"
            deviations.add(
                "chain", "champion_decisions", missing, expected="the decision", found="it is missing"
            )
        elif decision.previous_hash != previous:
            deviations.add(
                "chain",
                "champion_decisions",
                row,
                expected=f"the hash {_short(previous)} of the decision before",
                found=_short(decision.previous_hash),
            )
        text = hashlib.sha256(texts[decision.id].encode()).digest()
        computed = hashlib.sha256(decision.previous_hash + text).digest()
        if computed != decision.hash:
            deviations.add(
                "decision",
                "champion_decisions",
                f"{row} on version {decision.version}",
                expected=f"content with the recorded hash {_short(decision.hash)}",
                found=f"{_short(computed)}: the decision was altered",
            )
        previous, number = decision.hash, decision.id + 1


def _follow_numbered(
    table: str,
    read: Callable[[Sequence[int]], Iterator[tuple[int, int, bytes, bytes]]],
    decisions: Sequence[RecordedDecision],
    chains: Sequence[int],
    deviations: Deviations,
) -> int:
    """Follow some of the 16 chains of a table."""
    links = (
        _Link(f"{table}/{chain}", number, digest, hash_) for chain, number, digest, hash_ in read(chains)
    )
    names = [f"{table}/{chain}" for chain in chains]
    return _follow(links, _LINK_TABLES[table], _anchors(decisions, names), deviations)


def _follow(
    links: Iterable[_Link],
    table: str,
    anchors: dict[str, dict[int, list[tuple[int, str]]]],
    deviations: Deviations,
) -> int:
    """Follow links in the order of chain and number; of each chain, the first broken link is reported."""
    count, chain, number, previous, broken = 0, "", 0, b"", False
    left = {name: dict(by_link) for name, by_link in anchors.items()}
    last: dict[str, int] = defaultdict(int)
    for link in links:
        count += 1
        if link.chain != chain:
            chain, number, broken = link.chain, 0, False
            previous = hashlib.sha256(chain.encode()).digest()
        number += 1
        last[chain] = link.number
        if not broken and link.number != number:
            broken = True
            deviations.add(
                "chain", table, f"link {number} of chain {chain}", expected="the link", found="it is missing"
            )
        computed = hashlib.sha256(previous + link.digest).digest()
        if not broken and computed != link.hash:
            broken = True
            deviations.add(
                "chain",
                table,
                f"link {link.number} of chain {chain}",
                expected=f"hash {_short(computed)} of the hash before it and of its digest",
                found=_short(link.hash),
            )
        for decision, hash_ in left.get(chain, {}).pop(link.number, ()):
            if link.hash.hex() != hash_:
                deviations.add(
                    "chain",
                    table,
                    f"link {link.number} of chain {chain}",
                    expected=f"hash {hash_[:12]}.., to which decision {decision} anchored the chain",
                    found=f"{_short(link.hash)}: the chain was written again",
                )
        previous, number = link.hash, link.number
    for name, by_link in left.items():
        for number, entries in sorted(by_link.items()):
            deviations.add(
                "chain",
                table,
                f"link {number} of chain {name}",
                expected=f"the link to which decision {entries[0][0]} anchored the chain",
                found=f"the chain ends at link {last[name]}"
                if number > last[name]
                else "the link is missing",
            )
    return count


def _anchors(
    decisions: Sequence[RecordedDecision], chains: Iterable[str]
) -> dict[str, dict[int, list[tuple[int, str]]]]:
    """Number of the decision and hash, by chain and link."""
    found: dict[str, dict[int, list[tuple[int, str]]]] = {name: defaultdict(list) for name in chains}
    for decision in decisions:
        for name, (link, hash_) in decision.anchors.items():
            if name in found:
                found[name][link].append((decision.id, hash_))
    return found


def _compare_records(
    stored: StoredChains, table: str, linked: dict[str, tuple[str, bytes]], deviations: Deviations
) -> None:
    """Compare rows with their links, and take these out of `linked`."""
    for key, text in stored.records(table):
        link, digest = linked.pop(key, ("", b""))
        computed = hashlib.sha256(text.encode()).digest()
        if not link:
            deviations.add(
                "row", table, f"row {key}", expected="a link of the row", found="none: it was added"
            )
        elif computed != digest:
            deviations.add(
                "row",
                table,
                f"row {key}",
                expected=f"content with the digest {_short(digest)} of {link}",
                found=f"{_short(computed)}: the row was altered",
            )
    if table in DELETED_RECORDS:
        return
    for key, (link, _) in linked.items():
        deviations.add("row", table, f"row {key}", expected=f"the row of {link}", found="it is missing")


def _short(value: bytes) -> str:
    return f"{value.hex()[:12]}.."
