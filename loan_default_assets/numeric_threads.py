"""How many threads a process of numerical libraries uses."""

from collections.abc import MutableMapping


def one_thread_by_default(environment: MutableMapping[str, str]) -> None:
    """One thread, unless `OMP_NUM_THREADS` says otherwise.

    Beside another program, threads wait for the one without a core, so that scoring takes several times as long. To be
    called before NumPy, scikit-learn and torch are imported.

    Args:
        environment: Environment variables, which these libraries and child processes read.
    """
    environment.setdefault("OMP_NUM_THREADS", "1")
