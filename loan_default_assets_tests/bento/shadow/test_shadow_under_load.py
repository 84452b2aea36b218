"""Two hundred promotions under load with a shadow: nothing fails or is mixed, and both scores are recorded once."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from loan_default_assets_tests.benchmarks.shadow_load import ShadowLoad, champions_and_shadow
from loan_default_assets_tests.bento.random_requests import random_bodies
from loan_default_assets_tests.bento.served_process import service
from loan_default_assets_tests.bento.tiny_models import ServedBank

DAY = "2024-06-30"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("promotions", [200])
def test_promotions_under_load_with_a_shadow(
    make_bank: Callable[[], ServedBank], tmp_path: Path, promotions: int, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = make_bank()
    records, shadow = champions_and_shadow(bank)
    loans = random_bodies(bank.portfolio, 20, 0, as_of=DAY)
    settings = {"portfolio": bank.portfolio_file, "database_url": bank.url, "artifact_root": bank.root}
    with service(tmp_path, ready="/health", shadow=shadow.version, **settings) as served:
        load = ShadowLoad(bank, served, records, shadow, loans, 20, DAY)
        with capsys.disabled():
            asyncio.run(load.run(promotions))
            print(f"all scored {load.wait():.1f} s after the load")  # noqa: T201 - the figures of docs/shadow.md
            load.report()
        assert load.promotions == {True: promotions, False: promotions}
        assert not any(load.faults().values()), load.faults()
        assert len(load.answers) > promotions
