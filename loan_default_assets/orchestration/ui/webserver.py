"""`python -m loan_default_assets.orchestration.ui.webserver`: Dagster's webserver behind the access rules."""

import logging
import os
import signal
from pathlib import Path

import click
import dagster as dg

from loan_default_assets.garbage import collect_rarely
from loan_default_assets.orchestration import dagster_internals
from loan_default_assets.orchestration.ui.access_rules import UiAccessError, access_rules
from loan_default_assets.ports import bypass_proxies
from loan_default_assets.settings import Settings

MODULE = "loan_default_assets.orchestration.ui.webserver"
# Defaults of the `dagster-webserver` command: statement timeout in ms, seconds of a pooled connection, pool overflow.
_DATABASE = 15_000, 3600, 20
_POLL_MILLISECONDS = 2000
# Open pages keep a websocket; a stop does not wait for them.
_CLOSE_SECONDS = 5


@click.command()
@click.option(
    "-w", "--workspace", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True
)
def main(workspace: Path) -> None:
    """Serve Dagster's UI on DAGSTER_HOST and DAGSTER_PORT until a signal."""
    collect_rarely()
    settings = Settings()
    try:
        rules = access_rules(settings)
    except UiAccessError as error:
        raise click.ClickException(str(error)) from None
    # The code servers and runs that the webserver starts need no password.
    os.environ.pop("DAGSTER_UI_PASSWORD", None)
    os.environ["PYTHONWARNINGS"] = "ignore"
    bypass_proxies(os.environ)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)

    import uvicorn
    from dagster_webserver.app import create_app_from_workspace_process_context

    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(*_DATABASE)
        with dagster_internals.workspace_context(instance, workspace) as context:
            app = create_app_from_workspace_process_context(context, "", _POLL_MILLISECONDS)
            uvicorn.run(
                rules.protect(app),
                host=settings.dagster_host,
                port=settings.dagster_port,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=_CLOSE_SECONDS,
            )


if __name__ == "__main__":
    main()
