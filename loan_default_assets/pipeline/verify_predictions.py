"""Whether every prediction is as it was recorded, has one link, and is reproduced by its model."""

import hashlib
import json
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loan_default_assets.decisions.model_scorers import TOLERANCE, ModelScorer
from loan_default_assets.decisions.opened_features import opened_features
from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_tombstones import PrunedLinks
from loan_default_assets.warehouse.chain_links import LinkedPrediction, StoredPrediction
from loan_default_assets.warehouse.sealed_features import AlteredFeatures

_ROWS_PER_BATCH = 10_000
_TABLE = "predictions"

# The model of a version, or why its predictions cannot be reproduced.
FindScorer = Callable[[str], ModelScorer | str]


@dataclass
class PredictionCounts:
    """What was seen of the predictions, or of the scores of shadows.

    Attributes:
        rows: Rows in the table.
        pruned: Links whose rows were deleted as recorded elsewhere.
        reproduced: Scores that differ by at most TOLERANCE.
        identical: Scores among them that are the same bit for bit.
        largest: Largest difference of a reproduced score.
        erased: Predictions whose features can no longer be read.
        not_reproduced: Predictions that nothing can reproduce, by reason.
    """

    rows: int = 0
    pruned: int = 0
    reproduced: int = 0
    identical: int = 0
    largest: float = 0.0
    erased: int = 0
    not_reproduced: Counter[str] = field(default_factory=Counter)


def verify_predictions(
    linked: Iterable[LinkedPrediction],
    repeated: Mapping[tuple[str, int], Sequence[tuple[int, int]]],
    pruned: PrunedLinks,
    find_scorer: FindScorer,
    deviations: Deviations,
) -> PredictionCounts:
    """Compare rows with links one to one, and score the rows again in batches per model.

    Args:
        linked: Links and rows side by side.
        repeated: All links of each prediction that has several, as after it was pruned and scored again.
        pruned: The links that tombstones replace.
    """
    counts = PredictionCounts()
    waiting: dict[str, list[StoredPrediction]] = defaultdict(list)
    for each in linked:
        _compare_with_link(
            each, repeated.get((each.request_id, each.position), ()), pruned, counts, deviations
        )
        if each.row is None:
            continue
        # Of several links of a row, one counts it.
        links = repeated.get((each.request_id, each.position))
        if links and each.link != links[0]:
            continue
        counts.rows += 1
        batch = waiting[each.row.model_version]
        batch.append(each.row)
        if len(batch) == _ROWS_PER_BATCH:
            reproduce_scores(waiting.pop(each.row.model_version), find_scorer, counts, deviations)
    for batch in waiting.values():
        reproduce_scores(batch, find_scorer, counts, deviations)
    return counts


def prediction_digest(row: StoredPrediction) -> bytes:
    """The digest of sql/006_retention.sql, computed without the database."""
    values = (
        json.dumps(row.request_id),
        str(row.position),
        json.dumps(row.loan_id, ensure_ascii=False),
        json.dumps(row.model_version, ensure_ascii=False),
        row.features,
        _bytes_of(row.probability),
        str(row.decision),
        _bytes_of(row.threshold),
        row.reasons or "null",
        json.dumps(row.channel, ensure_ascii=False),
        _bytes_of(row.latency_ms),
        row.created_at,
    )
    return hashlib.sha256(f"[{', '.join(values)}]".encode()).digest()


def _bytes_of(value: float | None) -> str:
    return "null" if value is None else f'"{struct.pack(">d", value).hex()}"'


