"""What an asset check shows a person; the checks themselves are computed beside the rows that they judge."""

from collections.abc import Sequence

import dagster as dg

from loan_default_assets.portfolio.checks.pandera_schema import Violation

MATCHES_SCHEMA = "matches_schema"
BOTH_CLASSES = "both_classes"
LABEL_MATURITY = "label_maturity"
NO_LEAKAGE = "no_leakage"
FINITE_OUTPUTS = "finite_outputs"
F1_TARGET = "f1_reaches_target"

_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("partition", "string"),
        dg.TableColumn("column", "string"),
        dg.TableColumn("check", "string"),
        dg.TableColumn("count", "int"),
        dg.TableColumn("rows", "string", description="Row numbers in the source, the first twenty"),
    ]
)


def describe(violations: Sequence[tuple[str, Violation]]) -> str:
    """One line a violation, without any value of an applicant."""
    lines = [f"partition {key}: {violation}" for key, violation in violations[:20]]
    if len(violations) > 20:
        lines.append(f"... and {len(violations) - 20} more")
    return "\n".join(lines)


def schema_result(violations: Sequence[tuple[str, Violation]], rows: int) -> dg.AssetCheckResult:
    """The verdict of a Pandera schema on the partitions of one run; the failure cases as a table."""
    records = [
        dg.TableRecord(
            {
                "partition": key,
                "column": v.column,
                "check": v.check,
                "count": v.count,
                "rows": ", ".join(map(str, v.rows)),
            }
        )
        for key, v in violations[:100]
    ]
    metadata: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(rows)}
    if records:
        metadata["failure_cases"] = dg.MetadataValue.table(records=records, schema=_COLUMNS)
    return dg.AssetCheckResult(
        check_name=MATCHES_SCHEMA,
        passed=not violations,
        description=describe(violations) or f"{rows} rows match the portfolio",
        metadata=metadata,
    )
