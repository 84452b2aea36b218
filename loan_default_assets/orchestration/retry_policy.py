"""How the errors of assets, ops and sensors reach Dagster: which are retried, which fail, and what is stored."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar

import dagster as dg

from loan_default_assets.engines.task_engine import EngineError
from loan_default_assets.error_outline import UnexpectedError, outline, without_values
from loan_default_assets.model.artifact_files import ArtifactError, ArtifactRootError
from loan_default_assets.pipeline.pipeline_errors import PipelineError
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import RegistryError

_MAX_RETRIES = 2

Step = TypeVar("Step", bound=Callable[..., Any])


class Interruption(UnexpectedError):
    """An error of the operating system, such as a full disk."""


def retried(step: Step, *, seconds: float = 10) -> Step:
    """The compute function of an asset or op under the retry policy.

    A WarehouseError, EngineError, ArtifactRootError or OSError is an interruption: the step is retried twice. A
    RegistryError is a refusal and a PipelineError or an ArtifactError is the user's to fix: all are final, the latter
    two become a Failure with the same message. Dagster stores an error with all errors behind it, so none that may
    quote a row is passed on.

    Args:
        seconds: Delay before each retry.
    """
    return _inside(_reported_to_dagster, step, seconds)


def reported(evaluation: Step) -> Step:
    """The function of a sensor, with errors that Dagster may store."""
    return _inside(_without_values, evaluation)


def _inside(border: Callable[..., AbstractContextManager[None]], function: Step, *arguments: Any) -> Step:
    @wraps(function)
    def generating(*args: Any, **kwargs: Any) -> Any:
        with border(*arguments):
            yield from function(*args, **kwargs)

    @wraps(function)
    def returning(*args: Any, **kwargs: Any) -> Any:
        with border(*arguments):
            return function(*args, **kwargs)

    return generating if isgeneratorfunction(function) else returning  # type: ignore[return-value]


@contextmanager
def _reported_to_dagster(seconds: float) -> Iterator[None]:
    try:
        with _without_values():
            yield
    except (PipelineError, ArtifactError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except RegistryError:
        raise
    except (ArtifactRootError, EngineError, WarehouseError, Interruption) as error:
        raise dg.RetryRequested(max_retries=_MAX_RETRIES, seconds_to_wait=seconds) from error


@contextmanager
def _without_values() -> Iterator[None]:
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except OSError as error:
        raise Interruption(outline(error)).with_traceback(error.__traceback__) from None
    except Exception as error:  # noqa: BLE001 - the text of any error may quote a row
        raise without_values(error) from None
