"""Check results of the pipeline as Dagster's asset checks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from loan_default_assets.orchestration.check_descriptions import check_description
from loan_default_assets.pipeline.check_results import CheckResult, LocatedViolation
from loan_default_assets.reports.rendering.number_format import rounded

if TYPE_CHECKING:
    from loan_default_assets.model.leakage import LeakageEvidence

_LISTED_FAILURE_CASES = 100

_FAILURE_CASES = dg.TableSchema(
    columns=[
        dg.TableColumn("partition", "string"),
        dg.TableColumn("column", "string"),
        dg.TableColumn("check", "string"),
        dg.TableColumn("count", "int"),
        dg.TableColumn("rows", "string", description="Row numbers in the source, the first twenty"),
    ]
)

_LEAKAGE_EVIDENCE = dg.TableSchema(
    columns=[
        dg.TableColumn("feature", "string"),
        dg.TableColumn("roc_auc_alone", "float", description="ROC-AUC of the feature alone"),
        dg.TableColumn("information_value", "float", description="A missing value is a bin of its own"),
        dg.TableColumn(
            "decided_share",
            "float",
            description="Share of rows whose outcome its presence or a value decides",
        ),
        dg.TableColumn("peeled_at", "int", description="Step at which peeling removed it; 0: kept"),
        dg.TableColumn("group", "int", description="Redundant copies share a number; 0: none"),
        dg.TableColumn("attested", "bool", description="Under known_at_application, or generated"),
        dg.TableColumn("blocking", "bool"),
        dg.TableColumn("reasons", "string"),
    ]
)


def blocking_checks(asset: dg.AssetKey, *names: str) -> list[dg.AssetCheckSpec]:
    """Checks of an asset; while one fails, what depends on the asset is not materialized in the same run."""
    return [_spec(asset, name, blocking=True) for name in names]


def warning_checks(asset: dg.AssetKey, *names: str) -> list[dg.AssetCheckSpec]:
    """Checks of an asset that stop nothing."""
    return [_spec(asset, name, blocking=False) for name in names]


def _spec(asset: dg.AssetKey, name: str, *, blocking: bool) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=asset, blocking=blocking, description=check_description(asset, name))


def asset_check_result(check: CheckResult) -> dg.AssetCheckResult:
    """The check as Dagster records it, with failure cases or leakage evidence as a table."""
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=check.passed,
        severity=_severity(check),
        description=check.description or None,
        metadata=_metadata(check),
    )


def refused_partitions_check(asset: dg.AssetKey, check: CheckResult) -> dg.AssetCheckEvaluation:
    """The check of partitions that were refused, so that nothing of this run is materialized.

    Dagster takes an AssetCheckResult for one of the partition's last materialization, and shows the check as not
    evaluated where another partition was materialized after that one.
    """
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=check.name,
        passed=check.passed,
        severity=_severity(check),
        description=check.description or None,
        metadata=_metadata(check),
        blocking=True,
    )


def _severity(check: CheckResult) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.WARN if check.warning else dg.AssetCheckSeverity.ERROR


def _metadata(check: CheckResult) -> dict[str, dg.MetadataValue | float]:
    metadata: dict[str, dg.MetadataValue | float] = {
        name: rounded(value) if isinstance(value, float) else value for name, value in check.figures.items()
    }
    if check.violations:
        metadata["failure_cases"] = _failure_cases(check.violations)
    if check.evidence:
        metadata["evidence"] = _leakage_evidence(check.evidence)
    return metadata


def _failure_cases(violations: Sequence[LocatedViolation]) -> dg.MetadataValue:
    records = [
        dg.TableRecord(
            {
                "partition": key,
                "column": violation.column,
                "check": violation.check,
                "count": violation.count,
                "rows": ", ".join(map(str, violation.rows)),
            }
        )
        for key, violation in violations[:_LISTED_FAILURE_CASES]
    ]
    return dg.MetadataValue.table(records=records, schema=_FAILURE_CASES)


def _leakage_evidence(evidence: "Sequence[LeakageEvidence]") -> dg.MetadataValue:
    records = [
        dg.TableRecord(
            {
                "feature": entry.feature,
                "roc_auc_alone": rounded(entry.roc_auc_alone),
                "information_value": rounded(entry.information_value),
                "decided_share": rounded(entry.decided_share),
                "peeled_at": entry.peeled_at or 0,
                "group": entry.group or 0,
                "attested": entry.attested,
                "blocking": entry.blocking,
                "reasons": "; ".join(entry.reasons),
            }
        )
        for entry in evidence
    ]
    return dg.MetadataValue.table(records=records, schema=_LEAKAGE_EVIDENCE)
