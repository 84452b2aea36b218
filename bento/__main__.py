"""`python -m bento`: run the service on the ports of the settings until SIGTERM or Ctrl-C."""

import argparse
import os
import signal
import sys
import threading
import time

from bento.access.api_keys import ConfigurationError
from bento.access.startup_checks import check, require_free_port
from bento.operations import bentoml_internals
from bento.packaging import PackagingError, served_portfolio
from bento.shadow.supervision import ShadowProcess, begin_shadow
from loan_default_assets.garbage import collect_rarely
from loan_default_assets.numeric_threads import one_thread_by_default
from loan_default_assets.portfolio.spec import PortfolioError
from loan_default_assets.ports import bypass_proxies
from loan_default_assets.private_files import prepare_home
from loan_default_assets.process_output import keep_values_out
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.embedded.local_postgres import serve


def main(arguments: list[str] | None = None) -> int:
    """Start the service and wait for its end.

    Args:
        arguments: The command line without the program; `sys.argv` when omitted.

    Returns:
        Exit code: 0 after a stop, 1 when the service cannot start with its settings.
    """
    parser = argparse.ArgumentParser(prog="python -m bento", description=__doc__)
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this one ends"
    )
    options = parser.parse_args(arguments)
    keep_values_out()
    collect_rarely()
    settings = Settings()
    bypass_proxies(os.environ)
    prepare_home(settings.home)
    # BentoML and the workers read the settings from the environment.
    os.environ.update(
        LOAN_DEFAULT_HOME=str(settings.home),
        BENTOML_HOME=str(settings.bento_store),
        BENTOML_DO_NOT_TRACK="True",
    )
    # Of glibc: its free memory grows with every burst of requests in as many arenas as there are threads.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    one_thread_by_default(os.environ)
    try:
        check(settings)
        portfolio = served_portfolio(settings)
        require_free_port(settings.service_host, settings.service_http_port, "SERVICE_HTTP_PORT")
        require_free_port(settings.service_host, settings.service_grpc_port, "SERVICE_GRPC_PORT")
        configured = settings.database_url.get_secret_value() if settings.database_url else None
        with serve(settings.home, configured) as url:
            database = Database(url, portfolio.name)
            database.migrate(portfolio)
            os.environ["DATABASE_URL"] = url
            if options.with_parent:
                threading.Thread(target=_stop_with, args=(os.getppid(),), daemon=True).start()
            begin_shadow(settings, portfolio, database)
            with ShadowProcess(settings):
                run(settings, portfolio.name)
    except (ConfigurationError, PackagingError, PortfolioError, WarehouseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def run(settings: Settings, portfolio: str) -> None:
    """Serve until a signal arrives."""
    # BentoML empties this folder at start, so services of two portfolios must not share one.
    bentoml_internals.set_metrics_folder(settings.home / "service" / portfolio / "metrics")

    from bento.service import service

    tls = settings.service_tls_certificate is not None
    service.serve_http(
        host=settings.service_host,
        port=settings.service_http_port,
        ssl_certfile=str(settings.service_tls_certificate) if tls else None,
        ssl_keyfile=str(settings.service_tls_key) if tls else None,
    )


def _stop_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
