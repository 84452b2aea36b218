"""The leakage check on generated files; `benchmarks/leakage_family.py` measures it on hundreds."""

from collections.abc import Iterable
from typing import Any

import pytest

from loan_default_assets_tests.benchmarks.leakage_family import check
from loan_default_assets_tests.benchmarks.leaking_files import generate

SEEDS = range(1000, 1016)
# Their files have leaking columns of every kind, from one to six in a file.
OF_EVERY_KIND = {*range(1000, 1008), 1012, 1013}
KINDS = {"combination", "exact", "missing", "noisy", "one year", "partial"}


def quick(seeds: Iterable[int]) -> list[Any]:
    return [pytest.param(seed, marks=[] if seed in seeds else pytest.mark.slow) for seed in SEEDS]


@pytest.mark.parametrize("seed", quick(OF_EVERY_KIND))
def test_a_leaking_file_is_blocked_with_its_strong_columns_named(seed: int) -> None:
    file = generate(seed, leaking=True, most_leaks=1 + seed % 6, most_rows=2_000)
    outcome = check(file)
    assert outcome.blocked, file.leaks
    assert not outcome.unnamed, file.leaks


def test_the_quick_files_have_every_kind_and_copies() -> None:
    files = [generate(s, leaking=True, most_leaks=1 + s % 6, most_rows=2_000) for s in OF_EVERY_KIND]
    kinds = {kind for file in files for kind in file.leaks.values()}
    assert {kind for kind in kinds if not kind.startswith("copy of ")} == KINDS
    assert {"copy of combination", "copy of missing", "copy of noisy", "copy of one year"} <= kinds


@pytest.mark.parametrize("seed", quick(range(1000, 1008)))
def test_an_honest_file_is_not_blocked(seed: int) -> None:
    outcome = check(generate(seed, leaking=False, most_rows=2_000))
    assert outcome.honest_named == ()
