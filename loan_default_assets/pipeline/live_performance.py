"""What is known of evaluated models before outcomes are: drift of their PDs, and the F1 that their PDs let expect.

All of it only warns: no verdict and no retraining depends on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from logging import Logger
from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.error_outline import outline
from loan_default_assets.pipeline.check_results import F1_AS_ESTIMATED, NO_SCORE_DRIFT, CheckResult
from loan_default_assets.pipeline.evaluate_models import WindowEvaluation
from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.pipeline.partition_drift import compare_features, is_later, stored_psi
from loan_default_assets.pipeline.reference_storage import stored_reference
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.drift_log import DriftLog, DriftState, F1Block, StoredPsi
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.reference_rows import ReferenceRows

# The newest blocks are scored again at every evaluation, at most so many loans of each.
MOST_BLOCKS = 12
LOANS_OF_A_BLOCK = 2_000
# Share of a block's loans with an outcome from which F1 on them is that of the block.
LEAST_OUTCOMES = 0.9


@dataclass(frozen=True)
class LivePerformance:
    """What one evaluation found.

    Attributes:
        checks: Drift of the PD, and the newest measured F1 beside its estimate.
        state: The figures of the evaluated model; None where none could be computed.
    """

    checks: tuple[CheckResult, ...]
    state: DriftState | None = None


@dataclass(frozen=True)
class _ScoredBlock:
    """Loans of consecutive partitions: positions (m,) in the snapshot, and their PDs (m,)."""

    first_partition: str
    last_partition: str
    index: np.ndarray
    pd: np.ndarray


def live_performance_or_warn(
    inputs: ReportInputs, evaluated: WindowEvaluation, drift_log: DriftLog, log: Logger
) -> LivePerformance:
    """Score the loans after the training of each evaluated model, and record drift and F1; no error is raised.

    Args:
        inputs: Where the models are. A block of loans has as many rows as an evaluation window at least.
        evaluated: The evaluation, whose rows are used.
    """
    versions = [evaluated.model.version, *([evaluated.champion.version] if evaluated.champion else [])]
    found: list[LivePerformance] = []
    for version in versions:
        try:
            found.append(_of_model(inputs, evaluated.snapshot, inputs.registry.get(version), drift_log))
        except Exception as error:  # noqa: BLE001 - the evaluation is recorded, whatever is found here
            log.warning(f"evaluation: drift of {version} not computed: {outline(error)}")
            found.append(_nothing(f"not computed: {outline(error)}", passed=False))
    for check in found[0].checks:
        if not check.passed:
            log.warning(f"evaluation: {check.description}")
    return found[0]


def _of_model(
    inputs: ReportInputs, snapshot: TrainingSnapshot, record: ModelRecord, drift_log: DriftLog
) -> LivePerformance:
    from loan_default_assets.model.expected_f1 import expected_f1

    reference = stored_reference(record, inputs.store)
    if reference is None:
        return _nothing(f"model {record.version} is of a release that kept no reference rows")
    scored = _score(snapshot, record, inputs.store, inputs.split_limits.min_rows)
    threshold = record.threshold if record.threshold is not None else 0.5
    blocks = []
    for block in scored:
        expected = expected_f1(block.pd, threshold, reference.declined, reference.approved)
        defined = not np.isnan(expected.f1)
        outcomes, measured = _measured(snapshot, block, threshold)
        blocks.append(
            F1Block(
                block.first_partition,
                block.last_partition,
                len(block.index),
                expected.f1 if defined else None,
                expected.low if defined else None,
                expected.high if defined else None,
                outcomes,
                measured,
            )
        )
    drift_log.record_blocks(record.version, blocks)
    _record_drift(inputs.portfolio, snapshot, record, reference, scored, drift_log)
    state = drift_log.state(record.version)
    return _nothing("no loan is newer than the training") if state is None else _result(state)


def _score(
    snapshot: TrainingSnapshot, record: ModelRecord, store: "ArtifactStore", block_rows: int
) -> list[_ScoredBlock]:
    """The newest blocks of loans that the model was not fitted on; of loans without dates, the window as one block."""
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.reference_rows import FEWEST_ROWS

    rows = snapshot.rows
    if record.trained_to is None:
        index = snapshot.split.window
    else:
        index = np.flatnonzero(rows.as_of > np.datetime64(record.trained_to, "D"))
    index = index[np.argsort(rows.partition_key[index], kind="stable")]
    keys, counts = np.unique(rows.partition_key[index], return_counts=True)
    ends = np.concatenate([[0], counts.cumsum()])
    predictor = Predictor.from_artifact(
        store.folder(record), sha256=record.artifact_sha256, portfolio_hash=record.portfolio_hash
    )
    rng = np.random.default_rng(0)
    found = []
    for first, last in block_bounds(counts, block_rows)[-MOST_BLOCKS:]:
        chosen = index[ends[first] : ends[last + 1]]
        if len(chosen) < FEWEST_ROWS:
            continue
        if len(chosen) > LOANS_OF_A_BLOCK:
            chosen = np.sort(rng.choice(chosen, LOANS_OF_A_BLOCK, replace=False))
        pd = predictor.predict(rows.numerical[chosen], rows.categorical[chosen]).pd
        found.append(_ScoredBlock(str(keys[first]), str(keys[last]), chosen, pd))
    return found


def block_bounds(counts: Sequence[int] | np.ndarray, block_rows: int) -> list[tuple[int, int]]:
    """First and last position of the partitions of each block; the last block may have fewer rows.

    Args:
        counts: (k,) rows of consecutive partitions.
        block_rows: Fewest rows of a block.
    """
    bounds, first, rows = [], 0, 0
    for position, count in enumerate(counts):
        rows += int(count)
        if rows >= block_rows:
            bounds.append((first, position))
            first, rows = position + 1, 0
    return bounds if first == len(counts) else [*bounds, (first, len(counts) - 1)]


def _measured(snapshot: TrainingSnapshot, block: _ScoredBlock, threshold: float) -> tuple[int, float | None]:
    """Loans with an outcome that counts, and F1 on them; None while an outcome is to mature, or too few are known."""
    split = snapshot.split
    matured = np.zeros(len(snapshot.rows), bool)
    matured[np.concatenate([split.train, split.validation, split.window, split.excluded])] = True
    known = matured[block.index]
    outcomes = int(known.sum())
    if np.isin(block.index, split.immature).any() or outcomes < LEAST_OUTCOMES * len(known):
        return outcomes, None
    default, decided = snapshot.rows.label[block.index][known] == 1, block.pd[known] >= threshold
    either = int(default.sum() + decided.sum())
    return outcomes, 2 * int((default & decided).sum()) / either if either else None


def _record_drift(
    portfolio: Portfolio,
    snapshot: TrainingSnapshot,
    record: ModelRecord,
    reference: "ReferenceRows",
    scored: Sequence[_ScoredBlock],
    drift_log: DriftLog,
) -> None:
    """Record what is not recorded yet of the partitions of the blocks: PSI of the PD, and of the features."""
    if not scored:
        return
    index, pd = (np.concatenate([getattr(block, name) for block in scored]) for name in ("index", "pd"))
    partition = snapshot.rows.partition_key[index]
    keys = [
        str(key)
        for key in np.unique(partition)
        if record.trained_to is None or is_later(portfolio, str(key), record.trained_to)
    ]
    known = {check.partition_key: check for check in drift_log.checks(record.version)}

    def count(key: str) -> tuple[int, list[np.ndarray]]:
        chosen = index[partition == key]
        return len(chosen), reference.count(snapshot.select(chosen))

    for position, key in enumerate(keys):
        earlier = keys[:position][::-1]
        if key in known and known[key].score is not None:
            continue
        score = _compare_scores(reference, pd, partition, key, earlier)
        if key not in known:
            check = compare_features(reference, key, lambda earlier=earlier: earlier, count)  # type: ignore[misc]
            drift_log.record_check(record.version, replace(check, score=score))
        elif score is not None:
            drift_log.record_score(record.version, key, score)


def _compare_scores(
    reference: "ReferenceRows", pd: np.ndarray, partition: np.ndarray, key: str, earlier: Sequence[str]
) -> StoredPsi | None:
    """PSI of the PDs of a partition, together with those before it while they are too few."""
    from loan_default_assets.model.reference_rows import FEWEST_ROWS

    chosen = partition == key
    for each in earlier:
        if chosen.sum() >= FEWEST_ROWS:
            break
        chosen |= partition == each
    return stored_psi(reference.compare_scores(pd[chosen])) if chosen.sum() >= FEWEST_ROWS else None


def _result(state: DriftState) -> LivePerformance:
    return LivePerformance((_score_check(state), _f1_check(state)), state)


def _score_check(state: DriftState) -> CheckResult:
    score = state.scored.score if state.scored else None
    if state.scored is None or score is None:
        return _unknown(NO_SCORE_DRIFT, "too few rows to compare")
    return CheckResult(
        NO_SCORE_DRIFT,
        passed=score.light == "green",
        description=f"partition {state.scored.partition_key}: PSI of the PD {score.psi:.3f}, limit {score.limit:.3f}",
        figures={"psi": score.psi, "limit": score.limit},
        warning=True,
    )


def _f1_check(state: DriftState) -> CheckResult:
    block = state.measured
    if block is None or block.measured is None or block.low is None or block.high is None:
        return _unknown(F1_AS_ESTIMATED, "no block of loans has matured yet")
    where = f"{block.outcomes:,} loans from {block.first_partition} to {block.last_partition}"
    meaning = (
        "as its PDs let expect"
        if block.low <= block.measured <= block.high
        else "outside of what its PDs let expect: the PDs do not fit these loans (concept drift), or it is the one "
        "block in twenty that chance puts outside"
    )
    return CheckResult(
        F1_AS_ESTIMATED,
        passed=block.low <= block.measured <= block.high,
        description=f"F1 {block.measured:.3f} on {where}, expected {block.low:.3f} to {block.high:.3f}: {meaning}",
        figures={"measured": block.measured, "expected_low": block.low, "expected_high": block.high},
        warning=True,
    )


def _nothing(why: str, *, passed: bool = True) -> LivePerformance:
    checks = (_unknown(name, why, passed=passed) for name in (NO_SCORE_DRIFT, F1_AS_ESTIMATED))
    return LivePerformance(tuple(checks))


def _unknown(name: str, why: str, *, passed: bool = True) -> CheckResult:
    return CheckResult(name, passed=passed, description=why, warning=True)
