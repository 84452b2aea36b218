from pathlib import Path

import pytest

from loan_default_assets.commands.session import dagster_instance, definitions, environment, open_session
from loan_default_assets_tests import small_bank


def test_every_pool_has_its_limit_before_the_first_run(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise Dagster starts every run that is queued when it first sees the pool."""
    small_bank.bank(tmp_path)
    with open_session(small_bank.settings(tmp_path, database_url)) as session:
        for name, value in environment(session).items():
            monkeypatch.setenv(name, value)
        with dagster_instance(session) as instance:
            limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
        used = {op.pool for job in definitions(session).resolve_all_job_defs() for op in job.all_node_defs}
    assert limits == {"ingestion": 1, "training": 1, "scoring": 1}
    assert used - {None} == limits.keys()
