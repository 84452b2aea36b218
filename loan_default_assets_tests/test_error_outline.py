"""What is kept of an error: kinds, locations, and the texts of this project and of the operating system."""

import re
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from loan_default_assets.error_outline import UnexpectedError, outline, reason, without_values
from loan_default_assets.portfolio.errors import SourceError

VALUE = "Kim Minsu"


class _Tricky(Exception):
    def __str__(self) -> str:
        return VALUE

    __repr__ = __str__


def foreign() -> None:
    raise ValueError(VALUE)


def handled() -> None:
    try:
        foreign()
    except ValueError as error:
        raise SourceError("row 3 is not readable") from error


def while_handled() -> None:
    try:
        foreign()
    except ValueError:
        {}[VALUE]


def suppressed() -> None:
    try:
        foreign()
    except ValueError:
        raise RuntimeError(VALUE) from None


def tricky() -> None:
    raise _Tricky


def missing_file() -> None:
    Path("no_such_file.csv").open().close()


def grouped() -> None:
    raise ExceptionGroup(VALUE, [ValueError(VALUE)])


def raised_by(work: Callable[[], None]) -> Exception:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - any error is described
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (foreign, r"ValueError at \S+:\d+"),
        (handled, r"SourceError \(row 3 is not readable\) at \S+:\d+, after ValueError at \S+:\d+"),
        (while_handled, r"KeyError at \S+:\d+, after ValueError at \S+:\d+"),
        (suppressed, r"RuntimeError at \S+:\d+"),
        (tricky, r"_Tricky at \S+:\d+"),
        (missing_file, r"FileNotFoundError \(No such file or directory: no_such_file.csv\) at \S+:\d+"),
        (grouped, r"ExceptionGroup at \S+:\d+"),
    ],
)
def test_an_outline_names_kinds_and_locations(work: Callable[[], None], expected: str) -> None:
    assert re.fullmatch(expected, outline(raised_by(work)))


@pytest.mark.parametrize("work", [foreign, handled, while_handled, suppressed, tricky, missing_file, grouped])
def test_an_error_without_values_can_be_printed_with_its_way(work: Callable[[], None]) -> None:
    error = without_values(raised_by(work))
    printed = "".join(traceback.format_exception(error))
    assert "Kim" not in printed
    assert f"in {work.__name__}" in printed
    assert isinstance(error, SourceError if work is handled else UnexpectedError)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (foreign, "ValueError"),
        (handled, "row 3 is not readable"),
        (tricky, "_Tricky"),
        (missing_file, "FileNotFoundError (No such file or directory: no_such_file.csv)"),
    ],
)
def test_a_reason_is_the_projects_own_text_or_a_kind(work: Callable[[], None], expected: str) -> None:
    assert reason(raised_by(work)) == expected


def test_a_chain_that_leads_back_to_itself_ends() -> None:
    first, second = ValueError(VALUE), KeyError(VALUE)
    first.__context__, second.__context__ = second, first
    assert outline(first) == "ValueError, after KeyError"
