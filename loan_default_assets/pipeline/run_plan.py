"""What a run of the chain will do, and about how long its steps take, before it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.pipeline.version_selection import find_same_training
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.ingest.row_count import RowCount, count_source_rows
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.config import ModelConfig
    from loan_default_assets.model.split_bounds import SplitLimits
    from loan_default_assets.model.training_cost import StepCost

# Seconds on one core of a small server, where nothing can be timed in advance; the estimate of what remains replaces
# them step by step by what the run took.
_PER_PARTITION = 0.012
_PER_LOADED_CELL, _PER_FEATURE_CELL = 2.5e-6, 1.5e-6
_LOADING, _FEATURES = 0.5, 0.3
# The leakage check examines at most a fixed number of rows, so that its time depends on the features alone.
_LEAKAGE, _LEAKAGE_PER_FEATURE = 0.5, 0.1
# References, intervals and a score in a fresh process; the report scores many rows, by the trees too.
_EVALUATION, _EVALUATION_PER_CELL, _SCORED_BY_TREES = 8.0, 5e-6, 1.7e-4
_CHAMPION, _PACKAGE = 0.1, 2.0
_STORING = ("raw_loans", "processed_features")


@dataclass(frozen=True)
class TrainingRows:
    """Rows of one training: of pretraining, to fit on, to validate on, and of the evaluation window.

    Attributes:
        before_sampling: All rows, where those of the training are a sample of them; otherwise 0.
        window_defaults: Defaults in the evaluation window; None until the loans are stored.
    """

    pretraining: int
    training: int
    validation: int
    window: int
    before_sampling: int = 0
    window_defaults: int | None = None


@dataclass(frozen=True)
class RunPlan:
    """What a run will do.

    Attributes:
        source: Rows of the source; None where they are known only once they are read.
        stored: Rows of the requested partitions that are stored already.
        partitions: The requested partitions.
        stored_partitions: How many of them are stored already.
        config: The model's settings.
        rows: Rows of the training, by the usual split until the loans are stored; None where they are not known.
        seconds: About how long each step takes, by the name of its asset, in their order; at most for the classifier.
        trained_before: The same rows were trained on with the same settings, and nothing is trained.
    """

    source: RowCount | None
    stored: int
    partitions: tuple[str, ...]
    stored_partitions: int
    config: "ModelConfig"
    rows: TrainingRows | None
    seconds: Mapping[str, float]
    trained_before: bool = False

    @property
    def training_seconds(self) -> dict[str, float]:
        """`seconds` without the steps that store the loans."""
        return {step: took for step, took in self.seconds.items() if step not in _STORING}


def training_cost(portfolio: Portfolio, settings: Settings) -> "StepCost":
    """Time steps of the portfolio's model on this machine, for one or two seconds.

    Raises:
        ConfigError: The portfolio's `training` names a setting that does not exist or a value that cannot work.
    """
    from loan_default_assets.model.training_cost import measure_steps

    features = portfolio.features
    return measure_steps(
        len(features.numerical),
        features.cardinalities,
        model_config(portfolio, settings),
        processes=settings.training_processes,
    )


def plan_run(
    portfolio: Portfolio,
    loans: Loans,
    keys: Sequence[str],
    cost: "StepCost",
    *,
    limits: "SplitLimits",
    package: bool,
) -> RunPlan:
    """The plan before anything is loaded.

    Args:
        keys: The requested partitions.
        cost: Measured costs of the model's training steps.
        limits: Size of the evaluation window.
        package: Whether the champion is packaged.
    """
    try:
        source = count_source_rows(portfolio, _days(portfolio, keys))
    except PortfolioError:
        # The step that loads the source reports what is wrong with it.
        source = None
    stored = {key: state for key, state in loans.partitions().items() if key in set(keys) and state.raw_rows}
    known = sum(state.raw_rows for state in stored.values())
    expected = source.rows if source else known
    rows = _usual_split(portfolio, keys, expected, limits) if expected else None
    features = len(portfolio.features.numerical) + len(portfolio.features.categorical)
    seconds = {
        "raw_loans": _LOADING
        + len(keys) * _PER_PARTITION
        + expected * (len(portfolio.columns) + 4) * _PER_LOADED_CELL,
        "processed_features": _FEATURES + expected * features * _PER_FEATURE_CELL,
    }
    plan = RunPlan(source, known, tuple(keys), len(stored), cost.config, rows, seconds)
    return _with_training(plan, cost, features, package)


def plan_training(
    plan: RunPlan,
    portfolio: Portfolio,
    registry: Registry,
    store: "ArtifactStore",
    snapshot: TrainingSnapshot,
    cost: "StepCost",
) -> RunPlan:
    """The plan once the loans are stored: with the rows of their split, and without a training that was made before.

    A training counts as made while the files of its model are intact.
    """
    split = snapshot.split
    others = len(split.immature) + len(split.unlabelled)
    rows = TrainingRows(
        len(split.train) + others,
        len(split.train),
        len(split.validation),
        len(split.window),
        snapshot.sampling.rows(before=True) if snapshot.sampling else 0,
        int((snapshot.rows.label[split.window] == 1).sum()),
    )
    features = len(portfolio.features.numerical) + len(portfolio.features.categorical)
    settings = cost.config.for_rows(max(rows.training, 1)).as_dict()
    encoder = find_same_training(registry, "encoder", snapshot, settings)
    before = False
    if encoder is not None and store.check(encoder).intact:
        used = settings | {"encoder": encoder.version, "mode": "full"}
        classifier = find_same_training(registry, "classifier", snapshot, used)
        before = classifier is not None and store.check(classifier).intact
    planned = replace(plan, rows=rows, trained_before=before)
    return _with_training(planned, cost, features, "classifier_bento" in plan.seconds)


def _with_training(plan: RunPlan, cost: "StepCost", features: int, package: bool) -> RunPlan:
    from loan_default_assets.reports.figures.feature_effects import scored_rows

    rows = plan.rows or TrainingRows(0, 0, 0, 0)
    leakage = _LEAKAGE + features * _LEAKAGE_PER_FEATURE
    scored_row = cost.scored_row * plan.config.members + _SCORED_BY_TREES * plan.config.boosting
    training = {
        "pretrained_encoder": leakage,
        "classifier": leakage,
        "evaluation": _EVALUATION
        + (rows.training + rows.window) * features * _EVALUATION_PER_CELL
        + scored_rows(features, rows.window) * scored_row,
        "champion": _CHAMPION,
        **({"classifier_bento": _PACKAGE} if package else {}),
    }
    if plan.rows and not plan.trained_before:
        training["pretrained_encoder"] += cost.pretraining(rows.pretraining)
        training["classifier"] += cost.fine_tuning(rows.training, rows.validation)
        # The teacher is a stack of the training rows; that of the classifier is of the validation rows too.
        stacks = [rows.training] * bool(plan.config.teacher)
        stacks += [rows.training + rows.validation] * plan.config.boosting
        training["classifier"] += cost.stacks(stacks, features)
    config = cost.config.for_rows(rows.training) if rows.training else cost.config
    return replace(plan, config=config, seconds={**plan.seconds, **training})


def _usual_split(portfolio: Portfolio, keys: Sequence[str], rows: int, limits: "SplitLimits") -> TrainingRows:
    """The split of rows that all have an outcome and are spread evenly over the requested partitions."""
    from loan_default_assets.model.row_sampling import ClassCounts, sample_shares
    from loan_default_assets.model.split_bounds import VALIDATION_SHARE, WINDOW_CEILING, WINDOW_SHARE

    immature = 0
    if portfolio.as_of is not None and portfolio.label.horizon_days is not None:
        immature = round(rows * min(portfolio.label.horizon_days / max(_days(portfolio, keys), 1), 1))
    matured = rows - immature
    window = round(matured * WINDOW_SHARE)
    if portfolio.as_of is not None:
        window = min(max(window, limits.min_rows), 5 * limits.min_rows, round(matured * WINDOW_CEILING))
    validation = round((matured - window) * VALIDATION_SHARE)
    training = matured - window - validation
    if not 0 < limits.max_rows < rows:
        return TrainingRows(training + immature, training, validation, window)
    parts = {"training": training, "validation": validation, "window": window, "immature": immature}
    # The number of rows of a sample does not depend on how many of them are defaults.
    shares = sample_shares(
        {name: ClassCounts(count) for name, count in parts.items()},
        limits.max_rows,
        ClassCounts(limits.min_rows),
    )
    training, validation, window, immature = (round(count * shares[name][0]) for name, count in parts.items())
    return TrainingRows(training + immature, training, validation, window, rows)


def _days(portfolio: Portfolio, keys: Sequence[str]) -> int:
    if portfolio.as_of is None:
        return 0
    first, last = portfolio.partition_bounds(keys[0])[0], portfolio.partition_bounds(keys[-1])[1]
    start, end = portfolio.start or date.min, portfolio.end or date.max
    return (min(last, end) - max(first, start)).days
