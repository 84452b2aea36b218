"""A client outside the cluster (ENGINE=ray://host:port), in a process of its own."""

import json
import subprocess
import sys

import pytest

from loan_default_assets_tests.engines.two_nodes import head_node
from loan_default_assets_tests.orchestration.platform import free_port

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

CLIENT = """
import json, sys
import numpy as np
from loan_default_assets.engines.engine_choice import engine_of
from loan_default_assets.model.training import fit
from loan_default_assets_tests.engines import calls
from loan_default_assets_tests.model.examples import loans, pretrained, tiny
from loan_default_assets_tests.model.test_member_processes import assert_equal

engine, seen, found = engine_of(sys.argv[1]), [], {}
found["workers"] = engine.workers()
found["mapped"] = [value for value, _ in engine.map_tasks(calls.scaled, np.array([10]), range(6))]
found["run"] = engine.run_tasks(calls.counted, 2, ["a", "b"], lambda *report: seen.append(report))
found["reports"] = sorted(seen)
try:
    engine.run_tasks(calls.counted, 1, ["odd"], lambda *report: None)
except calls.OddError as error:
    found["error"] = str(error)
rows, validation, config = loans(300), loans(200, seed=1), tiny(teacher=0.0, boosting=False)
encoder = pretrained(rows, config)
local = fit(encoder, rows, validation, config)
assert_equal(local, fit(encoder, rows, validation, config, run_tasks=engine.run_tasks))
print(json.dumps(found))
"""


def test_a_client_gets_the_same_results() -> None:
    port = free_port()
    with head_node(ray_client_server_port=port) as cluster:
        cluster.add_node(num_cpus=2, object_store_memory=100 << 20)
        cluster.wait_for_nodes()
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, f"ray://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "workers": 2,
        "mapped": [0, 10, 20, 30, 40, 50],
        "run": ["A", "B"],
        "reports": [[0, 0], [0, 1], [1, 0], [1, 1]],
        "error": "this item is odd",
    }
