"""What `status` says of the champion's verdict and of retraining."""

from typing import Any

import pytest

from loan_default_assets.commands.status import champion_lines, retraining_lines


@pytest.mark.parametrize(
    ("warnings", "lines"),
    [
        ([], []),
        (["Too good. Next: attest."], ["  WARN Too good.", "  Next: attest."]),
        (["Too good."], ["  WARN Too good."]),
        (["One. Next: a.", "Two."], ["  WARN One.", "  Next: a.", "  WARN Two."]),
    ],
)
def test_the_warnings_of_the_verdict_follow_the_version(warnings: list[str], lines: list[str]) -> None:
    champion: dict[str, Any] = {
        "version": "c1",
        "verdict": "provisional",
        "warnings": [{"kind": "leakage_doubt", "text": text} for text in warnings],
        "threshold": 0.5,
        "trained_from": None,
        "files": {"state": "intact", "folder": "c1", "problem": None},
        "signature": {"key": None, "warning": None},
    }
    assert champion_lines(champion, None) == ["champion    c1 (provisional), threshold 0.500", *lines]


@pytest.mark.parametrize(
    ("attempts", "then", "lines"),
    [
        (0, "", []),
        (0, "Tomorrow.", ["            next: Tomorrow."]),
        (2, "Tomorrow.", ["            failed attempts of the episode: 2", "            next: Tomorrow."]),
    ],
)
def test_the_failed_attempts_of_the_episode_are_shown(attempts: int, then: str, lines: list[str]) -> None:
    found = {"state": "WAITING", "reason": "F1 is low.", "attempts": attempts, "next": then}
    assert retraining_lines(found) == ["retraining  WAITING: F1 is low.", *lines]
