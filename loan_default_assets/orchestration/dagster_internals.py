"""The only module that names Dagster's private modules; the others import these names from here.

- Run tags and `IN_PROGRESS_RUN_STATUSES`: the only record of a run's partition range, announced retry and code server.
- `DATA_VERSION_TAG`: the only record of the data version of an earlier materialization.
- `UnresolvedAssetJobDefinition`: the type that the public `dg.define_asset_job` returns.
- `UserConfigSchema`, `ConfigurableClassData`: the signature of a storage class that `dagster.yaml` names.
- `InstigatorState`, `InstigatorType`, `RemoteInstigatorOrigin`: the recorded status and cursor of a sensor, which
  `former_names` copies.
- `workspace_context`: what `dagster_webserver` makes its application from, for a workspace file.
- `compute_logs`: starts the processes that copy a step's output to the terminal.
- `DAEMON_MODULE`: the daemon as a module of the running interpreter; the `dagster-daemon` script may belong to another.

docs/decisions/dagster-internals.md has the decision and the facts behind it.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.execution import compute_logs
from dagster._core.remote_origin import RemoteInstigatorOrigin
from dagster._core.scheduler.instigation import InstigatorState
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    GRPC_INFO_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)
from dagster._serdes import ConfigurableClassData

if TYPE_CHECKING:
    from dagster._core.workspace.context import WorkspaceProcessContext

DAEMON_MODULE = "dagster._daemon"


@contextmanager
def workspace_context(instance: dg.DagsterInstance, workspace: Path) -> Iterator["WorkspaceProcessContext"]:
    """The code locations of a workspace file, loaded for a webserver; imported here, because few processes need it."""
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget

    with WorkspaceProcessContext(
        instance, WorkspaceFileTarget([str(workspace)]), version=dg.__version__
    ) as context:
        yield context


def keep_interrupts_from_output_copiers() -> None:
    """Ctrl-C in a terminal reaches this process alone, which then ends the processes that copy its steps' output.

    Otherwise each of them prints the traceback of its KeyboardInterrupt. May be called again.
    """
    vars(compute_logs)["subprocess"] = SimpleNamespace(
        Popen=partial(subprocess.Popen, start_new_session=True)
    )


__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "AUTO_RETRY_RUN_ID_TAG",
    "DAEMON_MODULE",
    "DATA_VERSION_TAG",
    "GRPC_INFO_TAG",
    "IN_PROGRESS_RUN_STATUSES",
    "MAX_RETRIES_TAG",
    "PARTITION_NAME_TAG",
    "WILL_RETRY_TAG",
    "ConfigurableClassData",
    "InstigatorState",
    "InstigatorType",
    "RemoteInstigatorOrigin",
    "UnresolvedAssetJobDefinition",
    "UserConfigSchema",
    "keep_interrupts_from_output_copiers",
    "workspace_context",
]
