"""`tune`: the best settings of many short trainings, shown as a change of the portfolio file and written on request."""

import os
from collections.abc import Callable
from pathlib import Path

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.engines.engine_choice import engine_of
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.pipeline_errors import PipelineError
from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.pipeline.tune_settings import TuningResult, tune_settings
from loan_default_assets.portfolio import training_block
from loan_default_assets.portfolio.spec import library_names


def refuse_unwritable(name_or_path: str) -> None:
    """Say before the first trial that the portfolio file cannot be written.

    Raises: CommandError for a portfolio of the library, or a file without write permission.
    """
    path, _ = training_block.read_file(name_or_path)
    if name_or_path in library_names():
        raise CommandError(
            f"{name_or_path} is a portfolio of the library, which an upgrade replaces; nothing was tried\n"
            f"Next: cp {path} {path.name} && loan-default tune --write --portfolio {path.name}"
        )
    if not os.access(path, os.W_OK) or not os.access(path.resolve().parent, os.W_OK):
        raise CommandError(
            f"{path} or its folder cannot be written; nothing was tried\nNext: omit --write, or give write permission"
        )


def tune(session: Session, trials: int, *, write: bool = False, say: Callable[[str], None]) -> str:
    """Run trials until there are so many, and report the best; with `write`, change the portfolio file.

    Raises: CommandError where the rows or settings cannot be trained with; PortfolioError, WarehouseError.
    """
    from loan_default_assets.model.config import ConfigError

    settings = session.settings
    if write:
        refuse_unwritable(settings.portfolio)
    try:
        result = tune_settings(
            session.portfolio,
            session.loans,
            url=session.url,
            config=model_config(session.portfolio, settings),
            limits=split_limits(settings),
            leakage_limit=settings.leakage_auc_limit,
            trials=trials,
            engine=engine_of(settings.engine),
            say=say,
        )
    except (PipelineError, ConfigError) as error:
        raise CommandError(str(error)) from None
    return "\n".join([*_result_lines(result), *_change_lines(session, result, write)])


def _result_lines(result: TuningResult) -> list[str]:
    """The number of trials, and the best one beside the present settings."""
    stopped = sum(trial.stopped_early for trial in result.trials)
    interrupted = f"; interruptions {result.interrupted}" if result.interrupted else ""
    present, best = result.present, result.best
    return [
        f"trials      {len(result.trials)}, of which {stopped} stopped early{interrupted}",
        f"present     validation ROC-AUC {present.value:.4f}",
        f"best        validation ROC-AUC {best.value:.4f} (trial {best.number})",
        f"measured on {result.validation_rows:,} validation rows with {result.validation_defaults:,} defaults, by one "
        f"transformer per trial: standard error {result.standard_error:.3f}, and the best of many is better there than "
        "on other rows",
    ]


def _change_lines(session: Session, result: TuningResult, write: bool) -> list[str]:
    if not result.changes:
        return ["change      none: the present settings are the best of these trials"]
    name = session.settings.portfolio
    path, before = training_block.read_file(name)
    after = training_block.edit(before, result.changes)
    lines = [training_block.difference(str(path), before, after)]
    if write:
        _replace(path, after)
        return [*lines, f"written     {path}", "next        loan-default run: the next training uses it"]
    return [*lines, "next        the same command with --write changes the file"]


def _replace(path: Path, text: str) -> None:
    """The file with a new text, whole at every moment; a link stays a link."""
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_bytes(text.encode("utf-8"))
    draft.chmod(target.stat().st_mode & 0o777)
    draft.replace(target)
