"""The shadow's process beside the service: started with the workers, again when it ends, and stopped with them."""

import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from types import TracebackType

from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.shadow_models import ShadowLog, shadow_record

logger = logging.getLogger("bentoml.loan_default.shadow")

RESTART_SECONDS = 10.0
STOP_SECONDS = 5.0
_LOOK_SECONDS = 0.5


def begin_shadow(settings: Settings, portfolio: Portfolio, database: Database) -> None:
    """Let the shadow score every prediction that is answered from now on; without SHADOW, nothing happens.

    A shadow that cannot be found is logged and never keeps the service from starting.
    """
    if settings.shadow is None:
        return
    try:
        ShadowLog(database).begin(shadow_record(Registry(database), settings.shadow, portfolio.hash).version)
    except WarehouseError as error:
        logger.warning("there is no shadow yet: %s", str(error).partition("\n")[0])


class ShadowProcess:
    """A context in which the process runs; without SHADOW, an empty one.

    Args:
        settings: The service's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._wanted = settings.shadow is not None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="shadow", daemon=True)

    def __enter__(self) -> None:
        if self._wanted:
            self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._wanted:
            self._thread.join(3 * STOP_SECONDS)

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            process = _start()
            # The supervisor of the workers may have waited for it, and then its exit code is unknown.
            while process.poll() is None and not self._stopping.wait(_LOOK_SECONDS):
                pass
            if self._stopping.is_set():
                _stop(process)
                return
            logger.warning("the process of the shadow ended, and is started again in %d s", RESTART_SECONDS)
            self._stopping.wait(RESTART_SECONDS)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bento.shadow", "--with-parent"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        # A group of its own, so that Ctrl-C reaches the service alone, and not a session: Linux would divide the
        # processor by sessions (autogroups), and a low priority counts within one only.
        process_group=0,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
