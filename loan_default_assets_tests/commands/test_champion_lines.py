"""What `status` says of the champion's verdict."""

from typing import Any, get_args

import pytest

from loan_default_assets.commands.status import champion_lines
from loan_default_assets.policy.promotion import Decision


@pytest.mark.parametrize("verdict", get_args(Decision))
def test_only_leakage_that_is_not_excluded_warns(verdict: str) -> None:
    champion: dict[str, Any] = {
        "version": "c1",
        "verdict": verdict,
        "threshold": 0.5,
        "trained_from": None,
        "files": {"state": "intact", "folder": "c1", "problem": None},
        "signature": {"key": None, "warning": None},
    }
    first, *others = champion_lines(champion, None)
    assert first == f"champion    c1 ({verdict}), threshold 0.500"
    leaking = verdict == "approved_leakage_not_excluded"
    assert ("WARN approved although leakage is not excluded" in "\n".join(others)) == leaking
