"""The page of the scaling benchmark, Markdown; every figure on it is computed from measurements."""

from collections.abc import Sequence

from loan_default_assets_tests.benchmarks.gpu_record import Finding
from loan_default_assets_tests.benchmarks.scaling import outlook, page_sections
from loan_default_assets_tests.benchmarks.scaling.accelerators import accelerators
from loan_default_assets_tests.benchmarks.scaling.measurement_file import Measurement
from loan_default_assets_tests.benchmarks.scaling.page_tables import count, figure, megabytes, share, table
from loan_default_assets_tests.benchmarks.scaling.stage_curves import StageCurve, curves
from loan_default_assets_tests.benchmarks.scaling.stages import STAGES

_COMMAND = "python -m loan_default_assets_tests.benchmarks.scaling"
Curves = dict[tuple[str, int], StageCurve]


def scaling_page(measurements: Sequence[Measurement], gpu: Sequence[Finding] = ()) -> str:
    """The whole page.

    Args:
        measurements: At least one; a section without measurements says so.
        gpu: Findings on a GPU.
    """
    found = curves([each for each in measurements if each.stage in STAGES])
    killed = [each for each in measurements if each.stage in page_sections.KILLED]
    sections = [
        _introduction(measurements),
        _costs(found),
        _curves(found),
        page_sections.ratios(found),
        page_sections.workers(found),
        page_sections.training(found),
        page_sections.memory(found),
        page_sections.kills(killed),
        outlook.extrapolation(found),
        accelerators(gpu, outlook.training_shares(found)),
        _missing(found),
    ]
    return "\n\n".join(sections) + "\n"


def _introduction(measurements: Sequence[Measurement]) -> str:
    first = measurements[0]
    days = sorted({each.day for each in measurements})
    others = [each.others for each in measurements if each.stage in STAGES]
    busy = f"{min(others):.1f} to {max(others):.1f} of them" if others else "an unknown part of them"
    return f"""# Scaling

What each step costs as the rows grow, and what follows for 100 million and 1 billion loans. Measured and written by

```sh
{_COMMAND} --sizes 10k,100k,300k --workers 1,2 --write docs/scaling.md
python -m loan_default_assets_tests.benchmarks.scaling_kills 300k
```

from [scaling.jsonl](scaling.jsonl), to which every measurement is appended as it ends. A measurement that is there for
the present sources of its stage is not repeated, so an interrupted run goes on where it was; `--write` alone, with
`--sizes ''`, writes the page again.

- Machine: {first.cores} cores, {first.memory / 2**30:.0f} GiB of memory, PostgreSQL on the same disk, measured on
  {" to ".join(dict.fromkeys([days[0], days[-1]]))}.
  **Other programs used {busy} during the measurements**, so processor seconds (CPU s, user and system) are the
  measure. They are those of the processes and of PostgreSQL, its background processes included; waiting for the disk
  is not in them, and what others do to caches and memory makes them more than they are on an idle machine. Wall seconds
  are shown with the mean number of cores that others used; they say nothing about an idle machine.
- Rows: generated loans with 30 columns, 27 of them features (19 numbers, 8 categories), in one CSV file.
- Every stage runs in a process of its own on one thread, with the libraries loaded before it begins; *memory* is the
  peak resident memory of that process with its libraries ({_base(measurements)} before it begins).
- Models have the default sizes, unless a *small model* is named: one transformer of one layer, without boosting.
  Both score the same rows in the same way; the small one shows what the steps around the model cost."""


def _base(measurements: Sequence[Measurement]) -> str:
    bases = [each.base / each.workers for each in measurements if each.base]
    return f"{megabytes(min(bases))} to {megabytes(max(bases))} MB" if bases else "not known"


def _costs(found: Curves) -> str:
    rows = []
    for name, stage in STAGES.items():
        if (name, 1) not in found:
            continue
        curve = found[name, 1]
        fitted = curve.fit
        residual = fitted.largest_residual
        rows.append(
            [
                stage.title,
                f"{count(fitted.rows[0])} to {count(fitted.rows[-1])}"
                if len(fitted.rows) > 1
                else count(fitted.rows[0]),
                figure(fitted.fixed),
                figure(fitted.per_row * 1e6),
                count(1 / fitted.per_row) if fitted.per_row else "",
                share(sum(each.server for each in curve.measured) / sum(each.cpu for each in curve.measured)),
                "none left" if residual is None else f"{residual:+.0%}",
            ]
        )
    heads = [
        "stage",
        "rows",
        "fixed, CPU s",
        "per row, CPU µs",
        "rows per CPU s",
        "of it PostgreSQL",
        "residual",
    ]
    return f"""## Cost per row

Fitted by least squares of the relative errors: CPU s = fixed + per row × rows, neither below 0. *Residual*: the largest
difference between measured and fitted, as a share of the measured; two sizes leave none. Where the residual is large,
the cost is not a straight line. *Rows per CPU s* is the throughput of one core.

![processor seconds by rows, measured and fitted](images/scaling.svg)

{table(heads, rows)}"""


def _curves(found: Curves) -> str:
    parts = ["## Measurements"]
    heads = [
        "rows", "workers", "CPU s", "of it PostgreSQL", "residual", "wall s", "cores used by others",
        "memory, MB", "PostgreSQL, MB", "stored, bytes per row",
    ]  # fmt: skip
    for name, stage in STAGES.items():
        rows = []
        for workers in sorted(number for of, number in found if of == name):
            curve = found[name, workers]
            rows += [
                [
                    count(each.done),
                    str(workers),
                    figure(each.cpu),
                    figure(each.server),
                    f"{residual:+.0%}" if len(curve.measured) > 2 else "",
                    figure(each.wall),
                    f"{each.others:.1f}",
                    megabytes(each.peak),
                    megabytes(each.server_peak),
                    count(max(each.stored, 0) / each.done),
                ]
                for each, residual in zip(curve.measured, curve.fit.residuals, strict=True)
            ]
        if rows:
            parts.append(f"### {stage.title[0].upper() + stage.title[1:]}\n\n{table(heads, rows)}")
    return "\n\n".join(parts)


def _missing(found: Curves) -> str:
    heads = ["stage", "largest size measured, rows", "largest with 2 workers"]
    rows = []
    for name, stage in STAGES.items():
        one, two = found.get((name, 1)), found.get((name, 2))
        rows.append(
            [
                stage.title,
                count(one.largest.done) if one else "not measured",
                count(two.largest.done) if two else "not measured",
            ]
        )
    return f"""## What was not measured

Larger sizes than these are extrapolated. An idle machine was not available: wall seconds, and the gain of a second
worker in them, are to be measured again on one. `evaluation` and `classifier_bento` are not in the table: an evaluation
scores at most a fifth of `TRAINING_MAX_ROWS`, or what a verdict needs.

{table(heads, rows)}

```sh
{_COMMAND} --sizes 1M,10M --write docs/scaling.md \\
    --stages copy,ingestion,features,daily,scored_loans,score,scored_loans_small,score_small
{_COMMAND} --sizes 1M --stages pretraining,sampled_pretraining,fine_tuning --write docs/scaling.md
python -m loan_default_assets_tests.benchmarks.scaling_kills 10M
```

measures the missing ones. 10,000,000 rows need about 40 GB under `--scratch`."""
