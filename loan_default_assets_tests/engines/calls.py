"""Functions that the tests give to engines; processes of a cluster import them from here."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class OddError(Exception):
    """Raised for odd items."""


def scaled(factor: np.ndarray, item: int) -> tuple[int, int]:
    """The product, and the process that computed it; small items take longest."""
    time.sleep(0.02 * (5 - min(item, 5)))
    return int(factor[0]) * item, os.getpid()


def refusing_odd(_: None, item: int) -> int:
    """The item, where it is even."""
    if item % 2:
        raise OddError(f"item {item} is odd")
    return item


def counted(steps: int, item: str, report: Callable[[int], None]) -> str:
    """Reports 0, 1, ... and returns the item in capitals."""
    for step in range(steps):
        report(step)
    if item == "odd":
        raise OddError("this item is odd")
    return item.upper()


def endless(folder: str, item: int, report: Callable[[int], None]) -> None:
    """Reports its process once, and touches a file every 50 ms without end."""
    report(os.getpid())
    while True:
        (Path(folder) / str(item)).touch()
        time.sleep(0.05)


def killed_once(folder: str, item: int) -> int:
    """The process of item 3 ends without an answer when it is called for the first time."""
    mark = Path(folder) / f"{item}.called"
    if item == 3 and not mark.exists():
        mark.touch()
        os._exit(1)
    return item * item


def killed_after_reports(folder: str, item: int, report: Callable[[str], None]) -> str:
    """Its process ends after three reports; the next call reports once only."""
    mark = Path(folder) / f"{item}.called"
    if mark.exists():
        report("again")
        return "done"
    for number in range(3):
        report(str(number))
        time.sleep(0.5)
    mark.touch()
    os._exit(1)


def killed_always(_: None, item: int) -> int:
    """Its process ends without an answer."""
    os._exit(1)


def note_node(folder: str, name: str) -> None:
    """Adds the node of this process to the file `name`, one line per call."""
    import ray

    with (Path(folder) / name).open("a") as file:
        file.write(f"{ray.get_runtime_context().get_node_id()}\n")


def noted_result(shared: tuple[str, Callable[..., Any], Any], item: tuple[int, Any]) -> Any:
    """The function's result, after its node was noted and a while."""
    folder, function, rest = shared
    note_node(folder, f"map-{item[0]}")
    time.sleep(0.2)
    return function(rest, item[1])


def noted_reports(
    shared: tuple[str, Callable[..., Any], Any], item: tuple[int, Any], report: Callable[[Any], None]
) -> Any:
    """What the function returns and reports, after its node was noted."""
    folder, function, rest = shared
    note_node(folder, f"run-{item[0]}")
    return function(rest, item[1], report)
