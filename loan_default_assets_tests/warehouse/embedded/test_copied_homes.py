"""A home that was copied, moved or restored: its server starts with its own rows, or the error says what to do."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, ServerError
from loan_default_assets_tests.warehouse.embedded.homes import (
    accessible_folder,
    alive,
    copy_home,
    query_value,
    small_server,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
ROWS = "SELECT value FROM kept"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with accessible_folder() as folder:
        server = small_server(folder / "stopped")
        query_value(server.start(), "CREATE TABLE kept AS SELECT 42 AS value")
        server.stop()
        yield folder / "stopped"


@pytest.fixture
def top(stopped: Path) -> Iterator[Path]:
    """A folder with a home `original`; servers of all homes in it are stopped at the end."""
    with accessible_folder() as folder:
        copy_home(stopped, folder / "original")
        try:
            yield folder
        finally:
            for home in folder.iterdir():
                for pid_file in home.glob("postgres/pgdata/postmaster.pid"):
                    with contextlib.suppress(ProcessLookupError, ValueError, IndexError):
                        os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)


def value_of(home: Path) -> str:
    with small_server(home).use() as url:
        return query_value(url, ROWS)


@needs_root
@pytest.mark.parametrize("command", ["cp -r", "cp -a", "tar"])
def test_a_copy_made_by_root_has_the_same_rows(top: Path, command: str) -> None:
    original, copy = top / "original", top / "copy"
    if command == "tar":
        copy.mkdir()
        archive = top / "home.tar"
        subprocess.run(["tar", "-cf", archive, "-C", original, "."], check=True)
        extract = ["tar", "-xf", archive, "-C", copy, "--no-same-owner", "--no-same-permissions"]
        subprocess.run(extract, check=True, preexec_fn=lambda: os.umask(0o022) and None)
        archive.unlink()
        (copy / "postgres" / "pgdata").chmod(0o755)
    else:
        subprocess.run([*command.split(), original, copy], check=True)
    assert value_of(copy) == "42"
    assert value_of(original) == "42"
    with small_server(copy).use() as url:
        query_value(url, "UPDATE kept SET value = 7")
    assert value_of(original) == "42"


@needs_root
def test_a_copy_for_another_user_runs_as_that_user(top: Path) -> None:
    copy = top / "copy"
    subprocess.run(["cp", "-r", top / "original", copy], check=True)
    os.chown(copy / "postgres", 1234, 1234)
    assert value_of(copy) == "42"
    assert (copy / "postgres" / "pgdata" / "PG_VERSION").stat().st_uid == 1234


@needs_root
def test_files_of_another_user_are_named_with_the_command_that_helps(top: Path) -> None:
    home = top / "original"
    os.chown(home / "postgres", 1234, 1234)
    home.chmod(0o755)
    assert f"as root, chown -R 1234 {home}/postgres" in _as_user(1234, home)
    for file in (home / "postgres").glob("*.lock"):
        os.chown(file, 1234, 1234)
    message = _as_user(1234, home)
    assert "pgdata belongs to user id " in message
    assert f"Next: as root, chown -R 1234 {home}/postgres" in message
    subprocess.run(["chown", "-R", "1234", f"{home}/postgres"], check=True)
    assert _as_user(1234, home) == "42"


@needs_root
def test_a_home_moved_to_where_the_servers_user_cannot_go(top: Path) -> None:
    private = top / "private"
    private.mkdir(mode=0o700)
    (top / "original").rename(private / "home")
    with pytest.raises(
        ServerError, match=r"cannot be reached by user id \d+(.|\n)*Next: move LOAN_DEFAULT_HOME"
    ):
        small_server(private / "home").start()
    private.chmod(0o711)
    assert value_of(private / "home") == "42"


@pytest.mark.parametrize("end", ["running", "stopped since", "killed since"])
def test_a_copy_of_a_running_server_is_refused(top: Path, end: str) -> None:
    original, copy = top / "original", top / "copy"
    server = small_server(original)
    server.start()
    pid = server.pid()
    copy_home(original, copy)
    if end == "stopped since":
        server.stop()
    elif end == "killed since":
        os.kill(pid or 0, signal.SIGKILL)
    with pytest.raises(
        ServerError, match=r"was copied from .*original.*\n.*loan-default backup DIR in the original"
    ):
        small_server(copy).start()
    if end == "running":
        assert server.pid() == pid, "the original's server is left alone"
        server.stop()
    assert value_of(original) == "42"
    shutil.rmtree(copy)
    copy_home(original, copy)
    assert value_of(copy) == "42"


def test_a_home_moved_while_its_server_runs_is_refused_until_the_server_has_ended(top: Path) -> None:
    server = small_server(top / "original")
    server.start()
    pid = server.pid() or 0
    (top / "original").rename(top / "moved")
    with pytest.raises(
        ServerError, match=rf"was moved to .* while its server \(process {pid}\)(.|\n)*kill -INT {pid}"
    ):
        small_server(top / "moved").start()
    assert alive(pid)
    os.kill(pid, signal.SIGINT)
    until = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert value_of(top / "moved") == "42"


def test_a_home_moved_after_its_server_was_killed_starts(top: Path) -> None:
    server = small_server(top / "original")
    server.start()
    os.kill(server.pid() or 0, signal.SIGKILL)
    (top / "original").rename(top / "moved")
    assert value_of(top / "moved") == "42"


def external(server: LocalPostgres) -> Path:
    return Path(f"/var/tmp/loan-default-{(server.folder / 'outside').read_text()}")


@needs_root
def test_a_copy_without_the_database_outside_of_it_does_not_start_empty(top: Path) -> None:
    private = top / "private"
    private.mkdir(mode=0o700)
    original, copy = small_server(private / "home"), small_server(private / "copy")
    query_value(original.start(), "CREATE TABLE kept AS SELECT 42 AS value")
    original.stop()
    copy_home(private / "home", private / "copy")
    try:
        with pytest.raises(
            ServerError, match=r"is a copy, and its database is not part of it(.|\n)*Next: restore"
        ):
            copy.start()
        assert value_of(private / "home") == "42"
        shutil.rmtree(external(original) / "pgdata")
        shutil.rmtree(external(original))
        with pytest.raises(ServerError, match=r"has no data any more\nNext: restore a backup"):
            original.start()
        (original.folder / "outside").unlink()
        assert query_value(original.start(), "SELECT 1") == "1"
    finally:
        original.remove()


def _as_user(uid: int, home: Path) -> str:
    """The value in the home's database, or the error, as another user."""
    import multiprocessing

    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()

    def work() -> None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        try:
            theirs.send(value_of(home))
        except ServerError as error:
            theirs.send(str(error))

    process = fork.Process(target=work)
    process.start()
    assert ours.poll(60)
    process.join()
    return str(ours.recv())
