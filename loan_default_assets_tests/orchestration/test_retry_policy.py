"""Interruptions are retried by Dagster; the user's errors and refusals of the registry are not."""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg
import pytest

from loan_default_assets.model.artifact_files import ArtifactRootError
from loan_default_assets.orchestration.retry_policy import reported, retried
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError, NoModelError
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import RegistryError


@dataclass(frozen=True)
class StepOutcome:
    """How often a step was executed, whether its run succeeded, and the chain of errors of its failure."""

    executions: int
    success: bool
    errors: tuple[str, ...]


def execute(error: Callable[[], Exception], failures: int, *, yields: bool) -> StepOutcome:
    """Run a step that raises the error in its first `failures` executions."""
    executions = [0]

    def work() -> None:
        executions[0] += 1
        if executions[0] <= failures:
            raise error()

    def generating() -> Iterator[dg.MaterializeResult]:
        work()
        yield dg.MaterializeResult()

    def returning() -> dg.MaterializeResult:
        work()
        return dg.MaterializeResult()

    asset = dg.asset(name="made")(retried(generating if yields else returning, seconds=0))
    result = dg.materialize([asset], raise_on_error=False)
    errors = []
    for event in result.all_events:
        if event.is_step_failure:
            step_error = event.step_failure_data.error
            while step_error is not None:
                errors.append(step_error.message)
                step_error = step_error.cause
    return StepOutcome(executions[0], result.success, tuple(errors))


@pytest.mark.parametrize("yields", [True, False])
@pytest.mark.parametrize(
    ("error", "failures", "executions", "succeeds"),
    [
        (lambda: WarehouseError("away"), 1, 2, True),
        (lambda: ArtifactRootError("away"), 1, 2, True),
        (lambda: OSError("interrupted"), 2, 3, True),
        (lambda: WarehouseError("gone"), 9, 3, False),
        (lambda: RegistryError("refused"), 1, 1, False),
        (lambda: PortfolioError("a mistake"), 1, 1, False),
        (lambda: NoModelError("materialize classifier first"), 1, 1, False),
    ],
    ids=[
        "one interruption",
        "an outage of the object store",
        "two interruptions",
        "lasting interruption",
        "refusal of the registry",
        "portfolio error",
        "pipeline error",
    ],
)
def test_only_interruptions_are_retried(
    error: Callable[[], Exception],
    failures: int,
    executions: int,
    succeeds: bool,
    yields: bool,
) -> None:
    outcome = execute(error, failures, yields=yields)
    assert (outcome.executions, outcome.success) == (executions, succeeds)
    if not succeeds:
        assert str(error()) in outcome.errors[-1]


@pytest.mark.parametrize("yields", [True, False])
def test_a_pipeline_error_is_a_failure_with_the_same_message(yields: bool) -> None:
    message = "no rows match; nothing was stored:\npartition 2025-01-01: column income"
    outcome = execute(lambda: ChecksFailedError(message, []), 1, yields=yields)
    failure = next(text for text in outcome.errors if "Failure: " in text)
    assert failure.strip().endswith(message)


VALUE = "Kim Minsu 900101-1234567"


def foreign() -> Exception:
    return ValueError(VALUE)


def own_after_foreign() -> Exception:
    try:
        raise KeyError(VALUE)
    except KeyError as error:
        made = PortfolioError("row 3 cannot be read")
        made.__cause__ = error
        made.add_note(VALUE)
        return made


def interruption_after_foreign() -> Exception:
    made = WarehouseError("the connection was lost")
    made.__context__ = ValueError(VALUE)
    return made


def operating_system() -> Exception:
    return OSError(28, VALUE, "loans.csv")


def operating_system_without_number() -> Exception:
    return OSError(VALUE)


def with_rows() -> Exception:
    made = ChecksFailedError("column income: fails on row 3", [])
    made.__cause__ = ValueError(VALUE)
    return made


ERRORS = [
    (foreign, "ValueError"),
    (own_after_foreign, "row 3 cannot be read"),
    (interruption_after_foreign, "the connection was lost"),
    (operating_system, "No space left on device: loans.csv"),
    (operating_system_without_number, "OSError"),
    (with_rows, "fails on row 3"),
]


@pytest.mark.parametrize("yields", [True, False])
@pytest.mark.parametrize(("error", "kept"), ERRORS)
def test_no_event_of_a_step_holds_the_text_of_another_library(
    error: Callable[[], Exception], kept: str, yields: bool
) -> None:
    def work() -> None:
        raise error()

    def generating() -> Iterator[dg.MaterializeResult]:
        work()
        yield dg.MaterializeResult()

    def returning() -> dg.MaterializeResult:
        work()
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        asset = dg.asset(name="made")(retried(generating if yields else returning, seconds=0))
        result = dg.materialize([asset], raise_on_error=False, instance=instance)
        stored = "\n".join(dg.serialize_value(entry) for entry in instance.all_logs(result.run_id))
    assert not result.success
    assert "Kim" not in stored
    assert kept in stored
    # The way to the error stays.
    assert "in work" in stored or issubclass(type(error()), ChecksFailedError)


@pytest.mark.parametrize(("error", "kept"), ERRORS)
def test_no_tick_holds_the_text_of_another_library(error: Callable[[], Exception], kept: str) -> None:
    @dg.sensor(name="watch", job_name="none")
    @reported
    def watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        raise error()

    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance) as context,
        pytest.raises(Exception) as raised,  # noqa: PT011 - Dagster wraps it
    ):
        watch.evaluate_tick(context)
    text = "".join(traceback.format_exception(raised.value))
    assert "Kim" not in text
    assert kept in text
