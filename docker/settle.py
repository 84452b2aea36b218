"""Before the code server starts: runs that its predecessor was executing died with it, and Dagster is told so.

Dagster's default launcher does not notice by itself: such a run would hold its place in the queue for ever. Failed,
it is retried as `dagster.yaml` says. Runs are processes of this one container, so none can be alive by now.
"""

import json
import socket

import click
import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

with dg.DagsterInstance.get() as instance:
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("host") == socket.gethostname():
            instance.report_run_failed(run, "the container that executed this run is gone")
            click.echo(f"run {run.run_id} ({run.job_name}) was cut off: reported as failed")
