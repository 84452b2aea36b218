"""What `run` prints before it starts: rows, partitions, model, and about how long it takes."""

import math
from pathlib import Path

from loan_default_assets.commands.session import Session
from loan_default_assets.pipeline.run_plan import RunPlan, TrainingRows

# By the name of the asset.
STEPS = {
    "raw_loans": "loading",
    "processed_features": "features",
    "pretrained_encoder": "leakage check and pretraining",
    "classifier": "fine-tuning",
    "evaluation": "evaluation",
    "champion": "promotion",
    "classifier_bento": "packaging",
}

# What a usual model reaches on application data.
_USUAL_AUC = 0.7


def plan_text(session: Session, plan: RunPlan) -> str:
    """The plan as lines."""
    return "\n".join(
        [
            "what this run does",
            f"  rows        {_rows_text(session, plan)}",
            f"  partitions  {_partitions_text(session, plan)}",
            f"  model       {_model_text(session, plan)}",
            f"  training    {rows_text(plan)}",
            f"  time        {time_text(plan)}",
        ]
    )


def training_text(plan: RunPlan) -> str:
    """What follows once the loans are stored: the rows of the training, and the time that remains."""
    if plan.trained_before:
        return "the same rows were trained on with the same settings before: the models are reused"
    lines = [f"{rows_text(plan)}; {left_text(sum(plan.training_seconds.values()), at_most=True)}"]
    if plan.rows and (few := _too_few(plan.rows)):
        lines += [
            f"  WARN {few} to evaluate on: too few to show that a usual model beats chance; one that is "
            "not shown to does not serve",
            "  Next: Ctrl-C, and the same command with more loans that have an outcome",
        ]
    return "\n".join(lines)


def _too_few(rows: TrainingRows) -> str:
    """The rarer outcome of the window where the interval of a usual ROC-AUC would reach 0.5; empty otherwise."""
    from loan_default_assets.model.auc_interval import auc_interval

    defaults = rows.window_defaults
    if defaults is None:
        return ""
    others = rows.window - defaults
    if min(defaults, others) > 0 and auc_interval(_USUAL_AUC, defaults, others)[0] > 0.5:
        return ""
    return (
        _plural(defaults, "default") if defaults <= others else f"{_plural(others, 'loan')} without default"
    )


def rows_text(plan: RunPlan) -> str:
    """The rows of the training."""
    rows = plan.rows
    if rows is None:
        return "the number of rows is known once they are read"
    defaults = "" if rows.window_defaults is None else f" with {_plural(rows.window_defaults, 'default')}"
    sample = f"sampled from {rows.before_sampling:,} rows: " if rows.before_sampling else ""
    return (
        f"{sample}pretrain on {rows.pretraining:,} rows, fit on {rows.training:,} and "
        f"{rows.validation:,} validation rows, evaluate on {rows.window:,}{defaults}"
    )


def time_text(plan: RunPlan) -> str:
    """The whole time, and that of the steps that take most of it."""
    if plan.rows is None:
        return "known once the rows are read"
    steps = sorted(plan.seconds.items(), key=lambda step: -step[1])[:3]
    listed = ", ".join(f"{STEPS[name]} {duration(seconds)}" for name, seconds in steps)
    return f"at most about {duration(sum(plan.seconds.values()))}, by steps timed on this machine ({listed})"


def duration(seconds: float) -> str:
    """`45 s`, `12 minutes` or `3.5 hours`."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 5400:
        minutes = seconds / 60
        return f"{minutes:.1f} minutes" if minutes < 10 else f"{minutes:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def _rows_text(session: Session, plan: RunPlan) -> str:
    source = session.portfolio.source
    where = {"sql": "the query", "synthetic": "the generator"}.get(source.kind) or Path(
        source.path or ""
    ).name
    rows = "rows" if plan.source is None else f"{plan.source} rows"
    stored = f"{plan.stored:,} are stored already" if plan.stored else "none is stored yet"
    return f"{rows} of {where}; {stored}"


def _partitions_text(session: Session, plan: RunPlan) -> str:
    keys, cadence = plan.partitions, session.portfolio.cadence
    if session.portfolio.as_of is None:
        return "one, as the portfolio has no dates" + ("; stored already" if plan.stored_partitions else "")
    return (
        f"{len(keys):,} {cadence}, {keys[0]} to {keys[-1]}; {plan.stored_partitions:,} of them stored already"
    )


def _model_text(session: Session, plan: RunPlan) -> str:
    config = plan.config
    preset = session.portfolio.training.get("preset", "default")
    changed = [name for name in session.portfolio.training if name != "preset"]
    also = f" with {', '.join(changed)} of the portfolio" if changed else ""
    members = "a transformer" if config.members == 1 else f"{config.members} transformers"
    boosting = ", gradient boosting and an additive model" if config.boosting else ""
    # Left to be derived while the number of rows is not known.
    epochs = f"at most {config.max_epochs}" if config.max_epochs else "some epochs"
    batches = f"batches of {config.batch_size}" if config.batch_size else "batches"
    return (
        f"{members} of {_plural(config.num_layers, 'layer')} of width {config.d_model}{boosting} "
        f"(preset {preset}{also}): {_plural(config.pretrain_epochs, 'epoch')} of pretraining, {epochs} of "
        f"fine-tuning in {batches}"
    )


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def left_text(seconds: float, *, at_most: bool) -> str:
    """The remaining time; `at_most` where a training may stop early."""
    return f"{'at most ' if at_most else ''}about {duration(math.ceil(seconds))} left"