def _compare_with_link(
    each: LinkedPrediction,
    links: Sequence[tuple[int, int]],
    pruned: PrunedLinks,
    counts: PredictionCounts,
    deviations: Deviations,
) -> None:
    name = f"request {each.request_id} position {each.position}"
    live = [link for link in links if link not in pruned]
    if len(live) > 1 and each.link == live[0]:
        found = ", ".join(map(_link, live))
        deviations.add("row", _TABLE, name, expected="one link of the row", found=found)
    if each.link is not None and each.link in pruned:
        counts.pruned += 1
        # The row of another link, where there is one.
        if each.row is not None and not live:
            deviations.add(
                "row",
                _TABLE,
                name,
                expected=f"no row: a tombstone records its deletion with {_link(each.link)}",
                found="the row",
            )
    elif each.link is None:
        deviations.add("row", _TABLE, name, expected="a link of the row", found="none: the row was added")
    elif each.row is None:
        deviations.add(
            "row",
            _TABLE,
            name,
            expected=f"the row of {_link(each.link)}, or a tombstone",
            found="neither: the row was deleted",
        )
    elif (computed := prediction_digest(each.row)) != each.digest:
        deviations.add(
            "row",
            _TABLE,
            name,
            expected=f"content with the digest {each.digest.hex()[:12]}.. of {_link(each.link)}",
            found=f"{computed.hex()[:12]}..: the row was altered",
        )


def reproduce_scores(
    rows: Sequence[StoredPrediction],
    find_scorer: FindScorer,
    counts: PredictionCounts,
    deviations: Deviations,
    table: str = _TABLE,
) -> None:
    """Score rows of one model again and compare PD, threshold and decision.

    Args:
        table: That of the rows, which deviations name.
    """
    scorer = find_scorer(rows[0].model_version)
    scored: list[tuple[StoredPrediction, Mapping[str, Any]]] = []
    for row, features in zip(rows, opened_features(rows), strict=True):
        if not isinstance(scorer, str):
            _compare_decision(row, scorer.threshold, table, deviations)
        if features is None:
            counts.erased += 1
        elif isinstance(features, AlteredFeatures):
            deviations.add(
                "features",
                table,
                _name(row),
                expected="features that their key opens, or a recorded erasure",
                found=str(features),
            )
        elif isinstance(scorer, str):
            counts.not_reproduced[scorer] += 1
        elif not scorer.can_score(features):
            counts.not_reproduced["an earlier release did not record the date of the application"] += 1
        else:
            scored.append((row, features))
    if isinstance(scorer, str) or not scored:
        return
    try:
        again = scorer.score([features for _, features in scored])
    except (ValueError, TypeError):
        # Row by row, to name the one whose features are not those of an application.
        again = np.array([_score_alone(scorer, features) for _, features in scored])
    recorded = np.array([row.probability for row, _ in scored])
    difference = np.abs(again - recorded)
    reproduced = difference <= TOLERANCE
    counts.reproduced += int(reproduced.sum())
    counts.identical += int((difference == 0).sum())
    counts.largest = max(counts.largest, float(difference[reproduced].max(initial=0.0)))
    for index in np.flatnonzero(~reproduced):
        row = scored[index][0]
        deviations.add(
            "score",
            table,
            _name(row),
            expected=f"PD {again[index]:.9f} of model {row.model_version} on the recorded features",
            found=f"{recorded[index]:.9f}",
        )


def _score_alone(scorer: ModelScorer, features: Mapping[str, Any]) -> float:
    try:
        return float(scorer.score([features])[0])
    except (ValueError, TypeError):
        return float("nan")


def _compare_decision(row: StoredPrediction, threshold: float, table: str, deviations: Deviations) -> None:
    if row.threshold != threshold:
        deviations.add(
            "score",
            table,
            _name(row),
            expected=f"threshold {threshold} of model {row.model_version}",
            found=f"{row.threshold}",
        )
    if row.decision != int(row.probability >= row.threshold):
        deviations.add(
            "score",
            table,
            _name(row),
            expected=f"decision {int(row.probability >= row.threshold)} for its PD and threshold",
            found=f"{row.decision}",
        )


def _name(row: StoredPrediction) -> str:
    return f"request {row.request_id} position {row.position}"


def _link(link: tuple[int, int]) -> str:
    return f"link {link[1]} of chain predictions/{link[0]}"
