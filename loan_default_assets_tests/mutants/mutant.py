"""One planted fault: a changed line, and the tests that must fail with it."""

from dataclasses import dataclass

MODEL = "loan_default_assets/model"
PIPELINE = "loan_default_assets/pipeline"
POLICY = "loan_default_assets/policy"
WAREHOUSE = "loan_default_assets/warehouse"
ORCHESTRATION = "loan_default_assets/orchestration"
COMMANDS = "loan_default_assets/commands"
TESTS = "loan_default_assets_tests"


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        promise: What the line promises.
        path: File of the line.
        line: Text that occurs once in the file.
        fault: What it is replaced by.
        tests: Files of which at least one test must fail.
    """

    promise: str
    path: str
    line: str
    fault: str
    tests: tuple[str, ...]


def mutant(promise: str, path: str, line: str, fault: str, *tests: str) -> Mutant:
    """A fault; `tests` are paths below the tests."""
    return Mutant(promise, path, line, fault, tuple(f"{TESTS}/{test}" for test in tests))
