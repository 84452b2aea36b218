"""What pretraining adds to one transformer, with few labels and with all; writes docs/quality-pretraining.md whole.

python -m loan_default_assets_tests.benchmarks.pretraining --data FOLDER --write docs/quality-pretraining.md
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loan_default_assets.model.config import ModelConfig
from loan_default_assets_tests.benchmarks.pretraining_conditions import Condition
from loan_default_assets_tests.benchmarks.pretraining_report import MeasuredCondition, pretraining_report
from loan_default_assets_tests.benchmarks.quality import CACHE, command_line, settings_of
from loan_default_assets_tests.benchmarks.quality_cache import FitJob, code_digest
from loan_default_assets_tests.benchmarks.quality_comparison import measured
from loan_default_assets_tests.benchmarks.quality_jobs import run_all
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import read_fit

# Changes of the default settings; the others are compared with the first two.
VARIANTS: dict[str, dict[str, Any]] = {
    "random weights": {"pretrain_epochs": 0},
    "contrastive": {},
    "contrastive, reconstruction": {"reconstruction_weight": 1.0},
    "reconstruction": {"contrastive_weight": 0.0, "reconstruction_weight": 1.0},
    "contrastive, reconstruction, target": {"reconstruction_weight": 1.0, "target_weight": 1.0},
    "contrastive, first epoch frozen": {"frozen_epochs": 1},
}
CONDITIONS = tuple(
    Condition(*values)
    for values in (
        ("sharp_thresholds", 1),
        ("informative_missing", 1),
        ("taiwan_credit", 1),
        ("sharp_thresholds", 10),
        ("informative_missing", 10),
        ("south_german_credit", 10),
        ("taiwan_credit", 10),
        ("south_german_credit", 100),
        ("sharp_thresholds", 100),
        ("informative_missing", 100),
        ("sharp_thresholds", 100, 10),
        ("taiwan_credit", 100),
    )
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit what is not cached yet, and print or write the report."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(given)
    jobs: dict[tuple[Condition, str], list[FitJob]] = {}
    sets = {condition: condition.read(options.data) for condition in options.conditions}
    fits = (options.cache / "fits").resolve()
    fits.mkdir(parents=True, exist_ok=True)
    for condition, data in sets.items():
        for seed in options.seeds:
            drawn = condition.drawn(data, seed)
            stored = drawn.store(options.cache / "sets").resolve()
            for name, changes in VARIANTS.items():
                settings = _config(options.config | changes).as_dict()
                job = FitJob(
                    stored, drawn.digest, "transformer", seed, fits, code_digest("transformer"), settings
                )
                jobs.setdefault((condition, name), []).append(job)
    every = [job for of_variant in jobs.values() for job in of_variant]
    if not options.stored and (failed := run_all(every, options.processes)):
        sys.exit(f"{failed} fits failed; the others are kept, run the same command again")
    found = [
        measured_condition(condition, data, {name: jobs[condition, name] for name in VARIANTS})
        for condition, data in sets.items()
    ]
    reported = [each for each in found if each.seeds]
    page = pretraining_report(
        reported,
        VARIANTS,
        _config(options.config),
        command_line("pretraining", given),
        [condition for condition in CONDITIONS if condition not in [each.condition for each in reported]],
        options.note,
    )
    if options.write:
        options.write.write_text(page, "utf-8")
    else:
        print(page)


def measured_condition(
    condition: Condition, data: QualitySet, jobs: Mapping[str, Sequence[FitJob]]
) -> MeasuredCondition:
    """The condition with the seeds of which the fits of all variants are stored."""
    fits = {name: {job.seed: read_fit(job.path) for job in of_seeds} for name, of_seeds in jobs.items()}
    seeds = [seed for seed in next(iter(fits.values())) if all(of_seed[seed] for of_seed in fits.values())]
    labels = [rows.outcome().astype("int8") for rows in (data.validation, data.window)]
    variants = {
        name: measured([fit for seed in seeds if (fit := of_seed[seed])], *labels)
        for name, of_seed in fits.items()
        if seeds
    }
    return MeasuredCondition(condition, data, tuple(seeds), variants)


def _config(settings: dict[str, Any]) -> ModelConfig:
    return ModelConfig.preset("fast", **{"members": 1, "boosting": False, **settings})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.pretraining")
    add = parser.add_argument
    add("--data", type=Path, help="folder of the public files")
    add(
        "--conditions",
        type=lambda text: tuple(map(Condition.parse, text.split(","))),
        default=CONDITIONS,
        help="SET:PERCENT_OF_LABELS or SET:100:MORE_UNLABELLED_ROWS_PER_ROW, separated by commas",
    )
    add("--config", type=settings_of, default={}, metavar="key:value,...", help="settings of all variants")
    add("--seeds", type=lambda text: tuple(map(int, text.split(","))), default=(0, 1, 2, 3, 4))
    add("--cache", type=Path, default=CACHE)
    add("--processes", type=int, default=1, help="fits side by side, one thread each")
    add(
        "--stored", action="store_true", help="fit nothing: report the seeds of which all variants are stored"
    )
    add("--note", default="", help="what else a reader should know of the fits, in sentences")
    add("--write", type=Path, help="file of the report, written whole; printed without it")
    return parser


if __name__ == "__main__":
    main()
