"""Plant every fault of the table in a copy of the repository, and see which tests notice: `make mutants`.

python -m loan_default_assets_tests.mutants [--only TEXT] [--write docs/mutants.md]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets_tests.mutants.planted import PLANTED, Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("loan_default_assets", "loan_default_assets_tests", "bento", "sql", "pyproject.toml")
SECONDS = 600
# pytest's exit codes.
PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Outcome:
    """What the tests said of one fault.

    Attributes:
        killed: Whether a test failed.
        by: The first test that failed; empty for a survivor.
    """

    mutant: Mutant
    killed: bool
    by: str


def main() -> None:
    """Print one line per fault; exit code 1 where one survives."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.mutants")
    parser.add_argument("--only", default="", help="text in the path or the promise")
    parser.add_argument("--write", type=Path, help="file of the report")
    options = parser.parse_args()
    chosen = [mutant for mutant in PLANTED if options.only in f"{mutant.path} {mutant.promise}"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        outcomes = []
        for mutant in chosen:
            outcomes.append(_tried(mutant, copy))
            word = "killed  " if outcomes[-1].killed else "SURVIVED"
            print(f"{word} {mutant.path}: {mutant.promise} {outcomes[-1].by}", flush=True)
    survivors = sum(not outcome.killed for outcome in outcomes)
    print(f"{len(outcomes) - survivors} of {len(outcomes)} killed")
    if options.write:
        options.write.write_text(_report(outcomes), "utf-8")
    sys.exit(1 if survivors else 0)


def planted(mutant: Mutant, source: str) -> str:
    """The source with the fault.

    Raises:
        ValueError: The line does not occur exactly once.
    """
    if source.count(mutant.line) != 1:
        raise ValueError(
            f"{mutant.path}: {mutant.line.strip()!r} must occur once; correct the table of faults"
        )
    return source.replace(mutant.line, mutant.fault)


def _tried(mutant: Mutant, copy: Path) -> Outcome:
    path = copy / mutant.path
    source = path.read_text("utf-8")
    path.write_text(planted(mutant, source), "utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        result = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    finally:
        path.write_text(source, "utf-8")
    if result.returncode not in (PASSED, FAILED):
        raise RuntimeError(f"{mutant.path}: pytest ended with {result.returncode}\n{result.stdout[-2000:]}")
    failed = [line.split()[1] for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return Outcome(mutant, result.returncode == FAILED, failed[0] if failed else "")


def _report(outcomes: list[Outcome]) -> str:
    lines = [
        "# Planted faults",
        "",
        "Each row is one changed line that breaks a promise. It is killed where a test fails with it. Written by",
        "`make mutants`, from the tables in `loan_default_assets_tests/mutants/`.",
        "",
        f"{sum(outcome.killed for outcome in outcomes)} of {len(outcomes)} are killed.",
        "",
        "| module | killed | of |",
        "| --- | --- | --- |",
    ]
    for path in dict.fromkeys(outcome.mutant.path for outcome in outcomes):
        of_module = [outcome for outcome in outcomes if outcome.mutant.path == path]
        lines.append(f"| `{path}` | {sum(outcome.killed for outcome in of_module)} | {len(of_module)} |")
    lines += ["", "| promise | module | noticed by |", "| --- | --- | --- |"]
    for outcome in outcomes:
        by = f"`{outcome.by.removeprefix('loan_default_assets_tests/')}`" if outcome.by else "**nothing**"
        lines.append(f"| {outcome.mutant.promise} | `{outcome.mutant.path}` | {by} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
