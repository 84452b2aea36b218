"""Which tests one worker of pytest-xdist runs, and how many workers there are.

Files whose tests share a bank that takes seconds to train, or a service that takes seconds to start, go to one worker,
which makes it once.
"""

import os
import re
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parents[1]
# Fixtures of a whole session, and how a file says that it uses one, itself or by a fixture of another module. A file
# that uses both goes with the first.
SHARED_FIXTURES = {
    "two_champions": re.compile(r"\btwo_champions: |\bmoved_bank\b|\brecorded_bank\b"),
    "good_bank": re.compile(r"\bgood_bank: "),
    "reported_bank": re.compile(r"\breported_bank import bank\b"),
    "backed_up_release": re.compile(r"\bbacked_up_release import\b"),
    "served": re.compile(r"\bdef test_\w+\([^)]*\bserved: Served\b"),
}


def scope(nodeid: str) -> str:
    """The unit that one worker runs: a file, or all files of a shared fixture.

    Examples:
        >>> scope("loan_default_assets_tests/policy/test_promotion.py::test_one[1]")
        'loan_default_assets_tests/policy/test_promotion.py'
        >>> scope("loan_default_assets_tests/assets/test_chain.py::test_one")
        'good_bank'
    """
    file = nodeid.split("::", 1)[0]
    if file not in _scopes:
        text = (ROOT / file).read_text("utf-8") if _is_test(file) else ""
        _scopes[file] = next((name for name, used in SHARED_FIXTURES.items() if used.search(text)), file)
    return _scopes[file]


def workers() -> int:
    """One more than there are cores: about a third of a test's time is spent waiting for other processes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


class SharedBankScheduling(LoadFileScheduling):
    """`--dist loadfile`, but for the files of a shared fixture."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


_scopes: dict[str, str] = {}


def _is_test(file: str) -> bool:
    return Path(file).name.startswith("test_") and (ROOT / file).is_file()
