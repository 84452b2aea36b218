"""Which models may lose their files: a table of registries and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from loan_default_assets.policy.model_retention import ModelRetention, kept_champions, prunable_models

NOW = datetime(2025, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Version:
    version: str
    status: str
    age: int
    promoted: int | None = None
    kind: Literal["encoder", "classifier"] = "classifier"
    snapshot_hash: str = ""
    portfolio_hash: str = "p"
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def created_at(self) -> datetime:
        return NOW - timedelta(days=self.age)

    @property
    def promoted_at(self) -> datetime | None:
        return None if self.promoted is None else NOW - timedelta(days=self.promoted)


def champions(count: int) -> list[Version]:
    """The champion v0, and the former ones v1, v2 and so on, each promoted ten days before the next."""
    return [
        Version(f"v{n}", "retired" if n else "champion", 10 * n, 10 * n, snapshot_hash=f"s{n}")
        for n in range(count)
    ]


def rejected(version: str, age: int, **changes: Any) -> Version:
    return Version(version, "rejected", age, **({"snapshot_hash": f"s of {version}"} | changes))


ALL = ModelRetention(candidate_days=1, champions=2)
NEWEST = rejected("newest", 0)
CASES: dict[str, tuple[list[Version], ModelRetention, set[str]]] = {
    "unset keeps all": ([NEWEST, *champions(5), rejected("old", 900)], ModelRetention(), set()),
    "champions by count": ([NEWEST, *champions(5)], ModelRetention(champions=3), {"v3", "v4"}),
    "never fewer than two champions": (
        [NEWEST, *champions(5)],
        ModelRetention(champions=0),
        {"v2", "v3", "v4"},
    ),
    "candidate settings never touch champions": (
        [NEWEST, *champions(5)],
        ModelRetention(candidate_days=1),
        set(),
    ),
    "champion settings never touch candidates": (
        [NEWEST, *champions(2), rejected("old", 900)],
        ModelRetention(champions=2),
        set(),
    ),
    "candidates by age": (
        [NEWEST, rejected("young", 10), rejected("old", 11), *champions(1)],
        ModelRetention(candidate_days=10),
        {"old"},
    ),
    "the pending challenger stays": (
        [NEWEST, Version("pending", "candidate", 400), Version("undecided", "candidate", 500), *champions(1)],
        ALL,
        {"undecided"},
    ),
    "a challenger under another description stays too": (
        [
            NEWEST,
            Version("a", "candidate", 400),
            Version("b", "candidate", 500, portfolio_hash="q"),
            *champions(1),
        ],
        ALL,
        set(),
    ),
    "a rolled back champion leaves with its time": (
        [NEWEST, *champions(3), rejected("late", 5, promoted=5), rejected("early", 25, promoted=25)],
        ALL,
        {"v2", "early"},
    ),
    "the newest encoder and those of kept models stay": (
        [
            Version("e3", "candidate", 100, kind="encoder"),
            Version("v0", "champion", 150, 150, hyper_parameters={"encoder": "e1"}, snapshot_hash="s0"),
            Version("e2", "candidate", 200, kind="encoder", snapshot_hash="x"),
            Version("e1", "candidate", 300, kind="encoder", snapshot_hash="y"),
        ],
        ALL,
        {"e2"},
    ),
    "what a repeated training would reuse stays": (
        [
            rejected("last", 50, snapshot_hash="s"),
            rejected("same", 60, snapshot_hash="s"),
            rejected("other", 70),
        ],
        ALL,
        {"other"},
    ),
}


@pytest.mark.parametrize(("models", "retention", "expected"), CASES.values(), ids=CASES)
def test_prunable(models: list[Version], retention: ModelRetention, expected: set[str]) -> None:
    assert {model.version for model in prunable_models(models, retention, NOW)} == expected


@pytest.mark.parametrize("count", range(6))
@pytest.mark.parametrize("days", [None, 1])
def test_no_setting_takes_the_champion_or_the_one_before(count: int, days: int | None) -> None:
    found = prunable_models([NEWEST, *champions(8)], ModelRetention(days, count), NOW)
    kept = [f"v{n}" for n in range(max(count, 2))]
    assert {model.version for model in found} == {f"v{n}" for n in range(8)} - {*kept}
    assert [model.version for model in kept_champions(champions(8), count)] == kept
