"""The leakage check on generated files; `benchmarks/leakage_family.py` measures it on hundreds."""

import pytest

from loan_default_assets_tests.benchmarks.leakage_family import check
from loan_default_assets_tests.benchmarks.leaking_files import generate


@pytest.mark.parametrize("seed", range(1000, 1016))
def test_a_leaking_file_is_blocked_with_its_strong_columns_named(seed: int) -> None:
    file = generate(seed, leaking=True, most_leaks=1 + seed % 6, most_rows=2_000)
    outcome = check(file)
    assert outcome.blocked, file.leaks
    assert not outcome.unnamed, file.leaks


@pytest.mark.parametrize("seed", range(1000, 1016))
def test_an_honest_file_is_not_blocked(seed: int) -> None:
    outcome = check(generate(seed, leaking=False, most_rows=2_000))
    assert outcome.honest_named == ()
