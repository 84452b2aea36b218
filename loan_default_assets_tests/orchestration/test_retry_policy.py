"""An infrastructure failure is Dagster's to repeat; a mistake is not."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.warehouse.database import WarehouseError
from loan_default_assets.warehouse.registry import RegistryError


def tries(error: Callable[[], Exception], times: int, *, yields: bool) -> tuple[int, bool, str]:
    """How often a step was tried that fails so many times, whether its run succeeded, and the last cause."""
    made = [0]

    def work() -> None:
        made[0] += 1
        if made[0] <= times:
            raise error()

    def generating() -> Iterator[dg.MaterializeResult]:
        work()
        yield dg.MaterializeResult()

    def returning() -> dg.MaterializeResult:
        work()
        return dg.MaterializeResult()

    asset = dg.asset(name="made")(retried(generating if yields else returning, seconds=0))
    result = dg.materialize([asset], raise_on_error=False)
    causes = [""]
    for event in result.all_events:
        if event.is_step_failure:
            found = event.step_failure_data.error
            while found is not None:
                causes.append(found.message)
                found = found.cause
    return made[0], result.success, causes[-1]


@pytest.mark.parametrize("yields", [True, False])
@pytest.mark.parametrize(
    ("error", "times", "tried", "succeeds"),
    [
        (lambda: WarehouseError("away"), 1, 2, True),
        (lambda: OSError("interrupted"), 2, 3, True),
        (lambda: WarehouseError("gone"), 9, 3, False),
        (lambda: RegistryError("refused"), 1, 1, False),
        (lambda: PortfolioError("a mistake"), 1, 1, False),
    ],
    ids=["back in time", "twice", "gone for good", "the registry refuses", "a mistake"],
)
def test_only_interruptions_are_tried_again(
    error: Callable[[], Exception],
    times: int,
    tried: int,
    succeeds: bool,
    yields: bool,
) -> None:
    made, success, cause = tries(error, times, yields=yields)
    assert (made, success) == (tried, succeeds)
    if not succeeds:
        assert str(error()) in cause
