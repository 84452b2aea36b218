"""The processes that one `up` started, with all their descendants: start, find and stop them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from loan_default_assets.commands.log_rotation import rotate

# Every descendant inherits it, so that none is missed when its parent has ended.
MARK = "LOAN_DEFAULT_UP"


def start(
    command: Sequence[str], mark: str, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, so that Ctrl-C reaches `up` alone; on Linux it ends with `up`."""
    rotate(log)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=os.environ | dict(environment) | {MARK: mark, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )


def stop(children: Sequence[subprocess.Popen[bytes]], mark: str, seconds: float) -> None:
    """Terminate the children and their descendants; kill what has not ended in time."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
    end(mark, seconds)
    for child in children:
        child.wait()


def end(mark: str, seconds: float = 10.0) -> int:
    """Terminate, then kill, every process that carries the mark; return their number."""
    found = members(mark)
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=seconds)
    for process in {*alive, *members(mark)}:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=seconds)
    return len(found)


def members(mark: str) -> list[psutil.Process]:
    """Living processes of this user that carry the mark, without this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = process.pid != os.getpid() and process.environ().get(MARK) == mark
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _end_with_parent() -> None:
    """Linux: SIGTERM when the parent is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
