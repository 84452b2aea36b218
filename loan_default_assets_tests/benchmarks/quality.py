"""Our chain's classifier beside plain references on real and generated loans; writes docs/quality.md whole.

python -m loan_default_assets_tests.benchmarks.quality --data FOLDER --config fast=preset:fast --write docs/quality.md
"""

import argparse
import ast
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests.benchmarks.generated_sets import GENERATED
from loan_default_assets_tests.benchmarks.quality_cache import FitJob, code_digest
from loan_default_assets_tests.benchmarks.quality_comparison import (
    Measured,
    chosen,
    difference,
    ensemble,
    measured,
)
from loan_default_assets_tests.benchmarks.quality_jobs import run_all
from loan_default_assets_tests.benchmarks.quality_references import REFERENCES
from loan_default_assets_tests.benchmarks.quality_report import SetReport, report
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import read_fit
from loan_default_assets_tests.benchmarks.quality_sets import SHARED, portfolio_set, read_set

CACHE = Path(".loan_default/quality")
PATHS = {
    "--data": "FOLDER",
    "--cache": "FOLDER",
    "--source": "FILE",
    "--portfolio": "FILE",
    "--write": "FILE",
    "--note": "TEXT",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit what is not cached yet, and print or write the report."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(given)
    sets = _sets(options)
    configurations = {name: ModelConfig.preset(**settings) for name, settings in options.config}
    folder = options.cache / "fits"
    jobs: dict[tuple[str, str], list[FitJob]] = {}
    for data in sets:
        folder.mkdir(parents=True, exist_ok=True)
        stored = data.store(options.cache / "sets")
        for name in options.references:
            jobs[data.name, name] = [_job(stored, data, name, seed, folder) for seed in options.seeds]
        for name, config in configurations.items():
            jobs[data.name, name] = [
                _job(stored, data, "transformer", seed, folder, config.with_seed(0).as_dict())
                for seed in options.seeds
            ]
    # Cheap models first: what is wrong with a set shows before hours of training.
    ordered = sorted(
        (job for of_model in jobs.values() for job in of_model), key=lambda job: bool(job.settings)
    )
    if failed := run_all(ordered, options.processes):
        sys.exit(f"{failed} fits failed; the others are kept, run the same command again")
    reports = [_set_report(data, jobs, options) for data in sets]
    command = command_line("quality", given)
    page = report(reports, _described(options), options.references, options.seeds, command, options.note)
    if options.write:
        options.write.write_text(page, "utf-8")
    else:
        print(page)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.quality")
    add = parser.add_argument
    add("--data", type=Path, help=f"folder of the public files: {', '.join(s.file for s in SHARED.values())}")
    add("--portfolio", help="portfolio file, or name in the library, of one more set")
    add("--source", help="its source")
    add(
        "--sets", type=_names, help=f"of {', '.join([*SHARED, *GENERATED])}; `none` for the portfolio's alone"
    )
    add("--project-split", action="store_true", help="split the public files as the project splits any other")
    add("--references", type=_names, default=tuple(REFERENCES), help="names, or `none`")
    add(
        "--config",
        type=_configuration,
        nargs="*",
        action="extend",
        default=[],
        metavar="NAME=key:value,...",
        help="a transformer: settings of ModelConfig, and `preset`; none for the references alone",
    )
    add(
        "--ensemble",
        type=_members,
        nargs="*",
        action="extend",
        default=[],
        metavar="NAME=model,...",
        help="equal weights of models, each over all seeds; every configuration of several seeds has one anyway",
    )
    add(
        "--choose",
        type=_members,
        nargs="*",
        action="extend",
        default=[],
        metavar="NAME=model,...",
        help="per set the model with the highest validation ROC-AUC, at the cost of all of them",
    )
    add("--seeds", type=lambda text: tuple(map(int, text.split(","))), default=(0, 1, 2))
    add("--cache", type=Path, default=CACHE)
    add("--processes", type=int, default=1, help="fits side by side, one thread each")
    add("--note", default="", help="what else ran during the fits, in a sentence beside the costs")
    add("--write", type=Path, help="file of the report, written whole; printed without it")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(text.split(","))


def _members(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, members = text.partition("=")
    return name, _names(members)


def _configuration(text: str) -> tuple[str, dict[str, Any]]:
    name, _, settings = text.partition("=")
    return name, {"name": "default"} | {
        {"preset": "name"}.get(key, key): value for key, value in settings_of(settings).items()
    }


def settings_of(text: str) -> dict[str, Any]:
    """Settings written as `key:value,...`."""
    pairs = (pair.partition(":") for pair in text.split(",") if pair)
    return {key: _value(value) for key, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _sets(options: argparse.Namespace) -> list[QualitySet]:
    names = options.sets
    if names is None:
        names = () if options.portfolio else (*(SHARED if options.data else ()), *GENERATED)
    sets = [read_set(name, options.data, project_split=options.project_split) for name in names]
    if options.portfolio:
        sets.append(portfolio_set(load(options.portfolio, source=options.source)))
    return sets


def _job(
    stored: Path,
    data: QualitySet,
    model: str,
    seed: int,
    folder: Path,
    settings: dict[str, Any] | None = None,
) -> FitJob:
    return FitJob(
        stored.resolve(), data.digest, model, seed, folder.resolve(), code_digest(model), settings or {}
    )


def _set_report(
    data: QualitySet, jobs: dict[tuple[str, str], list[FitJob]], options: argparse.Namespace
) -> SetReport:
    validation, window = (rows.outcome().astype("int8") for rows in (data.validation, data.window))
    names = [*options.references, *(name for name, _ in options.config)]
    models: dict[str, Measured] = {}
    for name in names:
        fits = [read_fit(job.path) for job in jobs[data.name, name]]
        models[name] = measured([fit for fit in fits if fit], validation, window)
    for name, members in _ensembles(options):
        fit = ensemble([models[member].fits for member in members], validation)
        models[name] = measured([fit], validation, window)
    for name, candidates in options.choose:
        models[name] = chosen({candidate: models[candidate] for candidate in candidates})
    best = max(options.references, key=lambda name: models[name].window["roc_auc"].mean(), default=None)
    comparisons = options.cache / "differences"
    differences = {
        name: difference(model.fits, models[best].fits, window, comparisons)
        for name, model in models.items()
        if best is not None and name != best
    }
    return SetReport(data, models, best, differences)


def _ensembles(options: argparse.Namespace) -> list[tuple[str, tuple[str, ...]]]:
    of_seeds = [(f"{name}-ens{len(options.seeds)}", (name,)) for name, _ in options.config]
    return [*(of_seeds if len(options.seeds) > 1 else ()), *options.ensemble]


def _described(options: argparse.Namespace) -> dict[str, str]:
    described = {name: REFERENCES[name].title for name in options.references}
    for name, settings in options.config:
        changed = ", ".join(f"{key} {value}" for key, value in settings.items() if key != "name")
        described[name] = f"preset `{settings['name']}`" + (f", {changed}" if changed else "")
    for name, members in _ensembles(options):
        described[name] = f"mean log-odds of all seeds of {', '.join(f'`{member}`' for member in members)}"
    for name, candidates in options.choose:
        listed = ", ".join(f"`{candidate}`" for candidate in candidates)
        described[name] = (
            f"per set the one of {listed} with the highest mean validation ROC-AUC; its cost is the sum of theirs"
        )
    return described


def command_line(benchmark: str, given: Sequence[str]) -> str:
    """The command with which a report can be repeated, without the paths of one machine."""
    words = [word for text in given for word in (text.split("=", 1) if text.startswith("--") else [text])]
    shown = []
    for option, word in zip(["", *words], words, strict=False):
        path = option in PATHS and (option in ("--data", "--cache", "--note") or Path(word).is_absolute())
        shown.append(PATHS[option] if path else shlex.quote(word))
    return " ".join([f"python -m loan_default_assets_tests.benchmarks.{benchmark}", *shown])


if __name__ == "__main__":
    main()
