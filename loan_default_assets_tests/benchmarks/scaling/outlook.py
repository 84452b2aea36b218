"""Sections on what was not measured: 100 million and 1 billion rows, and the first bottleneck."""

import math

from loan_default_assets_tests.benchmarks.scaling.accelerators import READ_ROWS
from loan_default_assets_tests.benchmarks.scaling.cost_limits import (
    DISK_BYTES,
    MACHINE_CORES,
    NIGHT_HOURS,
    Limit,
    limits,
)
from loan_default_assets_tests.benchmarks.scaling.page_tables import count, figure, megabytes, share, table
from loan_default_assets_tests.benchmarks.scaling.stage_curves import StageCurve, full_trainings
from loan_default_assets_tests.benchmarks.scaling.stages import STAGES

TARGETS = (100_000_000, 1_000_000_000)
_GROWING = ("ingestion", "features", "scored_loans", "score")
Curves = dict[tuple[str, int], StageCurve]


def extrapolation(found: Curves) -> str:
    """What the fitted costs say about more rows than were measured."""
    parts = [
        f"""## 100 million and 1 billion rows

Extrapolated from the fits above; nothing of this was measured, and the processor seconds of a busy machine are more
than an idle one needs. *Cores*: those that end the stage in {NIGHT_HOURS} hours if the work divides without loss;
*machines* have {MACHINE_CORES} of them. *Disk* is the database without its log, which takes up to `max_wal_size`
more. The CSV file has {_file_bytes(found)} bytes per row. Memory is that of one process, the largest that was measured
and what it grew by per row between the two largest sizes."""
    ]
    heads = [
        "stage",
        "rows",
        "largest measured",
        "CPU hours",
        "cores",
        "machines",
        "of it PostgreSQL, cores",
        "disk, GB",
        "memory per process, GB",
    ]
    rows = []
    for name in _GROWING:
        for target in TARGETS:
            if (name, 1) in found:
                rows.append(_outlook(STAGES[name].title, found[name, 1], target))
    parts += [table(heads, rows), _training(found), _bottlenecks(found)]
    return "\n\n".join(parts)


def _file_bytes(found: Curves) -> str:
    curve = found.get(("copy", 1))
    size = curve.largest.facts.get("file_bytes") if curve else None
    return f"{float(size) / curve.largest.done:.0f}" if curve and size else "about as many"


def _outlook(title: str, curve: StageCurve, target: int) -> list[str]:
    hours = curve.fit.seconds(target) / 3600
    cores = math.ceil(hours / NIGHT_HOURS)
    server = curve.server_fit.seconds(target) / 3600 / NIGHT_HOURS
    per_row = curve.memory_per_row
    memory = ""
    if per_row is not None:
        memory = figure((curve.own_memory + max(per_row, 0.0) * (target - curve.largest.done)) / 1e9)
    return [
        title,
        count(target),
        count(curve.largest.done),
        figure(hours),
        count(cores),
        count(math.ceil(cores / MACHINE_CORES)),
        figure(server),
        count(curve.stored_per_row * target / 1e9),
        memory or "not known",
    ]


def _training(found: Curves) -> str:
    if ("pretraining", 1) not in found or ("fine_tuning", 1) not in found:
        return "Training was not measured yet."
    largest = full_trainings(found["fine_tuning", 1])[-1]
    pretraining, fine_tuning = found["pretraining", 1].fit, largest.seconds / largest.rows
    peaks = [each.peak for each in found["pretraining", 1].measured]
    scan = found.get(("sampled_pretraining", 1))
    hashing = [
        f"At {count(target)} stored rows, PostgreSQL needs {figure(scan.server_fit.seconds(target) / 60)} CPU minutes "
        "to split, sample and hash them."
        for target in TARGETS
        if scan and len(scan.measured) > 1
    ]
    unbounded = (pretraining.seconds(TARGETS[-1]) + fine_tuning * TARGETS[-1]) / 3600
    lines = [
        f"Training does not grow beyond `TRAINING_MAX_ROWS`: at its default of {READ_ROWS:,} rows, pretraining takes "
        f"{figure(pretraining.seconds(READ_ROWS) / 3600)} CPU hours, and fine-tuning at most "
        f"{figure(fine_tuning * READ_ROWS / 3600)}, with as many epochs as at {count(largest.rows)} rows "
        f"({largest.epochs}); more rows have fewer epochs.",
        "Pretraining uses one process, fine-tuning as many as there are transformers (`TRAINING_PROCESSES`, or tasks "
        "of a cluster with `ENGINE=ray`).",
        f"Without the limit, {count(TARGETS[-1])} rows would take {figure(unbounded)} CPU hours.",
        f"The process held {megabytes(min(peaks))} to {megabytes(max(peaks))} MB in these measurements; "
        "[deployment.md](deployment.md#more-rows-than-training_max_rows) has what it holds at the limit, and what "
        "PostgreSQL takes to sample 10,000,000 rows.",
        *hashing,
    ]
    return "\n".join(lines)


def _bottlenecks(found: Curves) -> str:
    first = limits(found)
    if not first:
        return "### The first bottleneck\n\nNot measured yet."
    named = [
        _named(target, where, [each for each in first if each.chain is chain])
        for target in TARGETS
        for where, chain in (("the chain from ingestion to `score-loans`", True), ("`score FILE`", False))
    ]
    rows = [[each.what, count(each.rows), each.remedy] for each in first]
    return "\n\n".join(
        [
            f"""### The first bottleneck

The number of rows at which a limit is met, on the cores of these measurements; the first one is the bottleneck. Streams
are counted as if PostgreSQL and the process that feeds it never worked at the same time. Assumed: {NIGHT_HOURS} hours,
{MACHINE_CORES} cores per machine, {DISK_BYTES / 1e12:.0f} TB of disk.""",
            "\n".join(each for each in named if each),
            table(["limit", "rows", "what takes one further"], rows),
            """PostgreSQL stays one server that writes: `ENGINE=ray` and more machines divide the work of the processes,
and not that in the column *of it PostgreSQL*.""",
        ]
    )


def _named(target: int, where: str, ordered: list[Limit]) -> str:
    """A line on the first limit of those, the one with the fewest rows first."""
    passed = [each for each in ordered if each.rows < target]
    if not ordered:
        return ""
    if not passed:
        return (
            f"- {count(target)} rows, {where}: none of its {len(ordered)} limits is passed; the first would be that "
            f"{ordered[0].what}, at {count(ordered[0].rows)} rows."
        )
    return (
        f"- **{count(target)} rows, {where}: {passed[0].what}, at {count(passed[0].rows)} rows**; "
        f"limits passed: {len(passed)} of {len(ordered)}. Further by: {passed[0].remedy}."
    )


def training_shares(found: Curves) -> str:
    """What share of the work training is, and so what a GPU can save at most."""
    needed = [("ingestion", 1), ("features", 1), ("pretraining", 1), ("fine_tuning", 1), ("scored_loans", 1)]
    if not all(key in found for key in needed):
        return ""
    largest = full_trainings(found["fine_tuning", 1])[-1]
    fine_tuning = largest.seconds / largest.rows
    parts = []
    for target in TARGETS:
        trained = min(target, READ_ROWS)
        training = found["pretraining", 1].fit.seconds(trained) + fine_tuning * trained
        rest = sum(found[name, 1].fit.seconds(target) for name in ("ingestion", "features", "scored_loans"))
        parts.append(
            f"At {count(target)} rows, training is {share(training / (training + rest))} of the processor seconds "
            "of ingestion, features, training and `score-loans` together: a GPU cannot save more than that."
        )
    return "\n\n".join(parts)
