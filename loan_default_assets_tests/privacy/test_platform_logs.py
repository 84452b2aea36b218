"""No value in the logs, ticks and events of Dagster's own processes, which `loan-default up` starts."""

import time
from pathlib import Path

import dagster as dg
import pytest
import yaml

from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO
from loan_default_assets_tests.orchestration.platform import Platform
from loan_default_assets_tests.privacy import bad_cells, bad_sources, canary_values, kept_outside_tables

NAMES = [source.name for source in bad_sources.SOURCES]
# Arrow quotes the whole row in its error.
SOURCE = "csv: a cell too many"


@pytest.mark.slow
def test_a_run_that_the_daemon_starts_leaves_no_value(tmp_path: Path) -> None:
    number = NAMES.index(SOURCE)
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    keys = bad_sources.SOURCES[number].write(inputs, bad_cells.rows(number))
    portfolio = tmp_path / "corner_bank.yaml"
    portfolio.write_text(
        yaml.safe_dump(PORTFOLIO | {"source": {"kind": "csv"} | keys, "end": "2024-01-31"}, sort_keys=False)
    )
    home = tmp_path / "home"
    alert = home / "alert.json"
    platform = Platform(home, str(portfolio), ALERT_TO=f"tee {alert}")
    with platform.up("--no-service"), platform.session() as (session, instance):
        platform.backfill(["raw_loans"], ["2024-01-01", "2024-01-02"])
        until = time.monotonic() + 240
        while not alert.exists() and time.monotonic() < until:
            time.sleep(1)
        [run] = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        stored = "".join(dg.serialize_value(entry) for entry in instance.all_logs(run.run_id))
        contents = [
            *kept_outside_tables.in_database(session.url, PORTFOLIO["name"], "none"),
            *kept_outside_tables.in_files(home),
        ]
    assert "1 row does not have the header's 13 cells (row 3)" in stored
    places = [place for place, _ in contents]
    assert {"file logs/daemon.log", "file logs/webserver.log", "file alert.json"} <= set(places)
    assert "table dagster.event_logs" in places
    leaks = canary_values.leaks(contents, NAMES)
    assert not leaks, "\n".join(leaks)
