"""How an asset's errors reach Dagster: which are retried, and which fail the run at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar

import dagster as dg

from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.pipeline.pipeline_errors import PipelineError
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import RegistryError

_MAX_RETRIES = 2

Step = TypeVar("Step", bound=Callable[..., Any])


def retried(step: Step, *, seconds: float = 10) -> Step:
    """The compute function of an asset under the retry policy.

    A WarehouseError or OSError is an interruption: the step is retried twice. A RegistryError is a refusal and a
    PipelineError or an ArtifactError is the user's to fix: all are final, the latter two become a Failure with the same
    message.

    Args:
        seconds: Delay before each retry.
    """

    @wraps(step)
    def generating(*args: Any, **kwargs: Any) -> Any:
        with _reported_to_dagster(seconds):
            yield from step(*args, **kwargs)

    @wraps(step)
    def returning(*args: Any, **kwargs: Any) -> Any:
        with _reported_to_dagster(seconds):
            return step(*args, **kwargs)

    return generating if isgeneratorfunction(step) else returning  # type: ignore[return-value]


@contextmanager
def _reported_to_dagster(seconds: float) -> Iterator[None]:
    try:
        yield
    except (PipelineError, ArtifactError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except RegistryError:
        raise
    except (WarehouseError, OSError) as error:
        raise dg.RetryRequested(max_retries=_MAX_RETRIES, seconds_to_wait=seconds) from error
