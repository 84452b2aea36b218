"""After a start of the code server: runs that its predecessor was executing died with it, and Dagster is told so.

Dagster's default launcher does not notice by itself: such a run would hold its place in the queue for ever. Failed,
it is retried as `dagster.yaml` says. Runs are processes of this one container, so those that began before it are dead.
"""

import json
import socket
import time

import click
import dagster as dg
import grpc
import psutil
from dagster._core.storage.tags import GRPC_INFO_TAG
from health import code

# The daemon loads the graph anew within a minute of the server's return, and gives up a retry that comes before.
DAEMON_SECONDS = 75
PAUSE = 5


def cut_off(instance: dg.DagsterInstance, started: float) -> list[dg.DagsterRun]:
    """Runs that this host was executing before `started`, in seconds since 1970."""
    records = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    return [
        record.dagster_run
        for record in records
        if record.start_time is not None
        and record.start_time < started
        and json.loads(record.dagster_run.tags.get(GRPC_INFO_TAG, "{}")).get("host") == socket.gethostname()
    ]


def answers() -> bool:
    """Whether the code server has loaded the graph."""
    try:
        return code()
    except grpc.RpcError:
        return False


def settle(started: float) -> None:
    """Waits for the code server and the daemon, then reports the dead runs as failed."""
    with dg.DagsterInstance.get() as instance:
        if not cut_off(instance, started):
            return
        while not answers():
            time.sleep(PAUSE)
        time.sleep(DAEMON_SECONDS)
        for run in cut_off(instance, started):
            instance.report_run_failed(run, "the container that executed this run was stopped")
            click.echo(f"run {run.run_id} ({run.job_name}) was cut off: reported as failed")


if __name__ == "__main__":
    while True:
        try:
            settle(psutil.Process().create_time())
            break
        except Exception as error:  # noqa: BLE001 - the database may still be on its way up
            click.echo(f"runs that were cut off are looked for again: {type(error).__name__}", err=True)
            time.sleep(PAUSE)
