"""What a process does at its end after `collect_rarely`, in an interpreter of its own."""

import subprocess
import sys

# A cycle that is garbage already; standard output is a pipe, so what it prints waits in a buffer.
CODE = """
import atexit, gc, sys
from loan_default_assets.garbage import collect_rarely
class Cycle:
    def __init__(self): self.itself = self
    def __del__(self): print("examined")
thresholds = gc.get_threshold()
atexit.register(print, "ended")
collect_rarely()
collect_rarely()
print(gc.isenabled(), all(new > old for new, old in zip(gc.get_threshold(), thresholds)))
Cycle()
if "collect" in sys.argv:
    gc.collect()
sys.exit(3)
"""


def lines(*arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (3, "")
    return done.stdout.splitlines()


def test_a_process_ends_in_order_and_without_a_search() -> None:
    assert lines() == ["True True", "ended"]


def test_garbage_is_still_collected_before_the_end() -> None:
    assert lines("collect") == ["True True", "examined", "ended"]
