"""The watch over the embedded server: started again at once, then with doubled waits, then a clear end."""

import os
import signal
from pathlib import Path

import pytest

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.server_watch import ServerWatch
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, ServerError
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder, query_value, small_server


class ControlledServer(LocalPostgres):
    """A server that ends or refuses to start when the test says so."""

    def __init__(self, *, starts: bool) -> None:
        self.running, self.starts, self.attempts = True, starts, 0

    def pid(self) -> int | None:
        return 1 if self.running else None

    def log(self) -> Path:
        return Path("server.log")

    def start(self) -> str:
        self.attempts += 1
        if not self.starts:
            raise ServerError("PostgreSQL did not start: the disk is full")
        self.running = True
        return ""


class Watched:
    """One watch, asked every half second of a controlled clock."""

    def __init__(self, *, starts: bool) -> None:
        self.now, self.said = 0.0, list[str]()
        self.server = ControlledServer(starts=starts)
        self.watch = ServerWatch(self.server, self.said.append, lambda: self.now)

    def until_end(self, seconds: float, *, dies: bool) -> list[float]:
        """The times of the attempts until the watch raises CommandError or the time is over."""
        times = []
        while self.now < seconds:
            before = self.server.attempts
            if dies:
                self.server.running = False
            self.watch.check()
            if self.server.attempts > before:
                times.append(self.now)
            self.now += 0.5
        return times


def test_a_running_server_is_left_alone() -> None:
    watched = Watched(starts=True)
    assert watched.until_end(60, dies=False) == []
    assert watched.said == []


@pytest.mark.parametrize("starts", [True, False], ids=["it starts and ends again", "it cannot be started"])
def test_after_five_attempts_the_command_ends_with_the_reason_and_the_log(starts: bool) -> None:
    watched = Watched(starts=starts)
    watched.server.running = False
    with pytest.raises(CommandError, match=r"server\.log") as ended:
        watched.until_end(1000, dies=True)
    assert watched.server.attempts == 5
    assert len(watched.said) == 5
    # Waits of 2, 4, 8, 16 and 32 s.
    assert watched.now == pytest.approx(62)
    assert ("the disk is full" in str(ended.value)) == (not starts)


def test_rare_ends_are_survived_without_limit() -> None:
    watched = Watched(starts=True)
    for _ in range(20):
        watched.server.running = False
        watched.watch.check()
        assert watched.server.running
        watched.now += 300


def test_a_killed_server_is_back_with_its_rows() -> None:
    with accessible_folder() as folder:
        server = small_server(folder / "home")
        said: list[str] = []
        with server.use() as url:
            query_value(url, "CREATE TABLE kept AS SELECT 42 AS value")
            pid = server.pid()
            assert pid
            os.kill(pid, signal.SIGKILL)
            watch = ServerWatch(server, said.append)
            while server.pid() == pid:
                pass
            watch.check()
            assert query_value(url, "SELECT value FROM kept") == "42"
        assert [line.split(";")[0] for line in said] == [
            "the embedded PostgreSQL ended and was started again"
        ]
