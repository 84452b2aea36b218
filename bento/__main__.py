"""`python -m bento`: the service on the settings' ports until SIGTERM or Ctrl-C, then nothing of it is left."""

import argparse
import os
import signal
import sys
import threading
import time

from bento.access.api_keys import ConfigurationError, check
from bento.access.startup_checks import refuse_taken
from bento.packaging import PackagingError, served_portfolio
from loan_default_assets.portfolio.spec import PortfolioError
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database, WarehouseError
from loan_default_assets.warehouse.embedded.local_postgres import serve


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 after a stop, 1 when the service cannot be started as it is configured."""
    parser = argparse.ArgumentParser(prog="python -m bento", description=__doc__)
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this one ends"
    )
    options = parser.parse_args(arguments)
    settings = Settings()
    # The settings reach BentoML and the workers by the environment.
    os.environ.update(
        LOAN_DEFAULT_HOME=str(settings.home),
        BENTOML_HOME=str(settings.bento_store),
        BENTOML_DO_NOT_TRACK="True",
    )
    try:
        check(settings)
        portfolio = served_portfolio(settings)
        refuse_taken(settings.service_host, settings.service_http_port, "SERVICE_HTTP_PORT")
        refuse_taken(settings.service_host, settings.service_grpc_port, "SERVICE_GRPC_PORT")
        given = settings.database_url.get_secret_value() if settings.database_url else None
        with serve(settings.home, given) as url:
            Database(url, portfolio.name).migrate(portfolio)
            os.environ["DATABASE_URL"] = url
            if options.with_parent:
                threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
            run(settings, portfolio.name)
    except (ConfigurationError, PackagingError, PortfolioError, WarehouseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def run(settings: Settings, portfolio: str) -> None:
    """Serves until a signal comes."""
    from bentoml._internal.configuration.containers import BentoMLContainer

    # BentoML empties this folder at start, so it cannot be one that another portfolio's service uses.
    counts = settings.home / "service" / portfolio / "metrics"
    counts.mkdir(parents=True, exist_ok=True)
    BentoMLContainer.prometheus_multiproc_dir.set(str(counts))

    from bento.service import service

    tls = settings.service_tls_certificate is not None
    service.serve_http(
        host=settings.service_host,
        port=settings.service_http_port,
        ssl_certfile=str(settings.service_tls_certificate) if tls else None,
        ssl_keyfile=str(settings.service_tls_key) if tls else None,
    )


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
