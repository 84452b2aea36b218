"""Interruptions are retried by Dagster; the user's errors and refusals of the registry are not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg
import pytest

from loan_default_assets.orchestration.retry_policy import retried
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
        (lambda: OSError("interrupted"), 2, 3, True),
        (lambda: WarehouseError("gone"), 9, 3, False),
        (lambda: RegistryError("refused"), 1, 1, False),
        (lambda: PortfolioError("a mistake"), 1, 1, False),
        (lambda: NoModelError("materialize classifier first"), 1, 1, False),
    ],
    ids=[
        "one interruption",
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
