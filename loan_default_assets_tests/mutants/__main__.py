"""Plant every fault of the table in a copy of the repository, and see which tests notice: `make mutants`.

python -m loan_default_assets_tests.mutants [--only TEXT] [--record FILE] [--write docs/mutants.md]
"""

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from loan_default_assets_tests.mutants.attempts import AttemptRecord, Outcome, attempt, copied_repository
from loan_default_assets_tests.mutants.planted import PLANTED, Mutant


def main() -> None:
    """Print one line per fault; exit code 1 where one survives."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.mutants")
    parser.add_argument("--only", default="", help="text in the path or the promise")
    parser.add_argument("--record", type=Path, help="file of outcomes: what it holds is not tried again")
    parser.add_argument("--write", type=Path, help="file of the report, written after every fault")
    options = parser.parse_args()
    chosen = [mutant for mutant in PLANTED if options.only in f"{mutant.path} {mutant.promise}"]
    record = AttemptRecord(options.record) if options.record else None
    outcomes: dict[Mutant, Outcome] = {}
    if record is not None:
        outcomes = {mutant: found for mutant in PLANTED if (found := record.get(mutant)) is not None}
    with copied_repository() as copy:
        for mutant in chosen:
            if mutant not in outcomes:
                outcomes[mutant] = attempt(mutant, copy)
                if record is not None:
                    record.add(mutant, outcomes[mutant])
            word = "killed  " if outcomes[mutant].killed else "SURVIVED"
            print(f"{word} {mutant.path}: {mutant.promise} {outcomes[mutant].by}", flush=True)
            if options.write:
                options.write.write_text(report(outcomes, datetime.now(UTC).date()), "utf-8")
    survivors = sum(not outcomes[mutant].killed for mutant in chosen)
    print(f"{len(chosen) - survivors} of {len(chosen)} killed")
    sys.exit(1 if survivors else 0)


def report(outcomes: Mapping[Mutant, Outcome], day: date) -> str:
    """The page: the score of each module, and each promise with the test that noticed its fault.

    Args:
        day: When the last of them was tried.
    """
    tried = [mutant for mutant in PLANTED if mutant in outcomes]
    lines = [
        "# Planted faults",
        "",
        "Each row is one changed line that breaks a promise. It is killed where a test fails with it. Written by",
        "`make mutants`, from the tables in `loan_default_assets_tests/mutants/`.",
        "",
        f"On {day}, {_killed(tried, outcomes)} of {len(tried)} were killed. Of {len(PLANTED)} faults, "
        f"{len(PLANTED) - len(tried)} had not been tried since their module or their tests last changed.",
        "Faults that were planted later are missing here.",
        "",
        "| module | killed | tried | planted |",
        "| --- | --- | --- | --- |",
    ]
    for path in dict.fromkeys(mutant.path for mutant in PLANTED):
        of_module = [mutant for mutant in tried if mutant.path == path]
        planted = sum(mutant.path == path for mutant in PLANTED)
        lines.append(f"| `{path}` | {_killed(of_module, outcomes)} | {len(of_module)} | {planted} |")
    lines += ["", "| promise | module | noticed by |", "| --- | --- | --- |"]
    for mutant in PLANTED:
        by = "not tried"
        if mutant in outcomes:
            test = outcomes[mutant].by.removeprefix("loan_default_assets_tests/")
            by = f"`{test}`" if test else "**nothing**"
        lines.append(f"| {mutant.promise} | `{mutant.path}` | {by} |")
    return "\n".join(lines) + "\n"


def _killed(mutants: list[Mutant], outcomes: Mapping[Mutant, Outcome]) -> int:
    return sum(outcomes[mutant].killed for mutant in mutants)


if __name__ == "__main__":
    main()
