"""The watch over the embedded PostgreSQL of a long command: it is started again, or the command ends and says why."""

import time
from collections.abc import Callable

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, ServerError

# After four waits of 2, 4, 8 and 16 s the cause is not one that passes.
MOST_ATTEMPTS = 5
_WINDOW_SECONDS = 600.0


class ServerWatch:
    """Starts the server again when it has ended by itself, with doubled waits between the attempts.

    Args:
        server: The server, which this process uses.
        say: Prints a line for the operator.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        server: LocalPostgres,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server, self._say, self._clock = server, say, clock
        self._attempts: list[float] = []
        self._reason = ""

    def check(self) -> None:
        """Start the server where it does not run and an attempt is due.

        Raises:
            CommandError: It could not be started, or ended, five times within ten minutes.
        """
        if self._server.pid() is not None:
            return
        now = self._clock()
        self._attempts = [at for at in self._attempts if now - at < _WINDOW_SECONDS]
        if self._attempts and now - self._attempts[-1] < 2 ** len(self._attempts):
            return
        log = self._server.log()
        if len(self._attempts) == MOST_ATTEMPTS:
            raise CommandError(
                f"the embedded PostgreSQL ended, and {MOST_ATTEMPTS} attempts to keep it running failed{self._reason}\n"
                f"Next: read {log}, then run the same command again"
            )
        self._attempts.append(now)
        try:
            self._server.start()
        except ServerError as error:
            self._reason = f": {error}"
            self._say(f"the embedded PostgreSQL ended and cannot be started yet: {error}")
        else:
            self._reason = ""
            self._say(f"the embedded PostgreSQL ended and was started again; its log is {log}")
