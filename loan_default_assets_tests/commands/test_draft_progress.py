"""What `init` says while it works: every stage with its counts, on standard error, and nothing for a quick file."""

import threading
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands import draft_progress
from loan_default_assets.commands.draft_progress import DraftProgress
from loan_default_assets.commands.init import write
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets.portfolio.profiling.undecided import UndecidedError

ROWS, COLUMNS = 600, 6
OPTIONS = ("--label", "bad", "--date", "issued", "--horizon-days", "90")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({f"x{n}": rng.normal(size=ROWS).round(3) for n in range(COLUMNS)})
    frame["issued"] = (np.datetime64("2020-01-01") + np.arange(ROWS)).astype(str)
    frame["bad"] = (rng.random(ROWS) < 0.3).astype(int)
    frame.to_csv(tmp_path / "loans.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_stage_is_reported_with_how_much_of_it_is_done(folder: Path) -> None:
    reported: dict[str, list[tuple[int, int]]] = {}

    def progress(what: str, done: int = 0, total: int = 0) -> None:
        reported.setdefault(what, []).append((done, total))

    request = DraftRequest("bad", "issued", horizon_days=90)
    write("loans.csv", request, today=date(2024, 6, 1), progress=progress)
    assert {
        "reading loans.csv",
        "reading loans.csv: rows",
        "guessing what each column is: columns",
        "converting the cells: rows",
        "leakage check: columns alone,",
        "leakage check: removing the columns that tell most",
        "leakage check: pairs of columns,",
        "looking for shares of two amounts",
    } <= reported.keys()
    assert reported["reading loans.csv: rows"][-1] == (ROWS, 0)
    assert reported["converting the cells: rows"][-1] == (ROWS, ROWS)
    assert reported["guessing what each column is: columns"][-1] == (COLUMNS + 1, COLUMNS + 2)
    for stage, last in (("columns alone,", COLUMNS - 1), ("pairs of columns,", COLUMNS - 2)):
        assert reported[f"leakage check: {stage}"] == [(n, COLUMNS) for n in range(last + 1)]
    for counts in reported.values():
        assert all(before <= after for (before, _), (after, _) in pairwise(counts))


def test_progress_is_on_standard_error_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Saying(DraftProgress):
        def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
            super().__call__(what, done, total)
            self.tick()

    quiet = CliRunner().invoke(loan_default, ["init", "loans.csv", *OPTIONS, "--output", "a.yaml"])
    monkeypatch.setattr(draft_progress, "DraftProgress", Saying)
    loud = CliRunner().invoke(loan_default, ["init", "loans.csv", *OPTIONS, "--output", "b.yaml"])
    assert (quiet.exit_code, loud.exit_code) == (0, 0)
    assert loud.stdout.replace("b.yaml", "a.yaml") == quiet.stdout
    assert f" s: leakage check: pairs of columns, 2 of {COLUMNS}\n" in loud.stderr


@pytest.mark.parametrize(("large", "said"), [(True, 1), (False, 0)])
def test_nothing_is_said_before_the_first_seconds_unless_the_file_is_large(
    folder: Path, monkeypatch: pytest.MonkeyPatch, large: bool, said: int
) -> None:
    monkeypatch.setattr(draft_progress, "LARGE_BYTES", 1 if large else 1 << 30)
    lines: list[str] = []
    with DraftProgress(lines.append, seconds=3600) as progress:
        progress.announce("loans.csv")
        write("loans.csv", DraftRequest("bad", "issued", horizon_days=90), progress=progress)
    assert [line.partition(": ")[2] for line in lines] == ["reading loans.csv, 0 MB"] * said


def test_a_long_step_is_said_again_without_a_report_of_its_own() -> None:
    lines: list[str] = []
    twice = threading.Event()

    def say(line: str) -> None:
        lines.append(line.partition(": ")[2])
        if len(lines) == 2:
            twice.set()

    with DraftProgress(say, seconds=0.001) as progress:
        progress("converting the cells: rows", 1200, 5000)
        assert twice.wait(60)
    assert set(lines) == {"converting the cells: rows 1,200 of 5,000"}
    assert not any(thread.name == "draft progress" for thread in threading.enumerate())


def test_nothing_is_said_while_a_question_is_open() -> None:
    lines: list[str] = []
    progress = DraftProgress(lines.append)
    progress("reading", 5)

    def ask(question: UndecidedError) -> str:
        progress.tick()
        return "1"

    question = UndecidedError("positive", "which?", (), hint="--positive VALUE")
    assert progress.pausing(ask)(question) == "1"
    assert lines == []
    progress.tick()
    assert [line.partition(": ")[2] for line in lines] == ["reading 5"]
