"""What of an asset is tried again: work that the database or the disk interrupted, never a mistake in the loans."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar

import dagster as dg

from loan_default_assets.warehouse.database import WarehouseError
from loan_default_assets.warehouse.registry import RegistryError

_TIMES = 2

Step = TypeVar("Step", bound=Callable[..., Any])


def retried(step: Step, *, seconds: float = 10) -> Step:
    """The step, tried again twice, so much later, after a WarehouseError or OSError.

    A refusal of the registry is final.
    """

    @wraps(step)
    def generating(*args: Any, **kwargs: Any) -> Any:
        with _interruptions(seconds):
            yield from step(*args, **kwargs)

    @wraps(step)
    def returning(*args: Any, **kwargs: Any) -> Any:
        with _interruptions(seconds):
            return step(*args, **kwargs)

    return generating if isgeneratorfunction(step) else returning  # type: ignore[return-value]


@contextmanager
def _interruptions(seconds: float) -> Iterator[None]:
    try:
        yield
    except RegistryError:
        raise
    except (WarehouseError, OSError) as error:
        raise dg.RetryRequested(max_retries=_TIMES, seconds_to_wait=seconds) from error
