"""Check results of the pipeline as Dagster's asset checks."""

from collections.abc import Sequence

import dagster as dg

from loan_default_assets.pipeline.check_results import CheckResult, LocatedViolation

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


def blocking_checks(asset: dg.AssetKey, *names: str) -> list[dg.AssetCheckSpec]:
    """Checks of an asset; while one fails, what depends on the asset is not materialized in the same run."""
    return [dg.AssetCheckSpec(name, asset=asset, blocking=True) for name in names]


def asset_check_result(check: CheckResult) -> dg.AssetCheckResult:
    """The check as Dagster records it, with the failure cases of a schema as a table."""
    metadata: dict[str, dg.MetadataValue | float] = dict(check.figures)
    if check.violations:
        metadata["failure_cases"] = _failure_cases(check.violations)
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=check.passed,
        severity=dg.AssetCheckSeverity.WARN if check.warning else dg.AssetCheckSeverity.ERROR,
        description=check.description or None,
        metadata=metadata,
    )


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
