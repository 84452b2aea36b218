"""Scores of shadows and their hash chains as they are stored, read in one state of the database for `verify`."""

import hashlib
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loan_default_assets.warehouse.chain_links import ERASED, StoredChains, StoredPrediction

_LINKED = f"""
SELECT scored.chain, scored.link, scored.digest, request_id::text, position, shadow, scored.probability,
    scored.decision, scored.threshold, to_json(scored.scored_at AT TIME ZONE 'UTC')::text, k.key, p.loan_id,
    p.features::text, p.reasons::text, p.channel, p.latency_ms, to_json(p.created_at AT TIME ZONE 'UTC')::text, {ERASED}
FROM (
    SELECT l.chain, l.link, l.digest, request_id, position, model_version AS shadow, s.probability, s.decision,
        s.threshold, s.scored_at
    FROM shadow_predictions s FULL JOIN shadow_links l USING (request_id, position, model_version)
) scored LEFT JOIN predictions p USING (request_id, position) LEFT JOIN prediction_keys k USING (request_id, position)
"""
_OF_REQUEST = "WHERE request_id = %(request)s::uuid"


@dataclass(frozen=True, slots=True)
class StoredShadowScore:
    """A row of `shadow_predictions`.

    Attributes:
        scored_at: Text of the JSON value, in UTC.
        prediction: The prediction with the PD, the decision and the threshold of the shadow in place of its own; None
            where it is gone.
    """

    probability: float
    decision: int
    threshold: float
    scored_at: str
    prediction: StoredPrediction | None


@dataclass(frozen=True, slots=True)
class LinkedShadowScore:
    """A link and the score that it names; either may be absent.

    Attributes:
        link: Chain and number; None for a score without a link.
        digest: Of the link; empty without one.
        row: None where the score of the link is gone.
        has_key: Whether the features of the prediction have their key, so that its scores must be there.
    """

    request_id: str
    position: int
    model_version: str
    link: tuple[int, int] | None
    digest: bytes
    row: StoredShadowScore | None
    has_key: bool

    @property
    def key(self) -> tuple[str, int, str]:
        """The primary key of the score."""
        return self.request_id, self.position, self.model_version


def shadow_links(stored: StoredChains, chains: Sequence[int]) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Chain, number, digest and hash of the links of these chains, in order."""
    for chain, link, digest, hash_ in stored.stream(
        "SELECT chain, link, digest, hash FROM shadow_links WHERE chain = ANY(%s) ORDER BY chain, link",
        (list(chains),),
    ):
        yield chain, link, bytes(digest), bytes(hash_)


def shadow_chains_of(stored: StoredChains, request_id: str) -> list[int]:
    """The chains that have links of scores of a request."""
    rows = stored.stream(
        "SELECT DISTINCT chain FROM shadow_links WHERE request_id = %s::uuid ORDER BY 1", (request_id,)
    )
    return [chain for (chain,) in rows]


def linked_shadow_scores(stored: StoredChains, request_id: str | None) -> Iterator[LinkedShadowScore]:
    """Links and scores side by side, in any order: those of one request, or all."""
    condition = "" if request_id is None else _OF_REQUEST
    for chain, link, digest, request, position, version, *values in stored.stream(
        _LINKED + condition, {"request": request_id}
    ):
        probability, decision, threshold, scored_at, key, loan_id, features, *others = values
        reasons, channel, latency_ms, created_at, erased = others
        key = None if key is None else bytes(key)
        row = None
        # No row has a null in these columns, so a null is that of the join.
        if probability is not None:
            prediction = None
            if features is not None:
                prediction = StoredPrediction(
                    request,
                    position,
                    loan_id,
                    version,
                    features,
                    probability,
                    decision,
                    threshold,
                    reasons,
                    channel,
                    latency_ms,
                    created_at,
                    key,
                    erased,
                )
            row = StoredShadowScore(probability, decision, threshold, scored_at, prediction)
        yield LinkedShadowScore(
            request,
            position,
            version,
            None if link is None else (chain, link),
            b"" if digest is None else bytes(digest),
            row,
            key is not None,
        )


def repeated_shadow_digests(
    stored: StoredChains, request_id: str | None
) -> dict[tuple[str, int, str], list[bytes]]:
    """Digests of the links of each score that has several, as after it was deleted and scored again."""
    condition = "" if request_id is None else _OF_REQUEST
    rows = stored.stream(
        f"SELECT request_id::text, position, model_version, array_agg(digest) FROM shadow_links {condition} "
        "GROUP BY 1, 2, 3 HAVING count(*) > 1",
        {"request": request_id},
    )
    return {
        (request, position, version): [bytes(digest) for digest in digests]
        for request, position, version, digests in rows
    }


def shadow_digest(score: LinkedShadowScore, row: StoredShadowScore) -> bytes:
    """The digest of sql/016_more_chains.sql, computed without the database."""
    values = (
        json.dumps(score.request_id),
        str(score.position),
        json.dumps(score.model_version, ensure_ascii=False),
        f'"{struct.pack(">d", row.probability).hex()}"',
        str(row.decision),
        f'"{struct.pack(">d", row.threshold).hex()}"',
        row.scored_at,
    )
    return hashlib.sha256(f"[{', '.join(values)}]".encode()).digest()
