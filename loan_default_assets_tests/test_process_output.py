"""What a process writes of errors and warnings, in an interpreter of its own."""

import subprocess
import sys

import pytest

VALUE = "Kim Minsu"
BEGINNING = f"""
import asyncio, gc, logging, sys, threading, warnings
from loan_default_assets.process_output import keep_values_out, report_loop_error
keep_values_out()
keep_values_out()
logging.basicConfig(format="%(message)s")
value = {VALUE!r}
def fail(*_):
    raise ValueError(value)
class Dying:
    __del__ = fail
async def serve():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_loop_error)
    loop.call_soon(fail, value)
    task = loop.create_task(asyncio.to_thread(fail))
    await asyncio.wait([task])
    del task
    gc.collect()
    await asyncio.sleep(0)
"""
LOGGED = "try:\n    fail()\nexcept ValueError as error:\n    "


@pytest.mark.parametrize(
    ("code", "written"),
    [
        (LOGGED + "logging.exception('it failed')", "it failed"),
        (LOGGED + "logging.getLogger('grpc').error('it failed', exc_info=error)", "it failed"),
        (LOGGED + "logging.error('it failed: %s', error)", "it failed: ValueError at"),
        (LOGGED + "logging.error('it failed: %(why)s', {'why': error})", "it failed: ValueError at"),
        (LOGGED + "logging.error(error)", "ValueError at"),
        ("warnings.warn(value)", "UserWarning"),
        ("fail()", "in fail"),
        ("thread = threading.Thread(target=fail); thread.start(); thread.join()", "in fail"),
        ("Dying()", "in fail"),
        ("asyncio.run(serve())", "an error outside of any request: ValueError at"),
    ],
)
def test_kinds_and_locations_are_written_and_no_text(code: str, written: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", f"{BEGINNING}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert written in process.stderr
    assert "Error" in process.stderr or "Warning" in process.stderr
    # A traceback shows lines of code, and the value is in one of them only here.
    assert VALUE not in process.stderr.replace(f"value = {VALUE!r}", "")
