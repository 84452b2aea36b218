"""The section on GPUs of the scaling page, computed from the findings of the benchmark of GPUs."""

from collections.abc import Sequence
from itertools import groupby
from statistics import mean, stdev

from loan_default_assets.model.config import ModelConfig
from loan_default_assets_tests.benchmarks.gpu_record import DeviceFit, EpochCost, Finding, StepSpeed
from loan_default_assets_tests.benchmarks.scaling.page_tables import count, figure, megabytes, share, table
from loan_default_assets_tests.benchmarks.scaling.stage_curves import StageCurve

READ_ROWS = 2_000_000
_MEASURES = ("roc_auc", "pr_auc", "log_loss", "f1")
Curves = dict[tuple[str, int], StageCurve]


def accelerators(findings: Sequence[Finding], shares: str) -> str:
    """What a GPU changes.

    Args:
        findings: Those of one GPU and of `CPU`; none where nothing was measured.
        shares: What share of all work training is, in sentences.
    """
    gpus = sorted({each.machine for each in findings} - {"CPU"})
    what = """Pretraining and fine-tuning of transformers run on the GPU that torch finds (`device: auto`); boosting and
additive models, scoring, reason codes, features and ingestion use the CPU in any case."""
    if not gpus:
        return f"## What a GPU changes\n\nNot measured: no machine with a GPU was at hand. {what}\n\n{shares}"
    steps = [each for each in findings if isinstance(each, StepSpeed)]
    epochs = [each for each in findings if isinstance(each, EpochCost) and each.machine != "CPU"]
    fits = [each for each in findings if isinstance(each, DeviceFit)]
    parts = [
        f"""## What a GPU changes

{what}
Measured on one {" and one ".join(gpus)} and on one CPU thread of the other sections, in processor seconds there, by

```sh
python -m loan_default_assets_tests.benchmarks.gpu --device cuda --write docs/scaling-gpu.jsonl
```

One transformer of the default sizes, 27 features, single precision. *Busy* is the share of the time in which the GPU
computed; the peak is that of one large product of matrices on the same device.""",
        _steps(steps),
        _epochs(epochs),
        _fits(fits),
        shares,
    ]
    return "\n\n".join(part for part in parts if part)


def _steps(steps: Sequence[StepSpeed]) -> str:
    on_cpu = {(each.kind, each.batch): each for each in steps if each.machine == "CPU"}
    rows = []
    for each in steps:
        if each.machine == "CPU":
            continue
        thread = on_cpu.get((each.kind, each.batch))
        rows.append(
            [
                each.kind,
                count(each.batch),
                count(each.rows_per_second),
                count(thread.rows_per_second) if thread else "",
                figure(each.rows_per_second / thread.rows_per_second) if thread else "",
                "" if each.busy is None else share(each.busy),
                f"{each.share_of_peak:.1%}",
                f"{thread.share_of_peak:.0%}" if thread else "",
            ]
        )
    heads = [
        "step", "rows per step", "GPU, rows per second", "one CPU thread, rows per second", "GPU / thread",
        "GPU busy", "of the GPU's peak", "of the thread's peak",
    ]  # fmt: skip
    return table(heads, rows)


def _epochs(epochs: Sequence[EpochCost]) -> str:
    if not epochs:
        return ""
    heads = [
        "one epoch, encoding included",
        "rows",
        "GPU, seconds",
        "GPU, µs per row",
        "memory of the GPU, MB",
    ]
    rows = [
        [
            each.kind,
            count(each.rows),
            figure(each.seconds),
            figure(each.seconds / each.rows * 1e6),
            megabytes(each.peak),
        ]
        for each in epochs
    ]
    return f"""{table(heads, rows)}

{_at_the_limit(epochs)}"""


def _at_the_limit(epochs: Sequence[EpochCost]) -> str:
    config = ModelConfig().for_rows(READ_ROWS)
    repeated = {"pretraining": config.pretrain_epochs, "fine-tuning": config.max_epochs * config.members}
    minutes = {each.kind: each.seconds / each.rows * READ_ROWS * repeated[each.kind] / 60 for each in epochs}
    said = " and ".join(f"{kind} {figure(value)} minutes" for kind, value in minutes.items())
    return f"""The GPU waits for the program: with the default settings the network is small, and a step consists of
some hundred short computations. Larger steps use it better. Fine-tuning derives {count(config.batch_size)} rows per
step from many rows; pretraining takes {count(config.pretrain_batch_size)} unless `pretrain_batch_size` says otherwise,
which changes the model. At the default of `TRAINING_MAX_ROWS`, {count(READ_ROWS)} rows, {said} at
these speeds, at most {config.max_epochs} epochs of {config.members} transformers, one after the other."""


def _fits(fits: Sequence[DeviceFit]) -> str:
    if not fits:
        return ""
    rows, said = [], []
    for name, group in groupby(sorted(fits, key=lambda each: each.name), key=lambda each: each.name):
        of_set = list(group)
        for on_cpu in (True, False):
            trained = [each for each in of_set if (each.machine == "CPU") == on_cpu]
            if trained:
                rows.append(_trainings(name, "CPU" if on_cpu else "GPU", trained))
        said += _noise(name, of_set)
    heads = ["set", "device", "seeds", "seconds", "beside", "ROC-AUC", "PR-AUC", "log loss", "F1"]
    return f"""Whole trainings with the default settings, boosting and additive models included, measured on the window:
mean and standard deviation over the seeds. *Beside* is how many other trainings the same GPU did at the same time.
All are of the classifier before its members were fitted on validation rows too
([the reasons](decisions/validation-rows.md)).

{table(heads, rows)}

{chr(10).join(said)}

On sets of this size a GPU does not make one training much shorter; it does many at once."""


def _trainings(name: str, device: str, fits: Sequence[DeviceFit]) -> list[str]:
    beside = {each.beside for each in fits}
    return [
        name,
        device,
        count(len(fits)),
        figure(mean(each.seconds for each in fits)),
        " to ".join(str(number) for number in sorted({min(beside), max(beside)})),
        *(_spread([each.measures[measure] for each in fits]) for measure in _MEASURES),
    ]


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def _noise(name: str, fits: Sequence[DeviceFit]) -> list[str]:
    """The largest difference of a GPU's training to the CPU's of the same seed, beside what the seed alone changes."""
    on_cpu = {each.seed: each.measures["roc_auc"] for each in fits if each.machine == "CPU"}
    pairs = [
        (each.measures["roc_auc"], on_cpu[each.seed])
        for each in fits
        if each.machine != "CPU" and each.seed in on_cpu
    ]
    if not pairs or len(on_cpu) < 2:
        return []
    largest = max((gpu - cpu for gpu, cpu in pairs), key=abs)
    return [
        f"- On `{name}` the ROC-AUC of the same seed differs by at most {largest:+.5f} between the devices "
        f"({len(pairs)} seeds); that of {len(on_cpu)} seeds on the CPU has a standard deviation of "
        f"{stdev(on_cpu.values()):.5f}."
    ]
