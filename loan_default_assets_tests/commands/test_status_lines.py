"""What `status` says of the champion's verdict, of other models and of retraining."""

from typing import Any, get_args

import pytest

from bento.console.page_texts import Texts
from loan_default_assets.commands.status import champion_lines, retraining_lines
from loan_default_assets.commands.version_status import version_lines
from loan_default_assets.policy.promotion import Decision
from loan_default_assets.policy.verdict_words import STATUS_WORDS, verdict_words


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
        "verdict_role": "candidate",
        "promotion_verdict": "provisional",
        "warnings": [{"kind": "leakage_doubt", "text": text} for text in warnings],
        "threshold": 0.5,
        "trained_from": None,
        "files": {"state": "intact", "folder": "c1", "problem": None},
        "signature": {"key": None, "warning": None},
    }
    assert champion_lines(champion, None) == ["champion    c1 (provisional), threshold 0.500", *lines]
    former = champion | {"promotion_verdict": None}
    assert champion_lines(former, None)[0] == "champion    c1 (approved below the target), threshold 0.500"
    again = former | {"verdict_role": "champion"}
    assert champion_lines(again, None)[0] == "champion    c1 (below the target as champion), threshold 0.500"
    unknown = former | {"verdict": None}
    assert champion_lines(unknown, None)[0] == "champion    c1 (no verdict), threshold 0.500"


@pytest.mark.parametrize("verdict", get_args(Decision))
@pytest.mark.parametrize("role", ["candidate", "champion"])
def test_no_line_shows_a_verdict_or_status_as_it_is_recorded(verdict: str, role: str) -> None:
    """The words are those of the console, in the order of a sentence."""
    words = verdict_words(verdict, role)
    assert "_" not in words
    if verdict in ("approved", "approved_below_target") and role == "champion":
        key = "versions.target_met" if verdict == "approved" else "versions.target_missed"
        assert Texts("en")(key) == f"as champion: {words.removesuffix(' as champion')}"
    else:
        assert Texts("en")(f"versions.verdict_{verdict}") == words
    for status, shown in STATUS_WORDS.items():
        assert Texts("en")(f"versions.status_{status}") == shown


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
        "verdict_role": None,
        "warnings": [],
        "f1": None,
        "created_at": "2026-11-27T12:31:42+00:00",
    }
    doubtful = {"verdict": "rejected", "f1": 0.56, "warnings": [{"kind": "leakage_doubt", "text": "Doubt."}]}
    former = {"version": "c4", "status": "retired", "verdict": "approved_below_target", "f1": 0.71}
    found = [
        one | {"version": "c1", "status": "champion"},
        one,
        one | doubtful | {"version": "c3"},
        one | former | {"verdict_role": "champion"},
        one | former | {"verdict_role": "candidate"},
    ]
    assert version_lines(found) == [
        "models      c2 of 2026-11-27: candidate",
        "            c3 of 2026-11-27: candidate; verdict: rejected, F1 0.560; leakage not excluded",
        "            c4 of 2026-11-27: former champion; verdict: below the target as champion, F1 0.710",
        "            c4 of 2026-11-27: former champion; verdict: approved below the target, F1 0.710",
    ]
    assert version_lines(found[:1]) == []
