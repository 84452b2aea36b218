"""A gradient-boosting model as plain arrays: stored without pickle, scored with numpy.

docs/decisions/boosted-trees.md has the reasons and the measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.target_statistics import TargetStatistics

MAX_CODES = 256
# Rows times trees that are scored at once: the working arrays stay in the processor's cache.
_CELLS_PER_BLOCK = 100_000


class TreesError(ValueError):
    """Arrays that are no trees."""


@dataclass(frozen=True)
class BoostedTrees:
    """T trees with n nodes in all; a leaf's children are the leaf itself.

    Attributes:
        roots: (T,) int32 positions of the roots.
        feature: (n,) int32 columns, numerical features first.
        threshold: (n,) float64: a numerical value not above it goes left.
        left: (n,) int32 positions.
        right: (n,) int32 positions.
        missing_left: (n,) bool: a missing numerical value goes left.
        value: (n,) float64 log-odds of a leaf.
        split_codes: (n,) int32 rows of `codes_left`, -1 for a split of a numerical feature.
        codes_left: (k, MAX_CODES) bool: which codes go left.
        depth: (1,) int32 splits between a root and its deepest leaf.
        base: (1,) float64 log-odds that the trees add to.
        starts: (C,) int32, as in `TargetStatistics`.
        rates: (r,) float64, as in `TargetStatistics`.

    Raises:
        TreesError: The lengths differ, or a position is out of range.

    Examples:
        >>> import torch
        >>> trees = BoostedTrees(
        ...     roots=np.array([0]),
        ...     feature=np.array([0, 0, 0]),
        ...     threshold=np.array([0.5, 0.0, 0.0]),
        ...     left=np.array([1, 1, 2]),
        ...     right=np.array([2, 1, 2]),
        ...     missing_left=np.array([True, False, False]),
        ...     value=np.array([0.0, -1.0, 1.0]),
        ...     split_codes=np.array([-1, -1, -1]),
        ...     codes_left=np.zeros((0, MAX_CODES), bool),
        ...     depth=np.array([1]),
        ...     base=np.array([0.25]),
        ...     starts=np.zeros(0, np.int32),
        ...     rates=np.zeros(0),
        ... )
        >>> rows = EncodedRows(torch.tensor([[0.0], [1.0], [torch.nan]]), torch.zeros(3, 0, dtype=torch.int64))
        >>> trees.logits(rows).tolist()
        [-0.75, 1.25, -0.75]
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    split_codes: np.ndarray
    codes_left: np.ndarray
    depth: np.ndarray
    base: np.ndarray
    starts: np.ndarray
    rates: np.ndarray

    def __post_init__(self) -> None:
        nodes = len(self.feature)
        per_node = (
            self.threshold,
            self.left,
            self.right,
            self.missing_left,
            self.value,
            self.split_codes,
        )
        if any(array.shape != (nodes,) for array in per_node):
            raise TreesError(f"every array of the trees must have {nodes} nodes")
        limits = (
            (self.roots, 0, nodes),
            (self.left, 0, nodes),
            (self.right, 0, nodes),
            (self.split_codes, -1, len(self.codes_left)),
            (self.starts, -1, max(len(self.rates), 1)),
        )
        for positions, low, high in limits:
            if len(positions) and not (low <= positions.min() and positions.max() < high):
                raise TreesError(f"positions in the trees must be in {low}..{high - 1}")

    def logits(self, rows: EncodedRows) -> np.ndarray:
        """Score rows.

        Args:
            rows: N encoded rows.

        Returns:
            (n,) float64 log-odds, before calibration.

        Raises:
            TreesError: The rows have fewer columns than the trees split on.
        """
        cells = self.cells(rows)
        result = np.empty(len(rows))
        for part in self._blocks(len(rows)):
            result[part] = self.summed(self._leaf_values(cells[part]))
        return result

    def leaf_values(self, cells: np.ndarray) -> np.ndarray:
        """What each tree adds to the log-odds.

        Args:
            cells: (n, N + C) as from `cells`.

        Returns:
            (n, T) float64.
        """
        values = np.empty((len(cells), len(self.roots)))
        for part in self._blocks(len(cells)):
            values[part] = self._leaf_values(cells[part])
        return values

    def summed(self, values: np.ndarray) -> np.ndarray:
        """(n,) log-odds from the (n, T) values of the trees, each row's side by side.

        The sum of values that lie side by side does not depend on how many rows there are.
        """
        log_odds: np.ndarray = self.base[0] + values.sum(axis=1)
        return log_odds

    def _blocks(self, rows: int) -> Iterator[slice]:
        size = max(_CELLS_PER_BLOCK // max(len(self.roots), 1), 1)
        return (slice(start, start + size) for start in range(0, rows, size))

    def cells(self, rows: EncodedRows) -> np.ndarray:
        """The cells that the trees split on.

        Args:
            rows: N encoded rows.

        Returns:
            (n, N + C) float32: numerical features, then codes, or their rates where the trees were fitted on rates.

        Raises:
            TreesError: The rows have fewer columns than the trees split on.
        """
        codes = rows.categorical.cpu().numpy()
        replaced = TargetStatistics(self.starts, self.rates).apply(codes)
        cells = np.concatenate([rows.numerical.cpu().numpy(), replaced], axis=1)
        if len(self.feature) and self.feature.max() >= cells.shape[1]:
            raise TreesError(
                f"the trees split on column {self.feature.max()}, the rows have {cells.shape[1]}"
            )
        return cells

    def levels(self, cells: np.ndarray) -> Iterator[np.ndarray]:
        """The nodes that rows pass, from the roots to the leaves.

        Args:
            cells: (n, N + C) as from `cells`.

        Yields:
            (n, T) nodes of the next level; a leaf is repeated on the levels below it.
        """
        flat, columns = cells.ravel(), cells.shape[1]
        first_cell = np.arange(len(cells))[:, None] * columns
        node = np.broadcast_to(self.roots, (len(cells), len(self.roots)))
        yield node
        for _ in range(int(self.depth[0])):
            goes_left = self.goes_left(node, flat[first_cell + self.feature[node]])
            node = np.where(goes_left, self.left[node], self.right[node])
            yield node

    def goes_left(self, node: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Whether rows go left.

        Args:
            node: Positions of nodes, of any shape.
            cell: Their rows' cells of the features that they split on, of the same shape.

        Returns:
            Bool, of the same shape.
        """
        goes_left: np.ndarray = cell <= self.threshold.take(node)
        missing = np.isnan(cell)
        if missing.any():
            goes_left |= missing & self.missing_left.take(node)
        if len(self.codes_left):
            split = self.split_codes.take(node)
            by_code = np.nonzero(split >= 0)
            goes_left[by_code] = self.codes_left[split[by_code], cell[by_code].astype(np.int64)]
        return goes_left

    def _leaf_values(self, cells: np.ndarray) -> np.ndarray:
        """(n, T) values of the leaves of n rows, without the nodes on the way.

        The order is that of the trees, so that the nodes of one tree stay in the processor's cache. What has reached
        its leaf is omitted from the next steps: few paths are as long as the longest.
        """
        rows, trees = len(cells), len(self.roots)
        by_column = np.ascontiguousarray(cells.T).ravel()
        row = np.tile(np.arange(rows), trees)
        leaf = np.repeat(self.roots, rows).astype(np.intp)
        active, node = np.arange(len(leaf)), leaf
        for _ in range(int(self.depth[0])):
            is_inner = self._is_inner.take(node)
            active, node = active.compress(is_inner), node.compress(is_inner)
            position = self.feature.take(node).astype(np.intp) * rows + row.take(active)
            goes_left = self.goes_left(node, by_column.take(position))
            node = np.where(goes_left, self.left.take(node), self.right.take(node))
            leaf[active] = node
        return np.ascontiguousarray(self.value.take(leaf).reshape(trees, rows).T)

    @cached_property
    def _is_inner(self) -> np.ndarray:
        nodes = np.arange(len(self.left))
        is_inner: np.ndarray = (self.left != nodes) | (self.right != nodes)
        return is_inner

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for an artifact."""
        return {
            field.name: value.astype(np.uint8) if value.dtype == bool else value
            for field in fields(self)
            for value in (getattr(self, field.name),)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> BoostedTrees:
        """The inverse of `arrays`.

        Raises:
            TreesError: An array is missing, or they do not fit together.
        """
        if missing := [field.name for field in fields(cls) if field.name not in arrays]:
            raise TreesError(f"the trees lack {', '.join(missing)}")
        given = {field.name: arrays[field.name] for field in fields(cls)}
        flags = {name: given[name].astype(bool) for name in ("missing_left", "codes_left")}
        return cls(**(given | flags))


def weighted_sum(weighted: Sequence[tuple[float, BoostedTrees]]) -> BoostedTrees:
    """The trees whose log-odds are the weighted sum of those of the parts.

    Args:
        weighted: Weights and trees of the same rows, at least one, with equal target statistics.
    """
    parts = [part for _, part in weighted]
    nodes = np.cumsum([0, *(len(part.feature) for part in parts)])[:-1]
    splits = np.cumsum([0, *(len(part.codes_left) for part in parts)])[:-1]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    def moved(name: str) -> np.ndarray:
        return np.concatenate(
            [getattr(part, name) + by for part, by in zip(parts, nodes, strict=True)]
        ).astype(np.int32)

    split_codes = [
        np.where(part.split_codes >= 0, part.split_codes + by, -1)
        for part, by in zip(parts, splits, strict=True)
    ]
    return BoostedTrees(
        roots=moved("roots"),
        feature=joined("feature"),
        threshold=joined("threshold"),
        left=moved("left"),
        right=moved("right"),
        missing_left=joined("missing_left"),
        value=np.concatenate([weight * part.value for weight, part in weighted]),
        split_codes=np.concatenate(split_codes).astype(np.int32),
        codes_left=joined("codes_left"),
        depth=joined("depth").max(keepdims=True),
        base=np.sum([weight * part.base for weight, part in weighted], axis=0),
        starts=parts[0].starts,
        rates=parts[0].rates,
    )
