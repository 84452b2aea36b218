"""From scikit-learn's fitted gradient boosting to arrays; the only module that reads its private parts.

docs/decisions/boosted-trees.md says why.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from loan_default_assets.model.boosted_trees import MAX_CODES, BoostedTrees
from loan_default_assets.model.target_statistics import TargetStatistics


def from_histogram_boosting(model: Any, numerical: int, statistics: TargetStatistics) -> BoostedTrees:
    """The trees of a fitted binary `HistGradientBoostingClassifier`.

    Args:
        model: The classifier, fitted on a table whose first columns are numerical and whose other columns are
            categorical, or numerical where they have too many codes.
        numerical: Number of numerical features N.
        statistics: Rates that replaced codes before the fit.

    Returns:
        Trees for encoded rows with the same columns; a code that was not fitted on goes where missing values go.

    Examples:
        >>> from sklearn.ensemble import HistGradientBoostingClassifier
        >>> model = HistGradientBoostingClassifier(max_iter=2).fit(np.arange(60.0)[:, None], np.arange(60) >= 30)
        >>> from_histogram_boosting(model, 1, TargetStatistics(np.zeros(0, np.int32), np.zeros(0))).roots.shape
        (2,)
    """
    # scikit-learn moves categorical columns to the front and gives their codes new numbers.
    encoder = model._preprocessor
    if encoder is None:
        order, known = np.arange(model.n_features_in_), []
    else:
        is_categorical = np.asarray(model.is_categorical_)
        categorical_columns = np.flatnonzero(np.asarray(encoder.transformers_[0][2], dtype=bool))
        order = np.concatenate(
            [categorical_columns, np.setdiff1d(np.arange(len(is_categorical)), categorical_columns)]
        )
        known = [codes.astype(np.int64) for codes in encoder.transformers_[0][1].categories_]
    trees = [predictors[0] for predictors in model._predictors]
    counts = [len(tree.nodes) for tree in trees]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    nodes = np.concatenate([tree.nodes for tree in trees])
    offset = np.repeat(starts, counts)
    leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    categorical = nodes["is_categorical"].astype(bool) & ~leaf
    split_codes = np.full(len(nodes), -1, np.int32)
    split_codes[categorical] = np.arange(categorical.sum())
    codes_left = np.zeros((int(categorical.sum()), MAX_CODES), bool)
    bitsets = [tree.raw_left_cat_bitsets for tree in trees]
    tree_of = np.repeat(np.arange(len(trees)), counts)
    for row, position in enumerate(np.flatnonzero(categorical)):
        node = nodes[position]
        codes_left[row] = bool(node["missing_go_to_left"])
        bits = bitsets[tree_of[position]][node["bitset_idx"]]
        for rank, code in enumerate(known[int(node["feature_idx"])]):
            codes_left[row, code] = bool(int(bits[rank // 32]) >> (rank % 32) & 1)
    return BoostedTrees(
        roots=starts.astype(np.int32),
        feature=np.where(leaf, 0, order[np.where(leaf, 0, nodes["feature_idx"])]).astype(np.int32),
        threshold=np.where(leaf | categorical, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, own, nodes["left"] + offset).astype(np.int32),
        right=np.where(leaf, own, nodes["right"] + offset).astype(np.int32),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=np.where(leaf, nodes["value"], 0.0),
        split_codes=split_codes,
        codes_left=codes_left,
        depth=np.array([nodes["depth"].max()], np.int32),
        base=np.asarray(model._baseline_prediction, np.float64).reshape(-1)[:1],
        starts=statistics.starts,
        rates=statistics.rates,
    )
