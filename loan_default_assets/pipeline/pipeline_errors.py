"""The errors of the pipeline's steps; the assets report them as failures that are not retried."""

from collections.abc import Sequence

from loan_default_assets.pipeline.check_results import CheckResult


class PipelineError(Exception):
    """A step cannot continue; the message says why and what to do next."""


class NoRowsError(PipelineError):
    """There are no rows to train on or to evaluate on."""


class NoModelError(PipelineError):
    """The registry holds no model that the step can use."""


class ModelFilesError(PipelineError):
    """The files of a model that the step needs are missing or damaged; the database is unchanged."""


class MissingVerdictError(PipelineError):
    """A challenger has no recorded promotion verdict."""


class ChecksFailedError(PipelineError):
    """Blocking checks failed and nothing was stored; `checks` holds every check that ran."""

    def __init__(self, message: str, checks: Sequence[CheckResult]) -> None:
        super().__init__(message)
        self.checks = tuple(checks)
