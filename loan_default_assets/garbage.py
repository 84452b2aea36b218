"""Python's search for objects that only refer to each other, in a process that imports large libraries."""

import atexit
import gc

# Its shares of the time of the imports are a tenth with these, and a fifth with Python's own 700, 10 and 10.
_THRESHOLDS = (10_000, 20, 20)


def collect_rarely() -> None:
    """Search less often from now on, and not at all when the process ends.

    Libraries make a million objects that stay. Python examines all of them several times when it ends, which takes
    half as long as the imports. Exit functions, logs and standard output end as usual; another file that is still open
    is not flushed. May be called again.
    """
    gc.set_threshold(*_THRESHOLDS)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
