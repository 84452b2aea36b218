"""`python -m bento.shadow`: score the recorded predictions with the shadow until SIGTERM, at the lowest priority."""

import argparse
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bento.packaging import served_portfolio
from loan_default_assets.error_outline import outline
from loan_default_assets.garbage import collect_rarely
from loan_default_assets.portfolio.spec import PortfolioError
from loan_default_assets.private_files import restrict_new_files
from loan_default_assets.process_output import keep_values_out
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError

logger = logging.getLogger("bentoml.loan_default.shadow")

# PostgreSQL's processes have the usual priority, so what they do for the shadow is done seldom, and for many
# predictions at once.
POLL_SECONDS = 5.0
BATCH_PAUSE_SECONDS = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Score until a signal; exit code 1 where the settings name no shadow or no database."""
    parser = argparse.ArgumentParser(prog="python -m bento.shadow", description=__doc__)
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this one ends"
    )
    options = parser.parse_args(arguments)
    parent = os.getppid() if options.with_parent else None
    keep_values_out()
    collect_rarely()
    restrict_new_files()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s [%(levelname)s] [shadow] %(message)s")
    settings = Settings()
    if settings.shadow is None or settings.database_url is None:
        sys.stderr.write("SHADOW and DATABASE_URL must be set: the shadow scores what is recorded there\n")
        return 1
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    lower_priority()
    try:
        portfolio = served_portfolio(settings)
        database = Database(settings.database_url.get_secret_value(), portfolio.name)
    except (PortfolioError, WarehouseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    # Imported at the low priority too: the workers may be serving already.
    import torch

    from bento.shadow.scorer import ShadowScorer

    torch.set_num_threads(1)
    scorer = ShadowScorer(portfolio, replace(artifact_store(settings), offline=True), settings.shadow)
    said: str | None = None
    while not stopping.is_set():
        try:
            with database.connected() as connected:
                while not stopping.is_set() and (parent is None or os.getppid() == parent):
                    more = scorer.poll(connected)
                    said = None
                    stopping.wait(BATCH_PAUSE_SECONDS if more else POLL_SECONDS)
                with suppress(WarehouseError):
                    scorer.release(connected)
                return 0
        except Exception as error:  # noqa: BLE001 - after any error of database or disk it goes on
            shown = str(error).partition("\n")[0] if isinstance(error, WarehouseError) else outline(error)
            if shown != said:
                logger.warning("the shadow waits: %s", shown)
            said = shown
            stopping.wait(POLL_SECONDS)
    return 0


def lower_priority() -> None:
    """Run only while no other process wants the processor, as far as the operating system allows."""
    os.nice(19)
    if os.getsid(0) == os.getpid():
        # Linux divides the processor by sessions first: as the leader of one, lower the priority of all of it.
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text("19")
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    sys.exit(main())
