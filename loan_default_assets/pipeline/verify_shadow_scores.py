"""Whether every score of a shadow is as it was stored, has its link, and is reproduced by its model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_predictions import FindScorer, PredictionCounts, reproduce_scores
from loan_default_assets.warehouse.chain_links import StoredPrediction
from loan_default_assets.warehouse.linked_shadow_scores import LinkedShadowScore, shadow_digest

_ROWS_PER_BATCH = 10_000
_TABLE = "shadow_predictions"


def verify_shadow_scores(
    linked: Iterable[LinkedShadowScore],
    repeated: Mapping[tuple[str, int, str], Sequence[bytes]],
    find_scorer: FindScorer,
    deviations: Deviations,
) -> PredictionCounts:
    """Compare scores with links, and score the features of their predictions again in batches per model.

    A score goes with the key of its prediction, so that a link without its row is a deviation while the key is there.

    Args:
        linked: Links and scores side by side.
        repeated: Digests of all links of each score that has several, as after it was deleted and scored again.
    """
    counts = PredictionCounts()
    waiting: dict[str, list[StoredPrediction]] = defaultdict(list)
    for each in linked:
        if not _compare_with_link(each, repeated.get(each.key, (each.digest,)), counts, deviations):
            continue
        counts.rows += 1
        if each.row is None or each.row.prediction is None:
            continue
        batch = waiting[each.model_version]
        batch.append(each.row.prediction)
        if len(batch) == _ROWS_PER_BATCH:
            reproduce_scores(waiting.pop(each.model_version), find_scorer, counts, deviations, _TABLE)
    for batch in waiting.values():
        reproduce_scores(batch, find_scorer, counts, deviations, _TABLE)
    return counts


def _compare_with_link(
    each: LinkedShadowScore, digests: Sequence[bytes], counts: PredictionCounts, deviations: Deviations
) -> bool:
    """Whether there is a score, which this link counts where it has several."""
    name = f"request {each.request_id} position {each.position} of shadow {each.model_version}"
    link = "" if each.link is None else f"link {each.link[1]} of chain {_TABLE}/{each.link[0]}"
    if each.row is None:
        if each.has_key:
            expected = f"the row of {link}, since its prediction has its features"
            deviations.add("row", _TABLE, name, expected=expected, found="none: the row was deleted")
        else:
            counts.pruned += 1
        return False
    computed = shadow_digest(each, each.row)
    if each.link is None:
        deviations.add("row", _TABLE, name, expected="a link of the row", found="none: the row was added")
    elif computed not in digests:
        deviations.add(
            "row",
            _TABLE,
            name,
            expected=f"content with the digest {each.digest.hex()[:12]}.. of {link}",
            found=f"{computed.hex()[:12]}..: the row was altered",
        )
    elif computed != each.digest:
        counts.pruned += 1
        return False
    return True
