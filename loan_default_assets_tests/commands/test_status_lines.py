"""What `status` says of the champion's verdict, of other models and of retraining."""

from typing import Any

import pytest

from loan_default_assets.commands.status import champion_lines, retraining_lines
from loan_default_assets.commands.version_status import version_lines


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
        "verdict": "approved_below_target",
        "promotion_verdict": "provisional",
        "warnings": [{"kind": "leakage_doubt", "text": text} for text in warnings],
        "threshold": 0.5,
        "trained_from": None,
        "files": {"state": "intact", "folder": "c1", "problem": None},
        "signature": {"key": None, "warning": None},
    }
    assert champion_lines(champion, None) == ["champion    c1 (provisional), threshold 0.500", *lines]
    former = champion | {"promotion_verdict": None}
    assert champion_lines(former, None)[0] == "champion    c1 (approved_below_target), threshold 0.500"


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


def test_the_models_beside_the_champion_are_listed() -> None:
    one: dict[str, Any] = {
        "version": "c2",
        "status": "candidate",
        "verdict": None,
        "warnings": [],
        "f1": None,
        "created_at": "2026-11-27T12:31:42+00:00",
    }
    doubtful = {"verdict": "rejected", "f1": 0.56, "warnings": [{"kind": "leakage_doubt", "text": "Doubt."}]}
    found = [one | {"version": "c1", "status": "champion"}, one, one | doubtful | {"version": "c3"}]
    assert version_lines(found) == [
        "models      c2 of 2026-11-27: candidate",
        "            c3 of 2026-11-27: candidate; verdict rejected, F1 0.560; leakage not excluded",
    ]
    assert version_lines(found[:1]) == []
