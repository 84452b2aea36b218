"""Sections of the page that compare measurements: with a bare COPY, with two workers, with a bound, and after kills."""

from collections.abc import Sequence

from loan_default_assets_tests.benchmarks.scaling.measurement_file import Measurement
from loan_default_assets_tests.benchmarks.scaling.page_tables import count, figure, megabytes, table
from loan_default_assets_tests.benchmarks.scaling.stage_curves import StageCurve, full_trainings
from loan_default_assets_tests.benchmarks.scaling.stages import STAGES
from loan_default_assets_tests.benchmarks.scaling.training_stages import FINE_TUNING_EPOCHS, SAMPLED_ROWS

KILLED = {"scored_loans_killed": "`score-loans`", "score_killed": "`score FILE`"}
Curves = dict[tuple[str, int], StageCurve]


def ratios(found: Curves) -> str:
    """Ingestion compared with COPY."""
    heads = ["rows", "bare COPY, CPU s", "ingestion, CPU s", "ratio", "ratio of wall seconds"]
    rows = []
    if ("copy", 1) in found and ("ingestion", 1) in found:
        bare = {each.rows: each for each in found["copy", 1].measured}
        rows = [
            [
                count(each.done),
                figure(bare[each.rows].cpu),
                figure(each.cpu),
                figure(each.cpu / bare[each.rows].cpu),
                figure(each.wall / bare[each.rows].wall),
            ]
            for each in found["ingestion", 1].measured
            if each.rows in bare
        ]
    return f"""## Ingestion beside a bare COPY

The bare COPY sends the file as it is to a table with the same columns and primary key: no checks, no label, no
partition keys. One side was measured after the other, and the ratio of wall seconds depends on what ran beside them.

{table(heads, rows)}"""


def workers(found: Curves) -> str:
    """Two processes compared with one."""
    heads = [
        "stage",
        "rows",
        "CPU s, 1 worker",
        "2 workers",
        "ratio",
        "wall s, 1 worker",
        "2 workers",
        "cores used by others",
    ]
    rows = []
    for name, stage in STAGES.items():
        if (name, 1) not in found or (name, 2) not in found:
            continue
        single = {each.rows: each for each in found[name, 1].measured}
        for both in found[name, 2].measured:
            if both.rows in single:
                one = single[both.rows]
                rows.append(
                    [
                        stage.title,
                        count(both.done),
                        figure(one.cpu),
                        figure(both.cpu),
                        figure(both.cpu / one.cpu),
                        figure(one.wall),
                        figure(both.wall),
                        f"{one.others:.1f} and {both.others:.1f}",
                    ]
                )
    return f"""## Two workers

Two processes at once, each with half of the partitions (ingestion, features, `score-loans`), with a file of half the
rows (`score FILE`), or with half of the transformers (`TRAINING_PROCESSES=2`). On a machine that is busy, the ratio of
processor seconds is what counts: what is above 1 is spent a second time. Two runs of ingestion read the whole file
each; a file per run avoids it. Pretraining has one process.

{table(heads, rows)}"""


def training(found: Curves) -> str:
    """The bound of a training, and the cost of all its epochs."""
    parts = [
        f"""## Training reads a bounded number of rows

A training reads at most `TRAINING_MAX_ROWS` rows, 2,000,000 unless it is set
([deployment.md](deployment.md#more-rows-than-training_max_rows)). What is measured with a limit of {SAMPLED_ROWS:,}
rows shows the curve beyond it: what grows is PostgreSQL's work, which splits, samples and hashes all stored rows."""
    ]
    if ("sampled_pretraining", 1) in found:
        heads = [
            "stored rows",
            "rows of pretraining",
            "CPU s of the process",
            "CPU s of PostgreSQL",
            "memory, MB",
        ]
        rows = [
            [
                count(each.done),
                count(float(each.facts["pretraining_rows"])),
                figure(each.user + each.system),
                figure(each.server),
                megabytes(each.peak),
            ]
            for each in found["sampled_pretraining", 1].measured
        ]
        parts.append(table(heads, rows))
    if ("fine_tuning", 1) in found:
        heads = [
            "rows",
            "training rows",
            "most epochs",
            "CPU µs per training row, epoch and transformer",
            "CPU s of all epochs",
        ]
        rows = [
            [
                count(each.rows),
                count(each.training_rows),
                str(each.epochs),
                figure(each.epoch_per_row * 1e6),
                figure(each.seconds),
            ]
            for each in full_trainings(found["fine_tuning", 1])
        ]
        parts.append(
            f"""Fine-tuning was measured with {FINE_TUNING_EPOCHS} epochs. The default settings derive more of them from
the number of training rows, and stop earlier when the validation ROC-AUC no longer rises; the last column adds the
epochs that were not run, and none is saved by stopping early.

{table(heads, rows)}"""
        )
    return "\n\n".join(parts)


def memory(found: Curves) -> str:
    """Peak memory by number of rows."""
    heads = ["stage", "rows", "memory, MB", "bytes per further row"]
    rows = []
    for name in (
        "ingestion",
        "features",
        "daily",
        "scored_loans",
        "scored_loans_small",
        "score",
        "score_small",
        "pretraining",
    ):
        if (name, 1) in found and len(found[name, 1].measured) > 1:
            curve = found[name, 1]
            per_row = curve.memory_per_row
            rows.append(
                [
                    STAGES[name].title,
                    ", ".join(count(each.done) for each in curve.measured),
                    ", ".join(megabytes(each.peak) for each in curve.measured),
                    "" if per_row is None else figure(per_row),
                ]
            )
    return f"""## Memory

Peak resident memory at each number of rows. *Bytes per further row*: between the two largest sizes, where both are
about 100,000 rows or more, with which batches are full. `score FILE` keeps a hash of 8 bytes per loan id, and looks for
equal ones at the end; training holds the rows that it reads.

{table(heads, rows)}"""


def kills(killed: Sequence[Measurement]) -> str:
    """Hashes after kills."""
    heads = [
        "command",
        "rows",
        "rows stored at the first kill",
        "at the second",
        "hash, undisturbed",
        "hash, killed twice and repeated",
        "",
    ]
    rows = [
        [
            KILLED[each.stage],
            count(each.done),
            count(int(float(each.facts["rows_at_first_kill"]))),
            count(int(float(each.facts["rows_at_second_kill"]))),
            f"`{each.facts['undisturbed']}`",
            f"`{each.facts['killed_twice']}`",
            "identical" if each.facts["undisturbed"] == each.facts["killed_twice"] else "**different**",
        ]
        for each in killed
    ]
    return f"""## Killed twice

The command was ended by SIGKILL once a third of the table was written, repeated and ended once two thirds were, and
repeated again. The hash covers every row of the table (`scored_loans`, or `predictions` with its request ids), and for
`score FILE` the CSV file as well. What is in work at the kill is not stored: a partition, or about 100,000 rows of a
file.

{table(heads, rows)}"""
