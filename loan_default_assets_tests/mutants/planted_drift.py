"""Planted faults of drift checks, of F1 before outcomes, and of their alerts."""

from loan_default_assets_tests.mutants.mutant import MODEL, ORCHESTRATION, PIPELINE, WAREHOUSE, Mutant, mutant

REFERENCE = "model/test_reference_rows.py"
LIVE = "pipeline/test_live_performance.py"

DRIFT_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "chance is no drift",
        f"{MODEL}/reference_rows.py",
        "if self.psi <= max(LEAST_PSI, self.limit):",
        "if self.psi <= LEAST_PSI:",
        REFERENCE,
    ),
    mutant(
        "a constant feature is seen to change",
        f"{MODEL}/reference_rows.py",
        "group[int(before.argmax())] = 1",
        "pass",
        REFERENCE,
    ),
    mutant(
        "partitions with too few rows are pooled",
        f"{PIPELINE}/partition_drift.py",
        "before() if rows < FEWEST_ROWS else ():",
        "():",
        LIVE,
    ),
    mutant(
        "partitions of the training are not compared",
        f"{PIPELINE}/partition_drift.py",
        "return portfolio.partition_bounds(key)[0] > trained_to",
        "return True",
        LIVE,
    ),
    mutant(
        "F1 is measured on outcomes that are known by the cutoff",
        f"{PIPELINE}/live_performance.py",
        "known = matured[block.index]",
        "known = snapshot.rows.label[block.index] >= 0",
        LIVE,
    ),
    mutant(
        "the interval holds the chance of outcomes",
        f"{MODEL}/expected_f1.py",
        "math.hypot(math.sqrt((inside * (1 - inside)).sum()), sums.error * mean)",
        "sums.error * mean",
        "model/test_expected_f1.py",
    ),
    mutant(
        "PDs that do not fit the validation rows have a wider interval",
        f"{MODEL}/expected_f1.py",
        "max(math.sqrt(self.variance), abs(self.defaults - self.expected))",
        "math.sqrt(self.variance)",
        "model/test_expected_f1.py",
    ),
    mutant(
        "no partition is alerted twice",
        f"{ORCHESTRATION}/drift_alerts.py",
        "drifted - before and not check.alerted",
        "drifted - before",
        "orchestration/test_drift_alerts.py",
    ),
    mutant(
        "drift that goes on sends no further alert",
        f"{ORCHESTRATION}/drift_alerts.py",
        "if drifted - before and",
        "if drifted and",
        "orchestration/test_drift_alerts.py",
    ),
    mutant(
        "drift that had ended before the promotion sends no alert",
        f"{ORCHESTRATION}/drift_alerts.py",
        'check.partition_key >= seen["first_partition"]',
        'seen["first_partition"]',
        "orchestration/test_drift_alerts.py",
    ),
    mutant(
        "a partition that is loaded again keeps that it was alerted",
        f"{WAREHOUSE}/drift_log.py",
        '"score = excluded.score, checked_at = now()"',
        '"score = excluded.score, checked_at = now(), alerted_at = NULL"',
        "warehouse/test_drift_log.py",
    ),
)
