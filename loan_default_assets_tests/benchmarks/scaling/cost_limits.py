"""Where a portfolio that grows meets its first limit: rows that one stream, one disk or one server can take."""

from collections.abc import Mapping
from dataclasses import dataclass

from loan_default_assets_tests.benchmarks.scaling.stage_curves import StageCurve

# What is assumed of a larger installation, in hours, cores per machine, and bytes.
NIGHT_HOURS = 8
MACHINE_CORES = 16
DISK_BYTES = 1e12
_NIGHT = NIGHT_HOURS * 3600.0
Curves = Mapping[tuple[str, int], StageCurve]


@dataclass(frozen=True)
class Limit:
    """A limit that a portfolio meets at some number of rows.

    Attributes:
        what: What is used up.
        rows: The number of rows at which it is.
        remedy: What takes one further.
        chain: Whether it is one of the chain from ingestion to `score-loans`; otherwise one of `score FILE`.
    """

    what: str
    rows: float
    remedy: str
    chain: bool = True


def limits(found: Curves) -> list[Limit]:
    """The limits that the measured stages allow to compute, the first one first."""
    result = []
    if ("ingestion", 1) in found and ("features", 1) in found:
        per_row = found["ingestion", 1].fit.per_row + found["features", 1].fit.per_row
        result.append(
            Limit(
                f"one run of ingestion and features (one reader, one COPY stream) takes {NIGHT_HOURS} h",
                _NIGHT / per_row,
                "several runs at once, each with its own range of partitions and, best, its own file; pool `ingestion`",
            )
        )
    if ("scored_loans", 1) in found:
        result.append(
            Limit(
                f"one run of `score-loans` on one core takes {NIGHT_HOURS} h",
                _NIGHT / found["scored_loans", 1].fit.per_row,
                "`ENGINE=ray`: batches become tasks ([engines.md](engines.md)); or several runs, pool `scoring`",
            )
        )
    if ("score", 1) in found:
        result += [
            Limit(
                f"one `score FILE` takes {NIGHT_HOURS} h",
                _NIGHT / found["score", 1].fit.per_row,
                "divide the file, one command per part; or load the loans and use `score-loans`, which has no "
                "reasons and no row of JSON per loan in the prediction log",
                chain=False,
            ),
            Limit(
                f"the prediction log of `score FILE` takes {DISK_BYTES / 1e12:.0f} TB",
                DISK_BYTES / found["score", 1].stored_per_row,
                "`RETENTION_PREDICTION_DAYS`; or `score-loans`",
                chain=False,
            ),
        ]
    stored = [found[name, 1] for name in ("ingestion", "features", "scored_loans") if (name, 1) in found]
    if len(stored) == 3:
        result += [
            Limit(
                f"raw rows, features and scores take {DISK_BYTES / 1e12:.0f} TB of PostgreSQL's disk",
                DISK_BYTES / sum(curve.stored_per_row for curve in stored),
                "a larger disk; the tables are partitioned by year, so years can lie on table spaces of their own",
            ),
            Limit(
                f"PostgreSQL, one server that writes, is busy on {MACHINE_CORES} cores for {NIGHT_HOURS} h",
                MACHINE_CORES * _NIGHT / sum(curve.server_fit.per_row for curve in stored),
                "load only partitions that changed; one database per portfolio",
            ),
        ]
    scan = found.get(("sampled_pretraining", 1))
    if scan and len(scan.measured) > 1 and scan.server_fit.per_row > 0:
        result.append(
            Limit(
                f"one query that splits, samples and hashes the stored rows for a training takes {NIGHT_HOURS} h",
                _NIGHT / scan.server_fit.per_row,
                "train on fewer years: the portfolio's `start`",
            )
        )
    return sorted(result, key=lambda limit: limit.rows)
