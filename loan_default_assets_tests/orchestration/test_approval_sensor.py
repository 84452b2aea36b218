"""The sensor that carries out approved promotions: one run per proposal, and none while approvals are missing."""

from pathlib import Path

import dagster as dg

from loan_default_assets.orchestration.approval_sensor import APPROVAL_SENSOR
from loan_default_assets.warehouse.key_approvals import record_approval, waiting_promotions
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets_tests.orchestration.ticks import Ticking


def test_a_run_starts_with_the_last_approval(database_url: str, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        bank = Ticking(database_url, instance, tmp_path, approvals=2)
        version = bank.model(1, "rows", 60)
        bank.evaluate(version, 0.85, "rows", "candidate")
        Promotions(bank.database, {"APPROVALS": 2}).promote(
            version, expected=None, verdict="approved", reason="r", prepare=lambda: None, automatic=True
        )
        [waiting] = waiting_promotions(bank.database)
        for person in ("alice", "bob"):
            assert "all its approvals" in (bank.tick(APPROVAL_SENSOR).skip_message or "")
            record_approval(
                bank.database,
                version,
                waiting.proposal,
                person,
                "seen",
                key_id="0",
                portfolio_hash=bank.portfolio.hash,
            )
        requests = [each for _ in range(2) for each in bank.tick(APPROVAL_SENSOR).run_requests or []]
        assert {each.run_key for each in requests} == {f"promotion:{waiting.proposal}"}
        assert bank.repository.get_sensor_def(APPROVAL_SENSOR).job_name == "promote"
        assert bank.repository.get_job("promote").asset_layer.executable_asset_keys == {
            dg.AssetKey(["sample", "champion"])
        }
