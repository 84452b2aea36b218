"""raw_loans: the loans of a partition as the source gives them, stored only when every check of the portfolio holds."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
import numpy as np

from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import MATCHES_SCHEMA, describe, schema_result
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.ingest import sources
from loan_default_assets.portfolio.spec import Portfolio

_MANY_LABELS = 500


def build(portfolio: Portfolio, today: date | None = None) -> dg.AssetsDefinition:
    """The asset; `today` (for tests) is the day after which an application date lies in the future."""
    key = dg.AssetKey([portfolio.name, "raw_loans"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Loans as the source gives them, one partition a period of application.",
        kinds={"pandas", "pandera", "postgres"},
        partitions_def=partitions_of(portfolio),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec(MATCHES_SCHEMA, asset=key, blocking=True)],
        metadata={"dagster/column_schema": _columns(portfolio)},
        pool=jobs.INGESTION,
    )
    @retried
    def raw_loans(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        now = today or date.today()
        loans = warehouse.loans(portfolio)
        partitions, violations = [], []
        read = sources.read(portfolio, context.partition_keys, today=now)
        for part, found in pandera_schema.validated(portfolio, read, now):
            partitions.append(part)
            violations += [(part.key, violation) for violation in found]
        violations += _one_class(portfolio, partitions)
        rows = sum(len(part.frame) for part in partitions)
        check = schema_result(violations, rows)
        if violations:
            yield check
            raise dg.Failure(
                f"the loans do not match portfolio {portfolio.name}; nothing was stored:\n{describe(violations)}",
                allow_retries=False,
            )
        changed = 0
        for part in partitions:
            replaced = loans.replace_raw(part.key, part.frame)
            changed += replaced.changed
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": replaced.rows,
                    "default_rate": _default_rate(part),
                    "changed": replaced.changed,
                },
                asset_key=key,
                partition_key=part.key,
            )
        context.log.info(f"raw_loans: {rows} rows in {len(partitions)} partitions, {changed} changed")
        yield dg.MaterializeResult(check_results=[check])

    return raw_loans


def _one_class(
    portfolio: Portfolio, partitions: Sequence[sources.RawPartition]
) -> list[tuple[str, pandera_schema.Violation]]:
    """A label that never varies over many rows was read wrongly; over the few of a day it may be chance."""
    labels = np.concatenate([part.frame["label"].to_numpy() for part in partitions])
    labels = labels[~np.isnan(labels)]
    many = len(labels) >= (1 if portfolio.as_of is None else _MANY_LABELS)
    if not many or len(np.unique(labels)) > 1:
        return []
    check = f"of two values, {portfolio.label.positive!r} for a default and {portfolio.label.negative!r}"
    return [(portfolio.name, pandera_schema.Violation(portfolio.label.column, check, len(labels), ()))]


def _default_rate(part: sources.RawPartition) -> dg.MetadataValue:
    rate = part.frame["label"].mean()
    return dg.MetadataValue.null() if rate != rate else dg.MetadataValue.float(float(rate))


def _columns(portfolio: Portfolio) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                "loan_id", "text", constraints=dg.TableColumnConstraints(nullable=False, unique=True)
            ),
            dg.TableColumn("as_of", "date", description="Day on which the application was known"),
            dg.TableColumn("label", "smallint", description="1 = default"),
            dg.TableColumn("label_observed_at", "date", description="Day from which the outcome counts"),
            *(
                dg.TableColumn(
                    name,
                    kind,
                    description=portfolio.columns[name].describe,
                    constraints=dg.TableColumnConstraints(nullable=portfolio.columns[name].nullable),
                )
                for name, kind in pandera_schema.postgres_columns(portfolio).items()
            ),
        ]
    )
