"""After a start of the code server: report the runs that its predecessor was executing as failed.

Dagster's default launcher does not detect them; such a run would occupy its pool without end. Once failed, it is
retried as `dagster.yaml` says. Runs are processes of this container, so those that began before it are dead.
"""

import time

import click
import dagster as dg
import grpc
import psutil
from health import code

from loan_default_assets.orchestration.run_tracking import cut_off_runs, report_cut_off_runs

# The daemon reloads the graph within a minute of the server's return, and drops a retry that comes before.
DAEMON_SECONDS = 75
PAUSE = 5


def serving() -> bool:
    """Whether the code server has loaded the graph."""
    try:
        return code()
    except grpc.RpcError:
        return False


def wait_and_report(started: float) -> None:
    """Wait for the code server and the daemon, then report the runs that began before `started`."""
    with dg.DagsterInstance.get() as instance:
        if not cut_off_runs(instance, started):
            return
        while not serving():
            time.sleep(PAUSE)
        time.sleep(DAEMON_SECONDS)
        for run in report_cut_off_runs(instance, started):
            click.echo(f"run {run.run_id} ({run.job_name}) was cut off: reported as failed")


if __name__ == "__main__":
    while True:
        try:
            wait_and_report(psutil.Process().create_time())
            break
        except Exception as error:  # noqa: BLE001 - the database may still be starting
            click.echo(f"cut-off runs are checked again in {PAUSE} s: {type(error).__name__}", err=True)
            time.sleep(PAUSE)
