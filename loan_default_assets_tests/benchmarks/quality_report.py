"""The report of the quality benchmark: one table per set, ranks over the sets, and every loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.metrics import PairedDifferences
from loan_default_assets_tests.benchmarks.quality_comparison import MEASURES, Measured
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet

TITLES = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "ks": "KS",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE",
    "f1": "F1",
}


_CACHED = (
    "Fits are cached per set, configuration, seed and version of the code: an interrupted run goes on where it "
    "stopped, and a change of the model's code fits the transformers again, but not the references."
)


@dataclass(frozen=True)
class SetReport:
    """All models on one set.

    Attributes:
        models: By name, references first.
        best_reference: Name of the reference with the highest mean ROC-AUC on the window; None without references.
        differences: Model minus best reference; empty without references.
    """

    data: QualitySet
    models: Mapping[str, Measured]
    best_reference: str | None
    differences: Mapping[str, PairedDifferences]


def report(
    sets: Sequence[SetReport],
    settings: Mapping[str, str],
    references: Sequence[str],
    seeds: Sequence[int],
    command: str,
    note: str = "",
) -> str:
    """The whole page, Markdown.

    Args:
        settings: What each of our models is, in words.
        references: Names of the references.
        command: The command that repeats it.
        note: What else ran during the fits.
    """
    return (
        "\n\n".join(
            [
                "# Quality",
                " ".join(filter(None, [_introduction(references, seeds), note])),
                "## How to repeat it",
                f"```sh\npip install -e '.[dev,quality]'\n{command}\n```",
                _CACHED,
                "## Models",
                table(["model", "what it is"], [[f"`{name}`", text] for name, text in settings.items()]),
                "## Ranks",
                *_ranks(sets),
                "## Losses",
                _losses(sets, references),
                *(part for found in sets for part in _set(found)),
            ]
        )
        + "\n"
    )


def _introduction(references: Sequence[str], seeds: Sequence[int]) -> str:
    return (
        "The transformer beside "
        f"{', '.join(references) if references else 'no reference'}: the same rows, the same split, "
        f"{len(seeds)} seeds ({', '.join(map(str, seeds))}). This page is written by the command below. What "
        "pretraining adds, with few labels too, is in [quality-pretraining.md](quality-pretraining.md).\n\n"
        "Every model is fitted on the training rows; ours on validation rows too, each of which is held out by the "
        "members that measure it ([the reasons](decisions/validation-rows.md)). A reference is stopped by the "
        "validation rows, and stands here twice: as it is, and, as `-refit`, fitted again on both kinds of rows with "
        "as many trees. Calibration and threshold are fitted on validation rows; the window is scored once. "
        "A cell is the mean over the seeds ± their "
        "standard deviation. A difference is that to the reference with the highest mean ROC-AUC on the window of the "
        "set, which favours the references, with a 95 % paired-bootstrap interval of the window's rows (mean of the "
        "seeds' bounds). F1 is that of the default class at the stored threshold: "
        "ours has the highest expected F1 of calibrated PDs, a reference's the best F1 on the validation rows, since "
        "references are not calibrated.\n\n"
        "CPU seconds are those of fitting one model, encoding and pretraining included, on one thread of a 2-core "
        "machine; an ensemble counts its members. Memory is the largest resident memory of a fit's "
        "own process, interpreter and libraries included."
    )


def _ranks(sets: Sequence[SetReport]) -> list[str]:
    common = [name for name in sets[0].models if all(name in found.models for found in sets)]
    groups = {
        "all": sets,
        "real": [found for found in sets if found.data.bayes_auc is None],
        "generated": [found for found in sets if found.data.bayes_auc is not None],
    }
    columns: dict[str, np.ndarray] = {}
    for group, members in groups.items():
        if members:
            columns[f"ROC-AUC, {group}"] = mean_ranks(members, common, "roc_auc")
    columns["PR-AUC, all"] = mean_ranks(sets, common, "pr_auc")
    columns["log loss, all"] = mean_ranks(sets, common, "log_loss")
    columns["ROC-AUC on validation, all"] = mean_ranks(sets, common, "roc_auc", part="validation")
    seconds = [sum(found.models[name].cost.training_seconds for found in sets) for name in common]
    order = np.argsort(columns["ROC-AUC, all"], kind="stable")
    rows = [
        [f"`{common[i]}`", *(f"{values[i]:.2f}" for values in columns.values()), f"{seconds[i]:,.1f}"]
        for i in order
    ]
    counts = ", ".join(f"{len(members)} {group}" for group, members in groups.items() if members)
    return [
        f"Mean rank over the sets ({counts}) of the mean over the seeds; 1 is best. On the window, unless it says "
        "validation. The last column is the sum of the CPU seconds of one fit per set.",
        table(["model", *columns, "CPU s"], rows),
    ]


def mean_ranks(
    sets: Sequence[SetReport], names: Sequence[str], measure: str, *, part: str = "window"
) -> np.ndarray:
    """Mean rank of each model over the sets, (models,); 1 is best, ties share theirs."""
    from scipy.stats import rankdata

    sign = 1 if measure in ("brier", "log_loss", "ece") else -1
    values = [[sign * getattr(found.models[name], part)[measure].mean() for name in names] for found in sets]
    return rankdata(values, axis=1).mean(axis=0)


def _losses(sets: Sequence[SetReport], references: Sequence[str]) -> str:
    rows = []
    for found in sets:
        for name, delta in found.differences.items():
            if name not in references and (delta.dauc < 0 or delta.df1 < 0):
                rows.append([found.data.name, f"`{name}`", f"`{found.best_reference}`", *_deltas(delta)])
    if not any(name not in references for found in sets for name in found.differences):
        return "Nothing to compare: no reference, or no model of ours, was run."
    if not rows:
        return "On no set is a model of ours below the best reference, in ROC-AUC or F1."
    return "Where a model of ours is below the best reference of the set, in ROC-AUC or F1:\n\n" + table(
        ["set", "model", "best reference", "ROC-AUC", "F1"], rows
    )


def _set(found: SetReport) -> list[str]:
    data = found.data
    positives = int(data.window.outcome().sum())
    text = (
        f"{len(data.train):,} training, {len(data.validation):,} validation and {len(data.window):,} window rows "
        f"({positives:,} defaults), {data.train.numerical.shape[1]} numerical and {len(data.cardinalities)} "
        f"categorical features; split: {data.split}."
    )
    if len(data.unlabelled):
        text += f" {len(data.unlabelled):,} more rows without a known label for pretraining."
    if data.bayes_auc is not None:
        text += f" ROC-AUC of the true probability of default on the window: **{data.bayes_auc:.4f}**."
    titles = [TITLES[name] for name in MEASURES]
    window, validation = list[list[str]](), list[list[str]]()
    for name, model in found.models.items():
        title = f"**`{name}`**" if name == found.best_reference else f"`{name}`"
        cost = [f"{model.cost.training_seconds:,.1f}", f"{model.cost.peak_megabytes:,.0f}"]
        deltas = _deltas(found.differences[name]) if name in found.differences else ["", ""]
        window.append([title, *(_cell(model.window[measure]) for measure in MEASURES), *deltas, *cost])
        validation.append([title, *(_cell(model.validation[measure]) for measure in MEASURES)])
    return [
        f"## {data.name}",
        text + " The best reference is bold.",
        "Window:",
        table(["model", *titles, "Δ ROC-AUC", "Δ F1", "CPU s", "MB"], window),
        "Validation:",
        table(["model", *titles], validation),
    ]


def _cell(values: np.ndarray) -> str:
    mean = f"{values.mean():.4f}"
    return mean if len(values) == 1 else f"{mean} ± {values.std(ddof=1):.4f}"


def _deltas(delta: PairedDifferences) -> list[str]:
    return [
        f"{delta.dauc:+.4f} ({delta.dauc_low:+.4f} to {delta.dauc_high:+.4f})",
        f"{delta.df1:+.4f} ({delta.df1_low:+.4f} to {delta.df1_high:+.4f})",
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
