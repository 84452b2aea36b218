"""The search for features that know the outcome: alone, by peeling, in pairs, in periods, and by signs of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from loan_default_assets.model.leakage_copies import group_copies
from loan_default_assets.model.leakage_names import named_after_outcome
from loan_default_assets.model.leakage_pairs import discriminating_pairs
from loan_default_assets.model.leakage_peeling import QuickBoosting, peel
from loan_default_assets.model.leakage_rows import ExaminedRows
from loan_default_assets.model.leakage_timing import SHARE_AFTER_AS_OF, maturity_auc, share_after_as_of

# ROC-AUC alone, as a lower bound, that no feature known at application has.
CERTAIN_AUC = 0.9
# ROC-AUC alone from which a feature must not raise that of the others by more than the limit; of a marker (presence,
# or one value against all others) a lower one, as honest markers tell less.
HIGH_AUC = 0.8
HIGH_MARKER_AUC = 0.75
# ROC-AUC alone, and its lower bound, of a feature that is accused for its ROC-AUC only: between 0.80 and 0.82 lie the
# strongest features of honest files.
ACCUSED_AUC, ACCUSED_AUC_LOW = 0.82, 0.77
# Discrimination from which features are peeled, and below which peeling ends.
NEAR_PERFECT = 0.93
ORDINARY = 0.88
# What a feature adds together with others beyond what it tells alone.
SYNERGY = 0.03
# What a feature may add to the others without being needed to explain the discrimination; less where its ROC-AUC alone
# or its name accuses it.
NEGLIGIBLE = 0.06
NAMED_GAIN = 0.02
MAX_PEELED = 25
MAX_PUT_BACK = 16
ONE_SIDED = 1.645


class LeakageSearch:
    """One search; `run` fills its attributes.

    Attributes:
        reasons: Phrases of the evidence against a feature, per position.
        peeled: Step of peeling per position.
        groups: Number of the group of copies per position.
        level: ROC-AUC of the features that are not attested.
        level_without: The same without those that have reasons.

    Examples:
        >>> from loan_default_assets.model.leakage_evidence import univariate_evidence
        >>> outcome = np.arange(300) % 3 == 0
        >>> fold, table = np.arange(300) // 3 % 3, np.stack([outcome, np.arange(300) % 2], 1).astype(np.float32)
        >>> alone = tuple(univariate_evidence(column, outcome, fold) for column in table.T)
        >>> search = LeakageSearch(ExaminedRows(table, (), ("paid", "age"), outcome, fold, alone), limit=0.1)
        >>> search.run()
        >>> sorted(search.reasons), search.level
        ([0], 1.0)
    """

    def __init__(
        self, rows: ExaminedRows, limit: float, progress: Callable[[str, int, int], None] = lambda *_: None
    ) -> None:
        """Prepare a search.

        Args:
            rows: The rows to examine.
            limit: Largest acceptable fall in ROC-AUC.
            progress: Receives what is being searched, and how many of how many features so far.
        """
        self.rows, self.limit, self.alone, self.progress = rows, limit, rows.alone, progress
        self.reasons: dict[int, list[str]] = {}
        self.peeled: dict[int, int] = {}
        self.groups: dict[int, int] = {}
        self.level = self.level_without = 0.5
        self.model = QuickBoosting(rows.table, rows.cardinalities, rows.outcome, rows.fold)
        self.named_badly = {i for i, name in enumerate(rows.names) if named_after_outcome(name)}

    def run(self, *, accuse: bool = True) -> None:
        """Search; the result is in the attributes. Without `accuse` only the discrimination is measured."""
        self.level = self.level_without = self.model.roc_auc(self.rows.not_attested())[0]
        if not accuse:
            return
        self.progress("removing the columns that tell most", 0, 0)
        self._find_alone()
        self._find_by_peeling()
        self._find_pairs(np.ones(len(self.rows.outcome), bool), "")
        self._find_where_filled()
        self._find_in_periods()
        self._find_by_time()
        if any(index not in self.rows.attested for index in self.reasons):
            self.progress("columns beside those found", 0, 0)
            self._find_weaker()
        for index in self.reasons:
            if index in self.named_badly:
                self._add(index, "its name")
        self.level_without = self.model.roc_auc(self.rows.not_attested(self.reasons))[0]
        found = sorted(index for index in self.reasons if index not in self.rows.attested)
        self.groups = group_copies(self.rows.table, found)

    def _add(self, index: int, reason: str) -> None:
        given = self.reasons.setdefault(index, [])
        if reason not in given:
            given.append(reason)

    def _certain(self, index: int) -> bool:
        found = self.alone[index]
        return found.roc_auc_low >= CERTAIN_AUC or found.decided_share > 0

    def _high(self, index: int) -> bool:
        found = self.alone[index]
        return found.roc_auc >= HIGH_AUC or found.marker_roc_auc >= HIGH_MARKER_AUC

    def _negligible(self, index: int) -> float:
        """What a feature may add to the others without being needed to explain the discrimination."""
        return NEGLIGIBLE if self.alone[index].roc_auc < ACCUSED_AUC else NAMED_GAIN

    def _find_alone(self) -> None:
        """Features that decide the outcome alone, and those with a high ROC-AUC without which it falls."""
        strong = [i for i in self.rows.not_attested() if self._certain(i) or self._high(i)]
        base = self.rows.not_attested(strong)
        uncertain = [index for index in strong if not self._certain(index)]
        for index in range(len(self.rows.names)):
            if self._certain(index):
                self._add_alone(index)
        if uncertain and self._dominate(uncertain, strong, base):
            kept = self._put_back(base, uncertain)
            for index in set(uncertain) - set(kept):
                self._add_alone(index)
        for index in sorted(self.reasons, key=lambda i: -self.alone[i].roc_auc):
            self.peeled[index] = len(self.peeled) + 1

    def _dominate(self, uncertain: Sequence[int], strong: Sequence[int], base: Sequence[int]) -> bool:
        """Whether ROC-AUC falls by more than the limit without the strong features, to below that of one alone."""
        if len(uncertain) < len(strong):
            return True
        accused = [
            found.roc_auc
            for found in (self.alone[index] for index in uncertain)
            if found.marker_roc_auc >= HIGH_MARKER_AUC
            or (found.roc_auc >= ACCUSED_AUC and found.roc_auc_low >= ACCUSED_AUC_LOW)
        ]
        if not accused:
            return False
        fall, error = self.model.fall(self.rows.not_attested(), base)
        return fall - ONE_SIDED * error > self.limit and max(accused) >= self.model.roc_auc(base)[0]

    def _add_alone(self, index: int) -> None:
        found = self.alone[index]
        self._add(index, f"ROC-AUC {found.roc_auc:.3f} alone")
        if found.decided_share > 0:
            self._add(
                index, f"its presence or a value decides the outcome in {found.decided_share:.1%} of rows"
            )

    def _put_back(self, base: Sequence[int], candidates: Sequence[int]) -> list[int]:
        """Candidates, weakest first, that add next to nothing to the others."""
        kept: list[int] = []
        for index in sorted(candidates, key=lambda i: (i in self.named_badly, self.alone[i].roc_auc)):
            gain, _ = self.model.fall([*base, *kept, index], [*base, *kept])
            if gain < self._negligible(index):
                kept.append(index)
        return kept

    def _find_by_peeling(self) -> None:
        """Features peeled from near-perfect to ordinary discrimination that tell more together than alone."""
        start = self.rows.not_attested(self.reasons)
        level, error = self.model.roc_auc(start)
        if level - ONE_SIDED * error < NEAR_PERFECT:
            return
        alone = [found.roc_auc for found in self.alone]
        removed = peel(self.model, start, alone, ORDINARY, MAX_PEELED)
        for index in removed:
            self.peeled[index] = len(self.peeled) + 1
        if not removed:
            return
        base = self.rows.not_attested([*self.reasons, *removed])
        fall, error = self.model.fall(start, base)
        expected = max(alone[index] for index in removed) - 0.5 + SYNERGY
        if fall - ONE_SIDED * error <= max(self.limit, expected):
            return
        kept = self._put_back(base, removed)
        after = self.model.roc_auc([*base, *kept])[0]
        for index in set(removed) - set(kept):
            self._add(index, f"ROC-AUC falls from {level:.3f} to {after:.3f} when it is peeled")

    def _find_pairs(self, rows: np.ndarray, period: str) -> None:
        """Pairs that decide the outcome together, in the rows given."""
        features = self.rows.not_attested(self.reasons)
        some = self.rows
        table, outcome, fold = some.table[rows], some.outcome[rows], some.fold[rows]
        count = partial(self.progress, f"pairs of columns{period},")
        for pair in discriminating_pairs(table, some.numerical, features, outcome, fold, count):
            found, best = pair.evidence, max(self.alone[i].roc_auc for i in pair.features)
            decides = found.decided_share > 0 and pair.combination == "difference"
            if not decides and found.roc_auc_low < max(CERTAIN_AUC, best + SYNERGY):
                continue
            tells = "decides the outcome" if decides else f"has ROC-AUC {found.roc_auc:.3f}"
            for index in self._carriers(pair.features):
                partner = next(i for i in pair.features if i != index)
                self._add(index, f"its {pair.combination} with {self.rows.names[partner]} {tells}{period}")

    def _carriers(self, pair: tuple[int, int]) -> list[int]:
        """The feature of a pair whose name or ROC-AUC points to it; both where neither does."""
        named = [index for index in pair if index in self.named_badly]
        if len(named) == 1:
            return named
        gap = self.alone[pair[0]].roc_auc - self.alone[pair[1]].roc_auc
        return list(pair) if abs(gap) < self.limit else [pair[0] if gap > 0 else pair[1]]

    def _find_where_filled(self) -> None:
        """Features that decide the outcome wherever they are filled."""
        for index in self.rows.not_attested(self.reasons):
            for phrase, found in self.rows.filled_parts(index):
                if found.roc_auc_low >= CERTAIN_AUC:
                    self._add(index, f"ROC-AUC {found.roc_auc:.3f} {phrase}")

    def _find_in_periods(self) -> None:
        """Features that decide the outcome in one period."""
        for name, rows in self.rows.periods():
            for index in self.rows.not_attested(self.reasons):
                found = self.rows.evidence_in(index, rows)
                grown = found.roc_auc_low > self.alone[index].roc_auc + SYNERGY
                if found.decided_share > 0 or (grown and found.roc_auc_low >= CERTAIN_AUC - SYNERGY):
                    self._add(index, f"ROC-AUC {found.roc_auc:.3f} alone in {name}")
            self._find_pairs(rows, f" in {name}")

    def _find_by_time(self) -> None:
        """Features with dates after `as_of`, or that differ between matured and immature rows, and a second sign."""
        rows = self.rows
        for index in range(len(rows.names)):
            found, values, signs = self.alone[index], rows.table[:, index], list[str]()
            if index in rows.dates and (share := share_after_as_of(values)) > SHARE_AFTER_AS_OF:
                signs.append(f"{share:.1%} of its dates lie after as_of")
            if rows.immature is not None and rows.as_of is not None and rows.immature_as_of is not None:
                area = maturity_auc(values, rows.as_of, rows.immature[:, index], rows.immature_as_of)
                if area >= CERTAIN_AUC:
                    signs.append(
                        f"it tells matured from immature rows of the same month (ROC-AUC {area:.3f})"
                    )
            informative = found.roc_auc_low > 0.5 + self.limit
            if signs and (informative or index in self.named_badly):
                for sign in signs:
                    self._add(index, sign)
            elif index in self.named_badly and found.roc_auc_low >= HIGH_MARKER_AUC and not signs:
                self._add(index, f"ROC-AUC {found.roc_auc:.3f} alone")

    def _find_weaker(self) -> None:
        """Beside features that know the outcome: others that do so less, but more than honest ones."""
        candidates = [
            index
            for index in self.rows.not_attested(self.reasons)
            if self.alone[index].roc_auc_low > 0.5
            and (index in self.named_badly or self.alone[index].roc_auc >= 0.6)
        ]
        candidates.sort(key=lambda i: (i in self.named_badly, self.alone[i].roc_auc))
        candidates = candidates[-MAX_PUT_BACK:]
        base = self.rows.not_attested([*self.reasons, *candidates])
        for index in candidates:
            gain, error = self.model.fall([*base, index], base)
            alone, named = self.alone[index], index in self.named_badly
            synergy = gain - error > max(self.limit, alone.roc_auc - 0.5 + SYNERGY)
            high = self._high(index) and gain > self._negligible(index)
            if synergy or high or (named and (gain > NAMED_GAIN or alone.roc_auc >= 0.6)):
                self._add(index, f"ROC-AUC {alone.roc_auc:.3f} alone, {gain:+.3f} beside honest features")
            else:
                base.append(index)
