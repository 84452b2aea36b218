"""The report of the pretraining benchmark: gains over random weights with intervals over the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loan_default_assets.model.config import ModelConfig
from loan_default_assets_tests.benchmarks.pretraining_conditions import Condition
from loan_default_assets_tests.benchmarks.quality_comparison import Measured
from loan_default_assets_tests.benchmarks.quality_report import table
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet


@dataclass(frozen=True)
class MeasuredCondition:
    """All variants under one condition.

    Attributes:
        data: The set with all labels.
        seeds: Draws of the labels, in the order of the values of `variants`.
        variants: By name; the first starts from random weights.
    """

    condition: Condition
    data: QualitySet
    seeds: tuple[int, ...]
    variants: Mapping[str, Measured]

    @property
    def title(self) -> str:
        """Set, labels and unlabelled rows in words."""
        rows = len(self.data.train)
        labelled = round(rows * self.condition.labels / 100)
        unlabelled = rows - labelled + len(self.data.unlabelled)
        return f"{self.data.name}, {labelled:,} labelled and {unlabelled:,} unlabelled rows"

    def gains(self, part: str, base: int = 0) -> dict[str, np.ndarray]:
        """ROC-AUC of each variant after the base minus that of the base, (seeds,).

        Args:
            part: `validation` or `window`.
            base: Number of the variant that the others are compared with.
        """
        first, *others = list(self.variants)[base:]
        compared = getattr(self.variants[first], part)["roc_auc"]
        return {name: getattr(self.variants[name], part)["roc_auc"] - compared for name in others}


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and 95 % interval of paired differences over the seeds (Student's t).

    Examples:
        >>> [round(value, 3) for value in interval(np.array([0.0, 0.02]))]
        [0.01, -0.117, 0.137]
    """
    from scipy.stats import t

    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("-inf"), float("inf")
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def pretraining_report(
    found: Sequence[MeasuredCondition],
    variants: Mapping[str, Mapping[str, Any]],
    config: ModelConfig,
    command: str,
    not_run: Sequence[Condition] = (),
    note: str = "",
) -> str:
    """The whole page, Markdown.

    Args:
        variants: The settings of each variant that differ from `config`; the first starts from random weights, the
            second is the default.
        config: Settings of all variants.
        command: The command that repeats it.
        not_run: Conditions that the benchmark has and the page has not.
        note: What else a reader should know of the fits.
    """
    return (
        "\n\n".join(
            [
                "# Quality: what pretraining adds",
                "\n\n".join(filter(None, [_introduction(variants, config), note])),
                "## How to repeat it",
                f"```sh\npip install -e '.[dev,quality]'\n{command}\n```",
                "Fits are cached: an interrupted run goes on where it stopped.",
                "## Variants",
                table(
                    ["variant", "settings"],
                    [[name, _settings(changes)] for name, changes in variants.items()],
                ),
                "## Summary",
                *_summary(found),
                _not_run(not_run),
                *(part for measured in found for part in _section(measured)),
            ]
        )
        + "\n"
    )


def _introduction(variants: Mapping[str, Mapping[str, Any]], config: ModelConfig) -> str:
    return (
        f'The gain in ROC-AUC over "{next(iter(variants))}": the same training of the same seed whose encoder starts '
        f"from random weights. One transformer of {config.num_layers} layers without the boosting member; the "
        f"out-of-fold teacher has a share of {config.teacher:g}, and {config.pretrain_epochs} epochs of pretraining. "
        "This page is written by the command below.\n\n"
        "Training rows without a label are pretrained on, as unlabelled and immature rows are; encoding, teacher, "
        "fine-tuning and the target-aware term know the labelled ones only. Which rows have a label is drawn per seed, "
        "stratified. Validation rows all keep their labels and decide when to stop. A gain is the mean over the seeds "
        "of paired differences, with a 95 % interval over the seeds "
        "(Student's t): it covers the draw of labels and the training, not the choice of validation or window rows. "
        "Defaults are chosen by the validation rows; the window is shown beside them."
    )


def _settings(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}: {value}`" for name, value in changes.items()) or "as the defaults are"


def _summary(found: Sequence[MeasuredCondition]) -> list[str]:
    first, default, *_ = found[0].variants
    return [
        f"Mean gain over {first} in the conditions below ({len(found)}), and in how many of them the interval is above "
        "/ below 0.",
        _mean_gains(found, 0),
        f"The same over {default}, the default.",
        _mean_gains(found, 1),
        _reading(found, default),
    ]


def _mean_gains(found: Sequence[MeasuredCondition], base: int) -> str:
    rows = []
    for name in found[0].gains("validation", base):
        cells = [name]
        for part in ("validation", "window"):
            mean = np.mean([measured.gains(part, base)[name].mean() for measured in found])
            above, below = shown(found, name, part, base)
            cells += [f"{mean:+.4f}", f"{len(above)} / {len(below)}"]
        rows.append(cells)
    return table(["variant", "validation", "above / below 0", "window", "above / below 0"], rows)


def _not_run(conditions: Sequence[Condition]) -> str:
    titles = [
        f"{condition.data} with {condition.labels} % of the labels"
        + (f" and {condition.more} more unlabelled rows per row" if condition.more else "")
        for condition in conditions
    ]
    return f"Conditions of the benchmark that were not run for this page: {'; '.join(titles) or 'none'}."


def shown(
    found: Sequence[MeasuredCondition], name: str, part: str, base: int = 0
) -> tuple[list[str], list[str]]:
    """Titles of the conditions under which a variant is shown to gain, and of those under which it loses.

    Args:
        part: `validation` or `window`.
        base: Number of the variant that it is compared with.
    """
    intervals = {measured.title: interval(measured.gains(part, base)[name]) for measured in found}
    return (
        [title for title, (_, low, _) in intervals.items() if low > 0],
        [title for title, (_, _, high) in intervals.items() if high < 0],
    )


def _reading(found: Sequence[MeasuredCondition], default: str) -> str:
    first = next(iter(found[0].variants))
    compared = [(default, 0, first), *((name, 1, default) for name in found[0].gains("validation", 1))]
    lines = []
    for name, base, over in compared:
        above, below = shown(found, name, "validation", base)
        verdict = [
            f"{word} ({'; '.join(titles)})"
            for word, titles in (("a gain", above), ("a loss", below))
            if titles
        ]
        lines.append(
            f"- {name} over {over}: {' and '.join(verdict) or 'neither a gain nor a loss'} is shown."
        )
    return (
        "On the validation rows, which decide what is on by default:\n\n"
        + "\n".join(lines)
        + f"\n\nOf these {len(compared) * len(found)} intervals, one in forty is above 0 by chance and one in forty "
        "below. `loan-default tune` can choose a term that is off on the validation rows of a portfolio."
    )


def _section(found: MeasuredCondition) -> list[str]:
    gains = {part: found.gains(part) for part in ("validation", "window")}
    rows = []
    for name, model in found.variants.items():
        cells = [name]
        for part in ("validation", "window"):
            cells.append(f"{getattr(model, part)['roc_auc'].mean():.4f}")
            cells.append(_gain(gains[part][name]) if name in gains[part] else "")
        rows.append(cells)
    return [
        f"## {found.title}",
        f"{len(found.seeds)} seeds ({', '.join(map(str, found.seeds))}).",
        table(["variant", "validation", "gain", "window", "gain"], rows),
    ]


def _gain(values: np.ndarray) -> str:
    mean, low, high = interval(values)
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
